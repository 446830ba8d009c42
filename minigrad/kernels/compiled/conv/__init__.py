"""Convolution and its gradients in loops that Numba compiles, by the tables of minigrad/kernels/conv_table.py.

emit.py             vector instructions, as a few words of which the kernels are made
tile.py             kernel: some positions × some results of y, or of the gradient of x
outer.py            kernel: some rows × some columns of the gradient of w, summed over positions
packing.py          copies in the order in which the kernels read
multiply.py         y and the gradient of x: all tiles and panels, shared out among threads
weight_gradient.py  the gradient of w: all taps, shared out among threads
depthwise.py        the same three where each channel has taps of its own
pixels.py           arrays of any shape and memory order as the kernels read them
convolution.py      what backend.py calls
"""
