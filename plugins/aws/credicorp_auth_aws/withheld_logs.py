"""
Keeping quiet what AWS's libraries say while they handle a secret.

At DEBUG botocore prints the whole body of an answer, and with it the secret, or the keys of a role.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Generator

# Only what is said in the course of our own call is withheld: other threads use botocore, too.
_in_our_call: Final = ContextVar("_in_our_call", default=False)


class _Withholding(logging.Filter):
    """Drops DEBUG records of our own call, and takes the traceback from the others."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not _in_our_call.get():
            return True
        # The frames of a traceback may hold an answer, and some handlers print their locals.
        record.exc_info = record.exc_text = record.stack_info = None
        return record.levelno > logging.DEBUG


@contextmanager
def withhold_logs() -> Generator[None]:
    """
    Drop what any logger is told at DEBUG by this thread, until the block ends.

    The filter sits on the loggers themselves, whoever configures them or adds handlers meanwhile.
    Each call brings a filter of its own, so calls that overlap do not end each other's silence.
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
