"""Command group `credicorp-auth`: loads the named command, and maps errors to exit codes."""

from __future__ import annotations

import errno
import sys
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import click

from credicorp_auth import errors
from credicorp_auth.cli.group import CommandGroup
from credicorp_auth.cli.output import (
    DONE,
    FAILED,
    INTERRUPTED,
    USAGE,
    OutputLost,
    exit_code_of,
    flush_stream,
    note,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNWRITABLE: Final = {errno.ENOSPC, errno.EFBIG, errno.EIO, errno.EBADF}


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="credicorp-auth")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def credicorp_auth(*, debug: bool) -> None:
    """
    Obtain access tokens, and diagnose problems.

    Secrets come from the environment (CREDICORP_CLIENT_SECRET), a profile or a secret source, never
    from an argument, which every user of the machine could read.
    """


def run(arguments: Sequence[str]) -> int:
    """
    Run one command.

    Args:
        arguments: The command-line arguments after the program's name.

    Returns:
        The exit code. `--debug` does not change it, nor does a full disk under standard error.
    """
    try:
        code, error = _call(arguments), None
    except Exception as raised:  # noqa: BLE001 - each has an exit code
        code, error = _code_of(raised), raised
    lost = flush_stream(sys.__stdout__)
    error = error or lost
    if error is not None:
        note(_message(error))
        if "--debug" in arguments:
            note("".join(traceback.format_exception(error)))
    flush_stream(sys.__stderr__)
    return code or (DONE if error is None else FAILED)


def _code_of(error: Exception) -> int:
    if isinstance(error, OutputLost):
        return error.code
    return exit_code_of(error) if isinstance(error, errors.CredicorpAuthError) else FAILED


def _message(error: Exception) -> str:
    if isinstance(error, errors.CredicorpAuthError):
        return f"error: {error.message}\ncode: {error.code}\nwhat to do: {error.hint}"
    cause = error.__cause__ if isinstance(error, OutputLost) else error
    if isinstance(cause, OSError) and cause.errno in _UNWRITABLE:
        return f"error: the output cannot be written: {cause.strerror}"
    return f"error: unexpected {type(error).__name__}; run again with --debug to see more"


def _call(arguments: Sequence[str]) -> int:
    try:
        result = credicorp_auth.main(
            list(arguments), prog_name="credicorp-auth", standalone_mode=False
        )
    except click.exceptions.Abort:
        return INTERRUPTED
    except click.ClickException as misuse:
        with suppress(OSError):
            misuse.show()
        return USAGE
    return result if isinstance(result, int) else DONE
