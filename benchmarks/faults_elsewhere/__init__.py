"""The same faults in trainings with PyTorch Lightning, Accelerate, a plain script for torch, and minigrad.

    python -m venv elsewhere
    elsewhere/bin/pip install torch==2.13.0 lightning==2.6.6 accelerate==1.15.0 -e '.[train]'
    elsewhere/bin/python -m benchmarks.faults_elsewhere

The environment is one of its own: a torchvision of another version than torch keeps Lightning from starting.

Each program trains one small network on the same data, saves a checkpoint every four steps, and continues from the
newest one, as its documentation shows. A fault is put into it, its cause is taken away, and the program is started
again with the command that continues. What it then comes to is compared with its own result without a fault.
"""
