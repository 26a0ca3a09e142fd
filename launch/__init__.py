"""Thin programs: flags in, one call."""

import os
import signal
import sys


def _leave(number, frame):
    os.write(2, b"interrupted: start the same command again to go on\n")
    os._exit(130)


# `python -m launch.NAME` comes here first, with this for a name. Where an exception
# rises while libraries load or devices start, it ends in a traceback or is swallowed;
# what is written is written whole or not at all, so that the process may end at once.
# A sweep that trains has a handler of its own, which saves first.
if sys.argv[0] == "-m":
    signal.signal(signal.SIGINT, _leave)
