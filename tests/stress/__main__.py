"""Call kernels under stress, scenario after scenario, until the time is over.

    python -m tests.stress --minutes 30 --seed 1
    python -m tests.stress --only forks --seconds 60        one scenario

A process that does not end in time prints the stack of each of its threads, and is killed.
"""

from __future__ import annotations

import argparse
import faulthandler
import random
import signal
import subprocess
import sys
import time
from collections import Counter

from tests.stress import work
from tests.stress.scenarios import SCENARIOS

_PATIENCE = 120.0  # seconds beyond its time, after which a process counts as hung


def _here(name: str, seed: int, seconds: float) -> int:
    """Run a scenario in this process."""
    faulthandler.enable()
    if hasattr(signal, "SIGUSR1"):
        faulthandler.register(signal.SIGUSR1, all_threads=True)
    work.prepare()
    SCENARIOS[name](random.Random(f"{name} {seed}"), time.monotonic() + seconds)
    return 0


def _in_a_process(name: str, seed: int, seconds: float) -> str | None:
    """Run a scenario in a process of its own; return what went wrong."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.stress", "--only", name, "--here"]
    process = subprocess.Popen(
        [*command, "--seed", str(seed), "--seconds", str(seconds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        said, _ = process.communicate(timeout=seconds + _PATIENCE)
    except subprocess.TimeoutExpired:
        if hasattr(signal, "SIGUSR1"):
            process.send_signal(signal.SIGUSR1)
            time.sleep(2)
        process.kill()
        said, _ = process.communicate()
        return f"it hung\n{said}"
    return f"status {process.returncode}\n{said}" if process.returncode else None


def main() -> int:
    """Run the command line, and return the exit status: 1 if a scenario failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each scenario")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=SCENARIOS, help="run this scenario alone, once")
    parser.add_argument("--here", action="store_true", help="in this process")
    options = parser.parse_args()
    if options.here:
        return _here(options.only, options.seed, options.seconds)
    end, done, failed = time.monotonic() + 60 * options.minutes, Counter[str](), 0
    names = [options.only] if options.only else list(SCENARIOS)
    for number in range(10**9):
        name = names[number % len(names)]
        wrong = _in_a_process(name, options.seed + number, options.seconds)
        done[name] += 1
        if wrong is not None:
            failed += 1
            print(f"{name}, seed {options.seed + number}: {wrong}", flush=True)
        if options.only or (time.monotonic() >= end and number + 1 >= len(names)):
            break
    counts = ", ".join(f"{count} of {name}" for name, count in done.items())
    print(f"{done.total()} scenarios, {failed} failed: {counts}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
