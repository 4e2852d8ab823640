"""Command group `credicorp-auth`: registers the commands and maps errors to exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from credicorp_auth import errors
from credicorp_auth.cli.adapters import adapters
from credicorp_auth.cli.cache import cache
from credicorp_auth.cli.discover import discover
from credicorp_auth.cli.doctor import doctor
from credicorp_auth.cli.exit_codes import DONE, FAILED, INTERRUPTED, USAGE, exit_code_of
from credicorp_auth.cli.group import CommandGroup
from credicorp_auth.cli.header import header
from credicorp_auth.cli.introspect import introspect
from credicorp_auth.cli.jwks import jwks
from credicorp_auth.cli.revoke import revoke
from credicorp_auth.cli.token import token
from credicorp_auth.cli.verify import verify

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="credicorp-auth")
@click.option("--debug", is_flag=True, help="Show where an error came from.")
def credicorp_auth(*, debug: bool) -> None:
    """
    Obtain access tokens, and look at what obtains them.

    Secrets come from the environment (CREDICORP_CLIENT_SECRET), a profile or a secret source, never
    from an argument, which every user of the machine could read.
    """


for command in (
    adapters,
    cache,
    discover,
    doctor,
    header,
    introspect,
    jwks,
    revoke,
    token,
    verify,
):
    credicorp_auth.add_command(command)


def run(arguments: Sequence[str]) -> int:
    """
    Run one command.

    Args:
        arguments: The command-line arguments after the program's name.

    Returns:
        The exit code.
    """
    debug = "--debug" in arguments
    try:
        return _call(arguments)
    except errors.CredicorpAuthError as error:
        if debug:
            raise
        click.echo(
            f"error: {error.message}\ncode: {error.code}\nwhat to do: {error.hint}", err=True
        )
        return exit_code_of(error)
    except Exception as fault:
        if debug:
            raise
        kind = type(fault).__name__
        click.echo(f"error: unexpected {kind}; run again with --debug to see more", err=True)
        return FAILED


def _call(arguments: Sequence[str]) -> int:
    try:
        result = credicorp_auth.main(
            list(arguments), prog_name="credicorp-auth", standalone_mode=False
        )
    except click.exceptions.Abort:
        return INTERRUPTED
    except click.ClickException as misuse:
        misuse.show()
        return USAGE
    return result if isinstance(result, int) else DONE
