"""Exercises: write backpropagation yourself, one function at a time, inside an engine that runs.

    python -m minigrad.learn start       write the exercises into the folder ./learn
    python -m minigrad.learn check       judge the next exercise, or `check 5`, `check broadcast`
    python -m minigrad.learn hint        one hint more
    python -m minigrad.learn solution    after it has passed: the reference, and why it is so
    python -m minigrad.learn status      the path, and where you are on it
    python -m minigrad.learn watch       check whenever a file is saved

Each function that you write replaces the engine's. At four milestones a network trains with all of yours: a perceptron
on digits, LeNet, a residual network, and Inception V3. README.md beside this file lists the exercises.
"""
