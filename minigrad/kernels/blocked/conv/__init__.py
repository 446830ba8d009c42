"""Convolution and its gradients in NumPy alone.

convolution.py  the products: of columns and weights, and of columns and gradients
columns.py      what the taps of a block of positions meet, copied side by side
depthwise.py    the same where each channel has taps of its own
"""
