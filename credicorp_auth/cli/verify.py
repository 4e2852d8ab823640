"""`credicorp-auth verify`: verifies a token and shows its claims."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

import click

from credicorp_auth.cli.issuer import format_option, with_issuer
from credicorp_auth.cli.rows import show_rows
from credicorp_auth.jose.compact import MAX_SIGNED_TOKEN
from credicorp_auth.resource.token_verifier import TokenVerifier

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.jose.claims import Claims
    from credicorp_auth.settings.schema import Settings


@click.command()
@with_issuer
@click.option("--audience", help="Whom the token must be meant for.")
@click.option("--scope", "required", help="Scope tokens that it must cover, separated by spaces.")
@click.option(
    "--file",
    "source",
    type=click.File(encoding="utf-8"),
    default="-",
    help="Where the token is; standard input when not given.",
)
@format_option
def verify(
    build: Callable[..., Settings],
    *,
    audience: str | None,
    required: str | None,
    source: TextIO,
    output: str,
) -> None:
    """
    Verify the token on standard input, and show what it says.

    A token is never an argument: every user of the machine can read those.
    """
    # Read more than the limit, so that a longer text is rejected and not truncated.
    text = source.read(MAX_SIGNED_TOKEN + 2).removesuffix("\n")
    with TokenVerifier.from_settings(build(audience=audience)) as verifier:
        claims = verifier.verify(text, required_scope=required)
    if output == "json":
        click.echo(json.dumps(dict(claims), default=dict))
    else:
        _show(claims)


def _show(claims: Claims) -> None:
    show_rows(
        {
            "issuer": claims.issuer,
            "subject": claims.subject,
            "client": claims.client_id,
            "audience": " ".join(sorted(claims.audience)),
            "scope": str(claims.scope) or "(none)",
            "issued": f"{datetime.fromtimestamp(claims.issued_at, UTC):%Y-%m-%dT%H:%M:%SZ}",
            "expires": f"{datetime.fromtimestamp(claims.expires_at, UTC):%Y-%m-%dT%H:%M:%SZ}",
            "token id": claims.token_id,
        }
    )
