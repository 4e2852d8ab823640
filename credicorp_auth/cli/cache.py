"""`credicorp-auth cache`: listing and clearing of a shared cache."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Column, Table

from credicorp_auth.wiring.engines import open_listing_cache, settings_of

if TYPE_CHECKING:
    from credicorp_auth.plugin.api import ListingCache, Provider

_PROFILE = click.option("--profile", help="Take the settings from this profile of the TOML file.")


@click.group()
def cache() -> None:
    """Look at the cache that the settings name, or empty it; the tokens themselves stay unseen."""


@cache.command(name="list")
@_PROFILE
@click.option(
    "--format",
    "output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="How to show them.",
)
def list_entries(*, profile: str | None, output: str) -> None:
    """List names, ages and expiry of the entries; a name is a hash that tells nothing."""
    opened, _ = _open(profile)
    try:
        entries = opened.entries()
    finally:
        opened.close()
    if output == "json":
        rows = [
            {"name": each.key, "age": round(each.age, 3), "expires_in": round(each.expires_in, 3)}
            for each in entries
        ]
        click.echo(json.dumps(rows, indent=2))
        return
    table = Table(Column("name", min_width=64), "age", "expires in", box=None)
    for each in entries:
        table.add_row(each.key, f"{each.age:.0f} s", f"{each.expires_in:.0f} s")
    Console(soft_wrap=True, highlight=False).print(table)


@cache.command()
@_PROFILE
def clear(*, profile: str | None) -> None:
    """Drop every entry: whoever needs a token then mints a new one."""
    opened, provider = _open(profile)
    try:
        count = opened.clear()
    finally:
        opened.close()
    click.echo(f"dropped {count} from {provider}")


def _open(profile: str | None) -> tuple[ListingCache, Provider]:
    return open_listing_cache(settings_of(profile, os.environ))
