"""`credicorp-auth introspect`: introspection of a token by the authorization server."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

import click

from credicorp_auth.cli.exit_codes import DONE, REFUSED
from credicorp_auth.cli.identity import with_identity
from credicorp_auth.cli.issuer import format_option
from credicorp_auth.cli.rows import show_rows
from credicorp_auth.cli.shown_token import file_option, read_shown
from credicorp_auth.http.secret import Secret
from credicorp_auth.http.untrusted_text import escape_untrusted, hide_secrets

if TYPE_CHECKING:
    from credicorp_auth.auth import CredicorpAuth
    from credicorp_auth.oauth.introspection import Introspection


@click.command()
@with_identity
@file_option
@format_option
def introspect(auth: CredicorpAuth, *, source: TextIO, output: str) -> int:
    """
    Ask the server about the token on standard input, and show what it says.

    The exit code is 3 where the token is not active. A token is never an argument: every user of
    the machine can read those.
    """
    text = read_shown(source)
    response = auth.introspect(text)
    if output == "json":
        told = json.dumps(
            dict(response) | ({} if response else {"code": response.code}), default=dict
        )
        click.echo(hide_secrets(told, [Secret(text)]))
    else:
        show_rows(_rows(response, text))
    return DONE if response else REFUSED


def _rows(response: Introspection, text: str) -> dict[str, str]:
    if not response:
        return {"active": "no", "code": response.code or ""}
    # A server may echo the token; this command must not print it.
    shown = [Secret(text)]
    return {
        "active": "yes",
        "client": escape_untrusted(response.client_id or "(not told)", shown),
        "subject": escape_untrusted(response.subject or "(not told)", shown),
        "scope": str(response.scope) or "(none)",
        "expires": _spelt(response.expires_at),
    }


def _spelt(now: float | None) -> str:
    if now is None:
        return "(not told)"
    try:
        return f"{datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError):
        return f"{now:.0f}, beyond the calendar"
