"""
Log filter for the time in which AWS's libraries handle a secret.

At DEBUG, botocore logs whole response bodies, which hold the secret or the keys of a role.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Generator

# Only records of our own call are dropped: other threads use botocore, too.
_in_our_call: Final = ContextVar("_in_our_call", default=False)


class _Withholding(logging.Filter):
    """Drops DEBUG records of our own call, and removes tracebacks from the others."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not _in_our_call.get():
            return True
        # The frames of a traceback may hold a response, and some handlers print their locals.
        record.exc_info = record.exc_text = record.stack_info = None
        return record.levelno > logging.DEBUG


@contextmanager
def withhold_logs() -> Generator[None]:
    """
    Drop this thread's DEBUG records, of all loggers, until the block ends.

    The filter is on the loggers, so handlers that are added meanwhile cannot bypass it. Each call
    adds its own filter, so that overlapping calls do not remove each other's.
    """
    root, ours = logging.getLogger(), _Withholding()
    named = list(root.manager.loggerDict.values())
    loggers = [root, *(each for each in named if isinstance(each, logging.Logger))]
    for logger in loggers:
        logger.addFilter(ours)
    token = _in_our_call.set(True)
    try:
        yield
    finally:
        _in_our_call.reset(token)
        for logger in loggers:
            logger.removeFilter(ours)
