"""Damaged files for every reader: ``python -m tests.fuzz READER --seed S --count N``.

Each case takes a sound file, damages it at random places (``mutations.py``), and reads it. A reader may return what is
in the file, or raise its own error with the file's name in the message. Everything else is a failure: another
exception, a crash, a case of more than five seconds, far more memory than the file has bytes, data that the format's
own checks tell to be damaged, a program that is started, a file that is written.
"""
