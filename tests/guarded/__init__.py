"""Compiled kernels in guarded memory: ``python -m tests.guarded --seed S --count N``.

Compiled code may read or write outside of an array, use memory that was freed, or use what nobody has written, and
nobody notices. So here every array of NumPy, and all scratch memory of compiled code, ends or begins at a page that may
not be touched (``pages.py``): a process that does is ended by the system. Memory that is freed may not be touched
either, and memory that is new is full of NaN. Kernels get random shapes, options and memory orders (``kernels.py``),
and their results are compared with the reference.
"""
