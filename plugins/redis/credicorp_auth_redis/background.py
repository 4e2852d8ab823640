"""Threads that nobody waits for."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def start_thread(work: Callable[[], None], *, name: str) -> bool:
    """
    Start a daemon thread, and say whether it was started.

    None can start where the interpreter is going down or the system has none left.

    Args:
        work: What it does.
        name: What it is called.
    """
    # On Python 3.11 starting a thread after the main thread has ended hangs for ever.
    if not threading.main_thread().is_alive():
        return False
    try:
        threading.Thread(target=work, name=name, daemon=True).start()
    except RuntimeError:
        return False
    return True
