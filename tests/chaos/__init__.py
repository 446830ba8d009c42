"""Chaos: real faults against small real runs of ``inception train``, each of which must end without a silent wrong.

    python -m tests.chaos --seed 1 --faults 100
    python -m tests.chaos --list

A run into which a fault was put must end in one of two ways. Either its weights and metrics are, after ``--resume``,
bit for bit those of a run without a fault; or it ends with an error of one line within ten seconds, the last good
state is kept, and ``--resume`` goes on from there to the same bits once the cause is gone. docs/reliability.md has a
table of such faults.
"""
