"""Commands `verify`, `introspect` and `revoke`: read a token from standard input or a file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TextIO

import click

from credicorp_auth.cli.options import (
    file_option,
    format_option,
    read_token,
    with_client,
    with_issuer,
)
from credicorp_auth.cli.output import DONE, REFUSED, ending_with, show_rows, utc
from credicorp_auth.http.secret import Secret
from credicorp_auth.http.untrusted_text import escape_untrusted, hide_secrets
from credicorp_auth.jose.base64url import MAX_SIGNED_TOKEN
from credicorp_auth.oauth.token import MAX_TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.auth import CredicorpAuth
    from credicorp_auth.jose.claims import Claims
    from credicorp_auth.oauth.introspection import Introspection
    from credicorp_auth.settings.schema import Settings


@click.command()
@with_issuer
@click.option("--audience", help="Audience that the token must have.")
@click.option("--scope", "required", help="Scope tokens that it must cover, separated by spaces.")
@file_option
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
    Verify the token on standard input, and show its claims.

    A token is never an argument: every user of the machine can read those. To verify your own:
    `credicorp-auth token --format token | credicorp-auth verify`
    """
    from credicorp_auth.resource.token_verifier import TokenVerifier  # noqa: PLC0415 - for this command alone

    text = read_token(source, limit=MAX_SIGNED_TOKEN, code="verify.format")
    with TokenVerifier.from_settings(build(audience=audience)) as verifier:
        claims = verifier.verify(text, required_scope=required)
    if output == "json":
        click.echo(json.dumps(dict(claims), default=dict))
    else:
        show_rows(_claims(claims))


def _claims(claims: Claims) -> dict[str, str]:
    return {
        "issuer": claims.issuer,
        "subject": claims.subject,
        "client": claims.client_id,
        "audience": " ".join(sorted(claims.audience)),
        "scope": str(claims.scope) or "(none)",
        "issued": utc(claims.issued_at),
        "expires": utc(claims.expires_at),
        "token id": claims.token_id,
    }


@click.command()
@with_client
@file_option
@format_option
def introspect(auth: CredicorpAuth, *, source: TextIO, output: str) -> int:
    """
    Ask the server about the token on standard input, and show its response.

    The exit code is 3 if the token is not active. A token is never an argument: every user of the
    machine can read those.
    """
    text = read_token(source, limit=MAX_TOKEN, code="token.format")
    response = auth.introspect(text)
    code = DONE if response else REFUSED
    with ending_with(code):
        if output == "json":
            members = dict(response) | ({} if response else {"code": response.code})
            click.echo(hide_secrets(json.dumps(members, default=dict), [Secret(text)]))
        else:
            show_rows(_introspection(response, text))
    return code


def _introspection(response: Introspection, text: str) -> dict[str, str]:
    if not response:
        return {"active": "no", "code": response.code or ""}
    # A server may echo the token; this command must not print it.
    shown = [Secret(text)]
    expires_at = response.expires_at
    return {
        "active": "yes",
        "client": escape_untrusted(response.client_id or "(not given)", shown),
        "subject": escape_untrusted(response.subject or "(not given)", shown),
        "scope": str(response.scope) or "(none)",
        "expires": "(not given)" if expires_at is None else utc(expires_at),
    }


@click.command()
@with_client
@file_option
@format_option
def revoke(auth: CredicorpAuth, *, source: TextIO, output: str) -> None:
    """
    Revoke the token on standard input, and drop it from the cache that the settings name.

    A token is never an argument: every user of the machine can read those.
    """
    auth.revoke(read_token(source, limit=MAX_TOKEN, code="token.format"))
    click.echo(json.dumps({"revoked": True}) if output == "json" else "revoked")
