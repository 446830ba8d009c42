"""Kernels for CuPy arrays, in CUDA C++ that CuPy compiles."""
