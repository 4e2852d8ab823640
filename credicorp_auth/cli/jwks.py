"""`credicorp-auth jwks`: list of an issuer's keys, with the unusable ones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from credicorp_auth.cli.issuer import format_option, with_issuer
from credicorp_auth.http.untrusted_text import escape_untrusted
from credicorp_auth.wiring.engines import build_anonymous_runtime
from credicorp_auth.wiring.issuer import build_discovery, build_keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.jose.key_set import KeySet
    from credicorp_auth.settings.schema import Settings


@click.command()
@with_issuer
@format_option
def jwks(build: Callable[..., Settings], *, output: str) -> None:
    """List the keys that the issuer publishes, and why some of them are not used."""
    settings = build()
    runtime = build_anonymous_runtime(settings)
    try:
        keys = build_keys(settings, runtime, build_discovery(settings, runtime))
        rows = _rows(keys.obtain(settings.timeout))
    finally:
        runtime.transport.close()
    if output == "json":
        click.echo(json.dumps(rows, indent=2))
        return
    table = Table("kid", "type", "algorithm", "use", box=None)
    for row in rows:
        shown = escape(escape_untrusted(row["kid"] or "-", ()))
        table.add_row(shown, *(row[name] or "-" for name in ("kty", "alg", "use")))
    Console(soft_wrap=True, highlight=False).print(table)


def _rows(found: KeySet) -> list[dict[str, str | None]]:
    usable = [
        {"kid": key.kid, "kty": key.algorithm.kty, "alg": key.algorithm.name, "use": "verifies"}
        for key in found.keys
    ]
    dropped = [
        {"kid": each.kid, "kty": None, "alg": None, "use": f"dropped: {each.code}"}
        for each in found.dropped
    ]
    others = [
        {"kid": kid, "kty": None, "alg": None, "use": "another purpose"}
        for kid in sorted(found.others)
    ]
    return [*usable, *dropped, *others]
