"""`credicorp-auth cache`: listing and clearing of a shared cache."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Final

import click

from credicorp_auth.cli.options import profile_option, table_option

if TYPE_CHECKING:
    from credicorp_auth.plugin.api import ListingCache, Provider

_TIMEOUT: Final = 5.0  # seconds


@click.group()
def cache() -> None:
    """List or clear the cache that the settings name; tokens are not shown."""


@cache.command(name="list")
@profile_option
@table_option
def list_entries(*, profile: str | None, output: str) -> None:
    """List names, ages and expiry of the entries; a name is a hash and reveals nothing."""
    opened, _ = _open(profile)
    try:
        entries = opened.entries(timeout=_TIMEOUT)
    finally:
        opened.close()
    if output == "json":
        rows = [
            {"name": each.key, "age": round(each.age, 3), "expires_in": round(each.expires_in, 3)}
            for each in entries
        ]
        click.echo(json.dumps(rows, indent=2))
        return
    from rich.console import Console  # noqa: PLC0415 - only a table needs it
    from rich.table import Column, Table  # noqa: PLC0415 - as above

    table = Table(Column("name", min_width=64), "age", "expires in", box=None)
    for each in entries:
        table.add_row(each.key, f"{each.age:.0f} s", f"{each.expires_in:.0f} s")
    Console(soft_wrap=True, highlight=False).print(table)


@cache.command()
@profile_option
def clear(*, profile: str | None) -> None:
    """Drop every entry; the next call that needs a token mints one."""
    opened, provider = _open(profile)
    try:
        count = opened.clear(timeout=_TIMEOUT)
    finally:
        opened.close()
    click.echo(f"dropped {count} from {provider}")


def _open(profile: str | None) -> tuple[ListingCache, Provider]:
    from credicorp_auth.wiring.engines import open_listing_cache, settings_of  # noqa: PLC0415 - `--help` needs none

    return open_listing_cache(settings_of(profile, os.environ))
