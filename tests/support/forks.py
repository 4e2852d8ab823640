"""A forked child that makes one check, while the threads of the parent are at work."""

from __future__ import annotations

import os
import signal
import warnings


def holds_in_a_child(check, seconds=20):
    """Fork; return whether `check` returns true in the child, within so many seconds."""
    with warnings.catch_warnings():
        # Python 3.12 warns of a fork beside other threads, which is the very thing to be tested.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:  # pragma: no cover - measured in the parent only
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(seconds)
        try:
            os._exit(0 if check() else 1)
        finally:
            os._exit(2)
    return 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
