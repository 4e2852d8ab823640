"""`credicorp-auth jwks`: the keys of an issuer, and which of them verify."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from credicorp_auth.cli.issuer import format_option, with_issuer
from credicorp_auth.issuer_wiring import build_discovery, build_keys
from credicorp_auth.oauth.foreign_text import show_foreign_text
from credicorp_auth.wiring import build_open_world

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.oauth.key_set import KeySet
    from credicorp_auth.settings import Settings


@click.command()
@with_issuer
@format_option
def jwks(build: Callable[..., Settings], *, output: str) -> None:
    """List the keys that the issuer publishes, and why some of them are not used."""
    settings = build()
    world = build_open_world(settings)
    try:
        keys = build_keys(settings, world, build_discovery(settings, world))
        rows = _rows(keys.obtain(settings.timeout))
    finally:
        world.transport.close()
    if output == "json":
        click.echo(json.dumps(rows, indent=2))
        return
    table = Table("kid", "type", "algorithm", "use", box=None)
    for row in rows:
        shown = escape(show_foreign_text(row["kid"] or "-", ()))
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
