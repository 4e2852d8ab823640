"""Records of all threads: what an adapter logs and warns about during a test."""

from __future__ import annotations

import logging
import traceback
import warnings
from collections.abc import Generator
from contextlib import contextmanager


class _Collecting(logging.Handler):
    """A handler that collects all log records, raw and formatted."""

    def __init__(self) -> None:
        super().__init__(level=1)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(f"{self.format(record)} {vars(record)}")
        if record.exc_info and record.exc_info[1]:
            shown = traceback.TracebackException.from_exception(
                record.exc_info[1], capture_locals=True
            )
            self.said.extend(shown.format())


@contextmanager
def listening_to_everything() -> Generator[list[str]]:
    """Collect the log records of all threads and levels, and all warnings."""
    handler, root = _Collecting(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(1)
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            yield handler.said
            handler.said.extend(f"{each.message} {each.source}" for each in warned)
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
