"""The command line of the exercises."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from minigrad.learn import screens
from minigrad.learn.check_file import check_file, run_milestone
from minigrad.learn.exercises import EXERCISES
from minigrad.learn.folder import (
    COMMAND,
    USUAL,
    Folder,
    Progress,
    UnknownExerciseError,
    file_name,
    find,
    next_exercise,
    number,
)
from minigrad.learn.milestones import MILESTONES, milestone_after
from minigrad.learn.record import Exercise
from minigrad.system import never_fail_to_print

EXAMPLES = """
You edit small files in a folder of yours, and each function that you write
replaces the engine's. A first session:

    python -m minigrad.learn start
    (edit learn/01_multiply.py)
    python -m minigrad.learn check
"""


class LearnError(Exception):
    """A command cannot be done; the message says why."""


def start(folder: Folder, progress: Progress, name: str | None) -> int:
    """Write the files that are missing, and show the next exercise."""
    if name:
        progress.started = find(name).slug
    written = folder.write_missing()
    folder.keep(progress)
    if len(written) == len(EXERCISES):
        print(f"{len(written)} exercises were written into the folder {folder.path}.\n")
    elif written:
        print(f"Written again: {', '.join(path.name for path in written)}. Your own files were left alone.\n")
    exercise = find(name) if name else next_exercise(progress)
    print(screens.task(exercise, folder) if exercise else _all_done(folder))
    return 0


def check(folder: Folder, progress: Progress, name: str | None) -> int:
    """Judge one exercise, or all."""
    if name == "all":
        return _check_all(folder, progress)
    exercise = find(name) if name else next_exercise(progress)
    if exercise is None:
        print(_all_done(folder))
        return 0
    ok = _check(folder, progress, exercise)
    milestone = milestone_after(exercise.slug)
    if ok and milestone and milestone.name not in progress.milestones:
        print()
        return train(folder, progress, milestone.name)
    return 0 if ok else 1


def _check(folder: Folder, progress: Progress, exercise: Exercise) -> bool:
    path = folder.file(exercise)
    if not path.exists():
        raise LearnError(f"{path} is not there. `{folder.command('start')}` writes it again.")
    checked = check_file(exercise, path)
    verdict = checked.verdict
    print(f"{screens.heading(exercise)}\n")
    if checked.printed:
        shown = checked.printed.rstrip().splitlines()
        print("Your code printed:\n")
        print("\n".join(f"    {line[:74]}" for line in shown[:10]) + ("\n    ..." if len(shown) > 10 else "") + "\n")
    if verdict.passed:
        print(screens.steps(exercise, verdict.done, "") + "\n")
        first = exercise.slug not in progress.passed
        if first:
            progress.passed.append(exercise.slug)
            folder.keep(progress)
        print(screens.passed(exercise, progress, folder) if first else f"Passed, as before: {exercise.title}.")
        return True
    if not verdict.unwritten:
        print(screens.steps(exercise, verdict.done, verdict.failed) + "\n")
    print(screens.filled("\n".join(verdict.lines)))
    if not verdict.unwritten:
        print(f"\nA hint: {folder.command(f'hint {number(exercise)}')}")
    if exercise.slug in progress.passed:
        progress.passed.remove(exercise.slug)
        folder.keep(progress)
        print("\nIt had passed before; it counts again when it passes again.")
    return False


def _check_all(folder: Folder, progress: Progress) -> int:
    failed = 0
    for exercise in EXERCISES:
        if not folder.file(exercise).exists():
            continue
        verdict = check_file(exercise, folder.file(exercise)).verdict
        word = "passed" if verdict.passed else "not written" if verdict.unwritten else f"fails: {verdict.failed}"
        failed += not verdict.passed
        print(f"{number(exercise):3}  {exercise.slug:18} {word}", flush=True)
        if verdict.passed != (exercise.slug in progress.passed):
            if verdict.passed:
                progress.passed.append(exercise.slug)
            else:
                progress.passed.remove(exercise.slug)
            folder.keep(progress)
    return 1 if failed else 0


def hint(folder: Folder, progress: Progress, name: str | None) -> int:
    """Show one hint more."""
    exercise = find(name) if name else next_exercise(progress)
    if exercise is None:
        print(_all_done(folder))
        return 0
    count = min(progress.hints.get(exercise.slug, 0) + 1, len(exercise.hints))
    progress.hints[exercise.slug] = count
    folder.keep(progress)
    print(screens.hints(exercise, count))
    return 0


def solution(folder: Folder, progress: Progress, name: str | None) -> int:
    """Show the reference of an exercise that has passed: by default of the last one."""
    if name is None and not progress.passed:
        raise LearnError("no exercise has passed yet. The reference of one is shown after it has passed.")
    exercise = find(name) if name else find(progress.passed[-1])
    if exercise.slug not in progress.passed:
        raise LearnError(
            f"exercise {number(exercise)} has not passed yet, and its reference is shown after that. "
            f"Stuck? `{folder.command(f'hint {number(exercise)}')}`; the third hint says nearly all."
        )
    print(screens.solution(exercise))
    return 0


def status(folder: Folder, progress: Progress, name: str | None) -> int:
    """Show the path."""
    print(screens.status(progress, folder))
    return 0


def train(folder: Folder, progress: Progress, name: str | None) -> int:
    """Train the network of a milestone: by default of the first that is open."""
    open_ones = [m for m in MILESTONES if m.name not in progress.milestones]
    milestone = next((m for m in MILESTONES if m.name == name), None) if name else (open_ones or MILESTONES)[0]
    if milestone is None:
        names = ", ".join(m.name for m in MILESTONES)
        raise LearnError(f"there is no milestone {name!r}; they are {names}.")
    if milestone.after not in progress.passed:
        last = find(milestone.after)
        raise LearnError(f"this milestone comes after exercise {number(last)} ({last.slug}), which has not passed yet.")
    print(f"Milestone: {milestone.title}, with your functions in place of the engine's.\n", flush=True)
    trained = run_milestone(milestone, folder.path)
    if trained.lines:
        print("\n" + screens.filled("\n".join(trained.lines)))
    if not trained.learned:
        print(f"\nNot reached yet. Again: {folder.command(f'milestone {milestone.name}')}")
        return 1
    if milestone.name not in progress.milestones:
        progress.milestones.append(milestone.name)
        folder.keep(progress)
    print("\nMilestone reached: this network learned by backpropagation that you wrote.")
    return 0


def watch(folder: Folder, progress: Progress, name: str | None) -> int:
    """Check whenever a file is saved, until Ctrl-C."""
    exercise = find(name) if name else next_exercise(progress)
    seen = dict(folder.changes())  # before the text, so that no save is missed
    print(screens.task(exercise, folder) if exercise else _all_done(folder))
    print(f"Watching {folder.path}: save a file to check it; Ctrl-C ends this.", flush=True)
    try:
        while True:
            time.sleep(0.3)
            now = dict(folder.changes())
            for changed in [e for e in now if now[e] != seen.get(e)]:
                print("\n" + "=" * screens.WIDTH + "\n")
                try:
                    check(folder, progress, changed.slug)
                except OSError as error:
                    print(f"{error}: trying again when it is saved.")
                following = next_exercise(progress)
                if following and following is not exercise:
                    print("\n" + "=" * screens.WIDTH + "\n\n" + screens.task(following, folder))
                exercise = following
                where = f"{file_name(following)} is next" if following else "all exercises have passed"
                print(f"\nWatching: {where}. Ctrl-C ends this.", flush=True)
            seen = now
    except KeyboardInterrupt:
        print()
        return 0


def _all_done(folder: Folder) -> str:
    return f"All {len(EXERCISES)} exercises have passed. `{folder.command('status')}` shows the path."


COMMANDS = {
    "start": (start, "write the exercises, and show the next one, or go to one that you name"),
    "check": (check, "judge the next exercise, or one that you name, or `all`"),
    "hint": (hint, "show one hint more; there are three for each exercise"),
    "solution": (solution, "after it has passed: the reference, and why it is so"),
    "status": (status, "show the path, and where you are on it"),
    "watch": (watch, "check a file whenever you save it"),
    "milestone": (train, "train a whole network with your functions"),
}


def main(argv: list[str] | None = None) -> int:
    """Run the command line, and return the exit status: 0 if all is well, 1 if a check failed, 2 for a mistake."""
    never_fail_to_print()
    parser = argparse.ArgumentParser(
        prog=COMMAND,
        description="Write backpropagation yourself, one function at a time.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="command")
    for name, (_, says) in COMMANDS.items():
        command = commands.add_parser(name, help=says, description=says.capitalize() + ".")
        if name != "status":
            what = "its name" if name == "milestone" else "its number or name; by default the next one"
            command.add_argument("exercise", nargs="?", help=what)
        command.add_argument("--folder", type=Path, default=USUAL, help="of your files (default: ./learn)")
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help()
        return 0
    folder = Folder(arguments.folder)
    try:
        if arguments.command != "start" and not folder.exists():
            raise LearnError(f"there are no exercises in the folder {folder.path} yet: `{folder.command('start')}`.")
        progress, warning = folder.progress()
        if warning:
            print(f"Note: {screens.filled(warning)}\n")
        return COMMANDS[arguments.command][0](folder, progress, getattr(arguments, "exercise", None))
    except KeyboardInterrupt:
        print("\nStopped.")
        return 130
    except (LearnError, UnknownExerciseError) as error:
        print(screens.filled(f"{COMMAND}: {error}"), file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of the output, such as `head`, has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        why = f"{error.strerror}: {error.filename}" if error.strerror and error.filename else str(error)
        print(screens.filled(f"{COMMAND}: {why}"), file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
