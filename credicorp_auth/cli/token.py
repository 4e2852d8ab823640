"""`credicorp-auth token`: obtains a token and describes it."""

from __future__ import annotations

import json
import shlex
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from credicorp_auth.cli.explain import explain_token
from credicorp_auth.cli.identity import with_identity
from credicorp_auth.cli.rows import show_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from credicorp_auth.auth import CredicorpAuth
    from credicorp_auth.oauth.token import AccessToken


@click.command()
@with_identity
@click.option(
    "--format",
    "output",
    type=click.Choice(["summary", "json", "header", "env"]),
    default="summary",
    show_default=True,
    help="json, header and env show the token itself.",
)
@click.option("--reveal", is_flag=True, help="Show the token in the summary too.")
@click.option("--explain", is_flag=True, help="Say where it came from and what comes next.")
def token(auth: CredicorpAuth, *, output: str, reveal: bool, explain: bool) -> None:
    """Obtain a token and show what it is; the token itself only when asked for."""
    if explain and output not in {"summary", "json"}:
        raise click.UsageError("--explain goes with the formats summary and json.")
    obtained = auth.get_token()
    told = explain_token(auth, obtained) if explain else {}
    if output == "json":
        click.echo(json.dumps(_members(obtained) | ({"explained": told} if told else {})))
    elif output == "header":
        click.echo(f"Authorization: {obtained.header()}")
    elif output == "env":
        click.echo(f"CREDICORP_ACCESS_TOKEN={shlex.quote(obtained.value.reveal())}")
    else:
        _show(obtained, told, reveal=reveal)


def _members(obtained: AccessToken) -> dict[str, object]:
    return {
        "access_token": obtained.value.reveal(),
        "token_type": obtained.token_type,
        "scope": str(obtained.scope),
        "expires_at": obtained.expires_at,
        "lifetime": obtained.lifetime,
    }


def _show(obtained: AccessToken, told: Mapping[str, object], *, reveal: bool) -> None:
    left = obtained.expires_at - time.time()
    end = datetime.fromtimestamp(obtained.expires_at, UTC)
    origin = obtained.provenance
    by = " ".join(each for each in (origin.adapter, origin.distribution, origin.version) if each)
    rows = {
        "token": obtained.value.reveal() if reveal else str(obtained.value),
        "type": obtained.token_type,
        "scope": str(obtained.scope) or "(the server's default)",
        "expires": f"{end:%Y-%m-%dT%H:%M:%SZ}, in {left:.0f} s of {obtained.lifetime:g} s",
        "origin": f"{origin.source} by {by}",
        **{name.replace("_", " "): str(value) for name, value in told.items()},
    }
    show_rows(rows)
