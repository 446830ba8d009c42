"""The program of one trial in a fresh process: ``python -m tests.chaos.alone DESCRIPTION``, which the trial calls."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from minigrad.kernels.threads import set_num_threads
from tests.chaos.trial import Laboratory, first_program, scene_of

if __name__ == "__main__":
    folder, seed, names, number = json.loads(sys.argv[1])
    set_num_threads(1)
    sys.exit(first_program(scene_of(Laboratory(Path(folder), seed, names), number)))
