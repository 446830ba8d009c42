"""Trains Inception V3 on pictures.

    python examples/train_inception.py                                    the clothing that ships with minigrad
    python examples/train_inception.py --data folder --root MY_PICTURES   train/CLASS/*.jpg and val/CLASS/*.jpg
    python examples/train_inception.py --recipe transfer --root … --weights inception_v3_google-0cc3c7bd.pth
    python examples/train_inception.py --help                             every option
    python examples/train_inception.py --resume runs/NAME                 go on where a run was stopped

What happens, to read in this order: the four phases of a training step and the loop around them are in
inception/training.py, the settings in inception/recipes.py, the pictures in inception/data.py, the model in
inception/model.py; the command line, files and reports are in inception/train_command.py.
"""

from __future__ import annotations

import sys

from inception.train_command import main

if __name__ == "__main__":
    sys.exit(main())
