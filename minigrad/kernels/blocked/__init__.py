"""Kernels for NumPy arrays in NumPy alone: blocks that fit the cache, shared among threads."""
