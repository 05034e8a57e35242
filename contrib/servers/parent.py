"""Servers for tests end when the process that started them ends."""

import ctypes
import os
import signal
from typing import Final

PR_SET_PDEATHSIG: Final = 1
"""From <sys/prctl.h>."""


def end_with_parent() -> None:
    """Have the kernel send SIGTERM to this process when its parent dies.

    A fixture ends its servers by pid; this is for the parent that is killed
    before it can: no server and no port is left behind.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() == 1:  # it died before the call
        os.kill(os.getpid(), signal.SIGTERM)
