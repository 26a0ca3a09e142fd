"""Thin programs: flags in, one call."""

import os
import signal
import sys

# Of these the same command, given once more, goes on where the first one was.
GO_ON = ("sweep", "train", "search", "paper")


def _leave(number, frame):
    name = " ".join(sys.orig_argv).partition("launch.")[2].partition(" ")[0]
    more = ": start the same command again to go on" if name in GO_ON else ""
    try:
        os.write(2, f"interrupted{more}\n".encode())
    finally:  # whoever read it may be gone
        os._exit(130)


# `python -m launch.NAME` comes here first, with this for a name. Where an exception
# rises while libraries load or devices start, it ends in a traceback or is swallowed;
# what is written is written whole or not at all, so that the process may end at once.
# A sweep that trains has a handler of its own, which saves first. A shell that starts
# a program in the background may tell it to ignore interrupts, which then holds.
if sys.argv[0] == "-m" and signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
    signal.signal(signal.SIGINT, _leave)
