"""Kernels under stress: ``python -m tests.stress --minutes M --seed S``.

Scenarios (``scenarios.py``) run one after the other, each in a process of its own: kernels called from eight threads at
once, from signal handlers, in copies of the process, in fresh workers, on one core, at the exit of the interpreter, and
interrupted at any moment. A result that differs from the first one is a failure, and so is a process that does not end.
"""
