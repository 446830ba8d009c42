"""Kernels for NumPy arrays that Numba compiles when they are first used."""
