"""
Log filter for the time in which botocore handles a secret.

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


def _withhold(record: logging.LogRecord) -> bool:
    """Drop DEBUG records of our own call, and remove tracebacks from the others."""
    if not _in_our_call.get():
        return True
    # The frames of a traceback may hold a response, and some handlers print their locals.
    record.exc_info = record.exc_text = record.stack_info = None
    return record.levelno > logging.DEBUG


@contextmanager
def withhold_logs() -> Generator[None]:
    """
    Drop this thread's DEBUG records of botocore until the block ends.

    The filter is on botocore's loggers, so handlers that are added meanwhile cannot bypass it. It
    stays there, and passes every record outside the block.
    """
    for name in [*logging.root.manager.loggerDict]:
        if name.startswith("botocore"):
            logging.getLogger(name).addFilter(_withhold)
    token = _in_our_call.set(True)
    try:
        yield
    finally:
        _in_our_call.reset(token)
