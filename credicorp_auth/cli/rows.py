"""Printer of names and values: columns on a terminal, else one pair per line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping


def show_rows(rows: Mapping[str, str]) -> None:
    """Print names and values."""
    console = Console(soft_wrap=True, highlight=False)
    if not console.is_terminal:
        for name, value in rows.items():
            click.echo(f"{name}: {value}")
        return
    table = Table(show_header=False, box=None)
    for name, value in rows.items():
        table.add_row(f"[bold]{name}[/bold]", value)
    console.print(table)
