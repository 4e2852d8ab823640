"""Command group `credicorp-auth`: loads the named command, and maps errors to exit codes."""

from __future__ import annotations

import errno
import sys
import traceback
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Final

import click

from credicorp_auth import errors
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

# Module of the command, and its line in `--help`: the first sentence of its own help.
COMMANDS: Final = {
    "adapters": ("adapters", "List installed and installable adapters, without importing any."),
    "cache": ("cache", "List or clear the cache that the settings name; tokens are not shown."),
    "discover": ("issuer", "Read the metadata of the issuer, else of the server at the base URL."),
    "doctor": ("doctor", "Check everything that is needed to get a token."),
    "header": ("token", "Print the Authorization header, which contains the token."),
    "introspect": (
        "verify",
        "Ask the server about the token on standard input, and show its response.",
    ),
    "jwks": (
        "issuer",
        "List the keys that the issuer publishes, and why some of them are not used.",
    ),
    "new": ("new", "Write a distribution for an adapter, complete with the tests of its contract."),
    "revoke": (
        "verify",
        "Revoke the token on standard input, and drop it from the cache that the settings name.",
    ),
    "sandbox": ("sandbox", "Run an authorization server and a small partner API on 127.0.0.1."),
    "token": (
        "token",
        "Obtain a token and show what it is; the token itself only if you request it.",
    ),
    "verify": ("verify", "Verify the token on standard input, and show its claims."),
}


_UNWRITABLE: Final = {errno.ENOSPC, errno.EFBIG, errno.EIO, errno.EBADF}


class LazyGroup(click.Group):
    """Command group that imports a command's module only when that command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted({*COMMANDS, *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command, and return it; None if there is none of that name."""
        if cmd_name in COMMANDS and cmd_name not in self.commands:
            module = import_module(f"credicorp_auth.cli.{COMMANDS[cmd_name][0]}")
            self.add_command(getattr(module, cmd_name))
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands, without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
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
