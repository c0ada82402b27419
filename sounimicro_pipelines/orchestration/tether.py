"""Run by its path, as `tether.py PARENT COMMAND…`: becomes COMMAND, which ends when it is asked to, or with PARENT.

A supervisor that is killed outright asks nobody to stop. Its services would work on with nobody looking after them,
and hold the ports that the next `serve` needs; Linux can tie them to it. And a shell without job control lets what it
starts with `&` ignore SIGINT. Dagster's code servers take that over for SIGTERM, and could only be killed. Whoever
started the supervisor may have let SIGTERM be ignored as well.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
"""linux/prctl.h: the signal that this process gets when its parent ends; it stays through execv."""


def tie_to(parent: int) -> None:
    """Ask for SIGTERM at the end of `parent`, which may have ended already."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    for asked in (signal.SIGINT, signal.SIGTERM):
        signal.signal(asked, signal.SIG_DFL)
    tie_to(int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - the supervisor's own command
