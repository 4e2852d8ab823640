"""Background daemon threads."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def start_thread(work: Callable[[], None], *, name: str) -> bool:
    """
    Start a daemon thread, and return whether it was started.

    None can start during interpreter shutdown, or when the system is out of threads.

    Args:
        work: The function to run.
        name: Name of the thread.
    """
    # On Python 3.11, starting a thread after the main thread has ended hangs forever.
    if not threading.main_thread().is_alive():
        return False
    try:
        threading.Thread(target=work, name=name, daemon=True).start()
    except RuntimeError:
        return False
    return True
