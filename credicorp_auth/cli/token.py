"""Commands `token` and `header`: obtain a token, and show it or what is known about it."""

from __future__ import annotations

import json
import shlex
import time
from typing import TYPE_CHECKING

import click

from credicorp_auth.cli.options import with_client
from credicorp_auth.cli.output import note, show_rows, utc

if TYPE_CHECKING:
    from collections.abc import Mapping

    from credicorp_auth.auth import CredicorpAuth
    from credicorp_auth.engine.tokens.token_engine import TokenEngine
    from credicorp_auth.oauth.token import AccessToken


@click.command()
@with_client
@click.option(
    "--format",
    "output",
    type=click.Choice(["summary", "json", "token", "header", "env"]),
    default="summary",
    show_default=True,
    help="json, token, header and env show the token itself.",
)
@click.option("--reveal", is_flag=True, help="Show the token in the summary too.")
@click.option("--explain", is_flag=True, help="Show its origin, age and refresh times.")
def token(auth: CredicorpAuth, *, output: str, reveal: bool, explain: bool) -> None:
    """
    Obtain a token and show what it is; the token itself only if you request it.

    Pipe a token into the program that needs it. As an argument of a program, every user of the
    machine could read it: `credicorp-auth token --format token | credicorp-auth verify`
    """
    if explain and output not in {"summary", "json"}:
        raise click.UsageError("--explain goes with the formats summary and json.")
    obtained = _obtain(auth)
    explained = explain_token(auth, obtained) if explain else {}
    if output == "json":
        more = {"explained": explained} if explained else {}
        click.echo(json.dumps(_members(obtained) | more))
    elif output == "summary":
        _show(obtained, explained, reveal=reveal)
    else:
        click.echo(_line(obtained, output))


@click.command()
@with_client
def header(auth: CredicorpAuth) -> None:
    """
    Print the Authorization header, which contains the token.

    Pipe it, so that the token is no argument of curl, which every user of the machine could read:
    `credicorp-auth header | curl -H @- https://…`
    """
    click.echo(_line(_obtain(auth), "header"))


def _obtain(auth: CredicorpAuth) -> AccessToken:
    """Obtain a token; say on standard error if the next command cannot reuse it."""
    obtained = auth.get_token()
    if obtained.provenance.source == "minted" and not _engine(auth).keeps_between_processes:
        note(
            "note: this token was minted for this command alone, because the cache keeps no token "
            "after the process has ended. Set CREDICORP_CACHE (in a profile: `cache`) to file or "
            "redis, and the next command uses it again."
        )
    return obtained


def _engine(auth: CredicorpAuth) -> TokenEngine:
    return auth._engine  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - of the same distribution


def _line(obtained: AccessToken, output: str) -> str:
    value = obtained.value.reveal()
    if output == "header":
        return f"Authorization: {obtained.header()}"
    return value if output == "token" else f"CREDICORP_ACCESS_TOKEN={shlex.quote(value)}"


def _members(obtained: AccessToken) -> dict[str, object]:
    return {
        "access_token": obtained.value.reveal(),
        "token_type": obtained.token_type,
        "scope": str(obtained.scope),
        "expires_at": obtained.expires_at,
        "lifetime": obtained.lifetime,
    }


def _show(obtained: AccessToken, explained: Mapping[str, object], *, reveal: bool) -> None:
    left = obtained.expires_at - time.time()
    origin = obtained.provenance
    by = " ".join(each for each in (origin.adapter, origin.distribution, origin.version) if each)
    rows = {
        "token": obtained.value.reveal() if reveal else str(obtained.value),
        "type": obtained.token_type,
        "scope": str(obtained.scope) or "(the server's default)",
        "expires": f"{utc(obtained.expires_at)}, in {left:.0f} s of {obtained.lifetime:g} s",
        "origin": f"{origin.source} by {by}",
        **{name.replace("_", " "): str(value) for name, value in explained.items()},
    }
    show_rows(rows)


def explain_token(auth: CredicorpAuth, token: AccessToken) -> dict[str, object]:
    """
    Explain a token that was just obtained: its origin, its age and its refresh times.

    Args:
        auth: The client that obtained it.
        token: The token.

    Returns:
        Field names to text and numbers. Times are in UTC, ages in seconds.
    """
    origin = token.provenance
    explained: dict[str, object] = {
        "source": origin.source,
        "plugin": origin.adapter,
        "distribution": f"{origin.distribution} {origin.version}".strip() or "(the caller's own)",
        "issued": utc(origin.issued_at),
        "obtained": utc(origin.obtained_at),
        "age_when_obtained": round(origin.obtained_at - origin.issued_at, 1),
    }
    windows = _engine(auth).windows_of(token)
    if windows is not None:
        explained |= {
            "next_refresh": utc(origin.issued_at + windows.advisory),
            "callers_wait_from": utc(origin.issued_at + windows.mandatory),
            "never_used_from": utc(origin.issued_at + windows.lifetime),
        }
    return explained
