"""The commands of ``python -m inception``: train, evaluate, predict, export, verify."""
