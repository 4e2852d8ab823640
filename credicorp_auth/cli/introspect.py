"""`credicorp-auth introspect`: ask the authorization server whether a token counts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

import click

from credicorp_auth.cli.endings import DONE, REFUSED
from credicorp_auth.cli.identity import with_identity
from credicorp_auth.cli.issuer import format_option
from credicorp_auth.cli.rows import show_rows
from credicorp_auth.cli.shown_token import file_option, read_shown
from credicorp_auth.oauth.foreign_text import hide_secrets, show_foreign_text
from credicorp_auth.oauth.secret import Secret

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
    answer = auth.introspect(text)
    if output == "json":
        told = json.dumps(dict(answer) | ({} if answer else {"code": answer.code}), default=dict)
        click.echo(hide_secrets(told, [Secret(text)]))
    else:
        show_rows(_rows(answer, text))
    return DONE if answer else REFUSED


def _rows(answer: Introspection, text: str) -> dict[str, str]:
    if not answer:
        return {"active": "no", "code": answer.code or ""}
    # A server may repeat the token; this command does not.
    shown = [Secret(text)]
    return {
        "active": "yes",
        "client": show_foreign_text(answer.client_id or "(not told)", shown),
        "subject": show_foreign_text(answer.subject or "(not told)", shown),
        "scope": str(answer.scope) or "(none)",
        "expires": _spelt(answer.expires_at),
    }


def _spelt(moment: float | None) -> str:
    if moment is None:
        return "(not told)"
    try:
        return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError):
        return f"{moment:.0f}, beyond the calendar"
