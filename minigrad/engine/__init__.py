"""The engine: an operation records itself on the way forward, and the chain rule walks the record backward.

Two files hold the idea: ``function.py`` (what an operation is, and how it is recorded) and ``backward.py`` (the sweep).
"""
