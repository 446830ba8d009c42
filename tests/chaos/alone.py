"""The program of one trial in a fresh process: ``python -m tests.chaos.alone DESCRIPTION``, which the trial calls."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from minigrad.kernels.threads import set_num_threads
from tests.chaos import small_run
from tests.chaos.trial import Laboratory, first_program, scene_of

if __name__ == "__main__":
    folder, seed, names, quick, number = json.loads(sys.argv[1])
    set_num_threads(1)
    if quick:
        small_run.compute_nothing()
    sys.exit(first_program(scene_of(Laboratory(Path(folder), seed, names, quick), number)))
