"""`credicorp-auth header`: the Authorization header line, for curl and similar tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from credicorp_auth.cli.identity import with_identity

if TYPE_CHECKING:
    from credicorp_auth.auth import CredicorpAuth


@click.command()
@with_identity
def header(auth: CredicorpAuth) -> None:
    """
    Print the Authorization header, token and all.

    For example: curl -H "$(credicorp-auth header)" https://…
    """
    click.echo(f"Authorization: {auth.header()}")
