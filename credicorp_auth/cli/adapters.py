"""`credicorp-auth adapters`: what is installed, without importing any of it."""

from __future__ import annotations

import json
import os

import click
from rich.console import Console
from rich.table import Table

from credicorp_auth.wiring import operators_registry


@click.command()
@click.option(
    "--format",
    "output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="How to show them.",
)
def adapters(*, output: str) -> None:
    """List the adapters that are installed, by the distributions that provide them."""
    rows = [
        {
            "kind": each.kind.name,
            "name": each.provider.name,
            "distribution": each.provider.distribution,
            "version": each.provider.version,
            "boxed": each.boxed,
        }
        for each in operators_registry(os.environ).listed()
    ]
    if output == "json":
        click.echo(json.dumps(rows, indent=2))
        return
    table = Table("kind", "name", "distribution", "version", "in the box", box=None)
    for row in rows:
        boxed = "yes" if row["boxed"] else "no"
        cells = (str(row[name]) for name in ("kind", "name", "distribution", "version"))
        table.add_row(*cells, boxed)
    Console(soft_wrap=True, highlight=False).print(table)
