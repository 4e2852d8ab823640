"""Output of the commands: exit codes, times, and names with their values."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from errno import EPIPE
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

import click

from credicorp_auth import errors

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
REFUSED: Final = 3
UNREACHABLE: Final = 4
INTERRUPTED: Final = 130

_CODES: Final = (
    (errors.ConfigurationError, USAGE),
    (errors.UsageError, USAGE),
    (errors.OriginNotAllowed, USAGE),
    (errors.TokenRequestRefused, REFUSED),
    (errors.ScopeNotGranted, REFUSED),
    (errors.KeysUnavailable, UNREACHABLE),
    (errors.VerificationFailed, REFUSED),
)


def exit_code_of(error: errors.CredicorpAuthError) -> int:
    """Return the exit code for an error."""
    if isinstance(error, errors.SecretUnavailable):
        return UNREACHABLE if error.retryable else USAGE
    return next((code for kind, code in _CODES if isinstance(error, kind)), UNREACHABLE)


class OutputLost(Exception):
    """
    The output of a command could not be written.

    Args:
        code: The exit code of the command: what it found, if that was not 0.
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@contextmanager
def ending_with(code: int) -> Generator[None]:
    """Write the output of a command whose exit code is known, and keep that code if this fails."""
    try:
        yield
    except OSError as error:
        if error.errno == EPIPE:  # click ends quietly
            raise
        raise OutputLost(code or FAILED) from error


def note(text: str) -> None:
    """Write a line to standard error, if that can be written."""
    with suppress(OSError):
        click.echo(text, err=True)


def flush_stream(stream: TextIO | None) -> OSError | None:
    """
    Flush a standard stream; return the error if it cannot be written.

    What could not be written is then dropped. Python would try again at exit, and change the exit
    code to 120.
    """
    if stream is None:  # it was closed before the program started
        return None
    try:
        stream.flush()
    except OSError as error:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())
        return error
    return None


def is_terminal() -> bool:
    """Return whether standard output is a terminal; it may be closed, which is None."""
    return bool(sys.__stdout__ and sys.__stdout__.isatty())


def utc(epoch_seconds: float) -> str:
    """Return a time as text, in UTC; one that no calendar has as its number of seconds."""
    try:
        return f"{datetime.fromtimestamp(epoch_seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError):
        return f"{epoch_seconds:.0f}, beyond the calendar"


def show_rows(rows: Mapping[str, str]) -> None:
    """Print names and values: columns on a terminal, else one pair per line."""
    if not is_terminal():
        for name, value in rows.items():
            click.echo(f"{name}: {value}")
        return
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
    from rich.table import Table  # noqa: PLC0415 - only a terminal needs it
    from rich.text import Text  # noqa: PLC0415 - only a terminal needs it

    table = Table(show_header=False, box=None)
    for name, value in rows.items():
        table.add_row(f"[bold]{name}[/bold]", Text(value))
    Console(soft_wrap=True, highlight=False).print(table)
