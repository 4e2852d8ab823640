"""
Threads of the engine: short-lived daemons that run in-flight calls and background tasks.

They are started below `threading.Thread`, whose `start` holds a lock of the interpreter for a
moment. If a signal handler ran just then and waited for a call, that call's thread would wait for
the lock, and the handler until its deadline.
"""

from __future__ import annotations

import _thread
import contextvars
import os
import sys
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_RUNNING: Final[dict[object, str]] = {}


def running_threads() -> list[str]:
    """Return the names of the engine's threads that are running now."""
    return list(_RUNNING.values())


def start_thread(
    name: str, run: Callable[[], None], context: contextvars.Context | None = None
) -> bool:
    """
    Start a short-lived daemon thread.

    Args:
        name: What it does.
        run: The function to run; it must not raise.
        context: The context to run it in; by default a copy of the caller's.

    Returns:
        False if no thread can start: the interpreter is shutting down, or the system is out of
        threads.
    """
    # On Python 3.11 starting a thread after the main thread has ended hangs for ever.
    if not threading.main_thread().is_alive():
        return False
    context = contextvars.copy_context() if context is None else context
    thread = object()
    started = False
    try:
        _RUNNING[thread] = name
        # Tracing comes first, as in `threading.Thread`, so that debuggers see what runs.
        _thread.start_new_thread(
            context.run,
            (lambda: _run(thread, run, sys.settrace(threading.gettrace())),),  # type: ignore[func-returns-value]
        )
        started = True
    except RuntimeError:
        return False
    finally:
        if not started:
            _RUNNING.pop(thread, None)
    return started


def _run(thread: object, run: Callable[[], None], _traced: None) -> None:
    try:
        run()
    finally:
        _RUNNING.pop(thread, None)


def start_or_run(name: str, run: Callable[[], None]) -> None:
    """Run a function on a new thread; run it inline if no thread can start."""
    if not start_thread(name, run):
        contextvars.copy_context().run(run)


if hasattr(os, "register_at_fork"):  # absent on Windows, which cannot fork
    os.register_at_fork(after_in_child=_RUNNING.clear)
