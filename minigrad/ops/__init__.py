"""The primitives: for every operation its formula, its ``forward`` on arrays, and its derivative.

An operation is a class, and ``Op.apply(x, y)`` runs it on tensors that have been checked and have one dtype. The
functions that users call are in ``minigrad/functions/``, one floor above. A ``backward`` is written in the operators
and methods of its tensors, which are differentiable, or it applies primitives.
"""
