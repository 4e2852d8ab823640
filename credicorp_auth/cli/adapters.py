"""`credicorp-auth adapters`: list of the adapters, made without importing any of them."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from credicorp_auth.cli.options import table_option
from credicorp_auth.cli.output import is_terminal
from credicorp_auth.errors import CredicorpAuthError
from credicorp_auth.http.untrusted_text import escape_untrusted

if TYPE_CHECKING:
    from credicorp_auth.plugin.loading.kinds import Kind
    from credicorp_auth.plugin.loading.listing import AdapterInfo

_WIDE = 200  # characters: wide enough for a file, in which lines are not wrapped
_COLUMNS = ("kind", "name", "state", "distribution", "version", "core", "warning")


@click.command()
@click.option("--profile", help="Mark the adapters of this profile of the TOML file as active.")
@table_option
def adapters(*, profile: str | None, output: str) -> None:
    """List installed and installable adapters, without importing any."""
    from credicorp_auth.plugin.loading.listing import list_adapters  # noqa: PLC0415 - `--help` needs none
    from credicorp_auth.wiring.adapters import adapters_of, operators_registry  # noqa: PLC0415 - as above
    from credicorp_auth.wiring.engines import settings_of  # noqa: PLC0415 - as above

    active: list[tuple[Kind, str]] = []
    with suppress(CredicorpAuthError):  # list the adapters even if the settings are invalid
        active = adapters_of(settings_of(profile, os.environ))
    rows = [_row(each) for each in list_adapters(operators_registry(os.environ), active)]
    if output == "json":
        click.echo(json.dumps(rows, indent=2))
        return
    from rich.console import Console  # noqa: PLC0415 - only a table needs it
    from rich.table import Column, Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    # Folded, not cut: a warning that ends in an ellipsis does not say what to do.
    table = Table(*(Column(each, overflow="fold") for each in _COLUMNS), box=None)
    for row in rows:
        shown = (escape_untrusted(str(row[name]), ()) for name in _COLUMNS)
        table.add_row(*map(Text, shown))  # escapes rich's markup in names
    Console(highlight=False, width=None if is_terminal() else _WIDE).print(table)


def _row(listed: AdapterInfo) -> dict[str, object]:
    return {
        "kind": listed.kind.name,
        "name": listed.provider.name,
        "state": listed.state.value,
        "distribution": listed.provider.distribution,
        "version": listed.provider.version,
        "core": listed.core_range,
        "own": listed.is_own,
        "warning": listed.warning,
    }
