"""`credicorp-auth adapters`: list of the adapters, made without importing any of them."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from credicorp_auth.errors import CredicorpAuthError
from credicorp_auth.http.untrusted_text import escape_untrusted
from credicorp_auth.plugin.loading.listing import adapters_of, list_adapters
from credicorp_auth.wiring.engines import operators_registry, settings_of

if TYPE_CHECKING:
    from credicorp_auth.plugin.loading.listing import AdapterInfo
    from credicorp_auth.plugin.loading.registry import Kind

_WIDE = 200  # characters: wide enough for a file, in which lines are not wrapped
_COLUMNS = ("kind", "name", "state", "distribution", "version", "core", "warning")


@click.command()
@click.option("--profile", help="Mark what this profile of the TOML file chooses as active.")
@click.option(
    "--format",
    "output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="How to show them.",
)
def adapters(*, profile: str | None, output: str) -> None:
    """List the adapters that are installed or could be, and how each stands; none is imported."""
    active: list[tuple[Kind, str]] = []
    with suppress(CredicorpAuthError):  # list the adapters even if the settings are invalid
        active = adapters_of(settings_of(profile, os.environ))
    rows = [_row(each) for each in list_adapters(operators_registry(os.environ), active)]
    if output == "json":
        click.echo(json.dumps(rows, indent=2))
        return
    # Folded, not cut: a warning that ends in an ellipsis does not say what to do.
    table = Table(*(Column(each, overflow="fold") for each in _COLUMNS), box=None)
    for row in rows:
        shown = (escape_untrusted(str(row[name]), ()) for name in _COLUMNS)
        table.add_row(*map(Text, shown))  # escapes rich's markup in names
    Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE).print(table)


def _row(listed: AdapterInfo) -> dict[str, object]:
    return {
        "kind": listed.kind.name,
        "name": listed.provider.name,
        "state": listed.state.value,
        "distribution": listed.provider.distribution,
        "version": listed.provider.version,
        "core": listed.core_range,
        "boxed": listed.built_in,
        "warning": listed.warning,
    }
