"""Figures of the book. The code cells of the chapters draw them, so that each shows what the engine computes."""
