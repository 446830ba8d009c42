"""Speed and memory beside torch, measured in one run: ``python -m benchmarks``."""
