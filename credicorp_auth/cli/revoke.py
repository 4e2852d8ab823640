"""`credicorp-auth revoke`: revocation of a token by the authorization server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TextIO

import click

from credicorp_auth.cli.identity import with_identity
from credicorp_auth.cli.issuer import format_option
from credicorp_auth.cli.shown_token import file_option, read_shown

if TYPE_CHECKING:
    from credicorp_auth.auth import CredicorpAuth


@click.command()
@with_identity
@file_option
@format_option
def revoke(auth: CredicorpAuth, *, source: TextIO, output: str) -> None:
    """
    Revoke the token on standard input, and drop it from the cache that the settings name.

    A token is never an argument: every user of the machine can read those.
    """
    auth.revoke(read_shown(source))
    click.echo(json.dumps({"revoked": True}) if output == "json" else "revoked")
