"""Small programs in the styles that people write for torch. They import torch, and run on minigrad unchanged.

``test_programs.py`` runs each on both engines and compares what they print. All numbers that a program begins with are
NumPy's, and it computes in float64, so that only rounding may differ. ``python -m parity_tests.programs FOLDER`` does
the same with a folder of any programs.
"""
