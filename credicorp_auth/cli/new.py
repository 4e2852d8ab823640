"""`credicorp-auth new`: project template for an adapter."""

from __future__ import annotations

from pathlib import Path

import click

from credicorp_auth_testing.scaffold import SHAPES, write_distribution


@click.command()
@click.argument("kind", type=click.Choice(list(SHAPES)))
@click.argument("name")
@click.option(
    "--into",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help="The folder in which it is made; this one if not given.",
)
def new(*, kind: str, name: str, into: Path) -> None:
    """
    Write a distribution for an adapter, complete with the tests of its contract.

    It works as it is written: install it, run its tests, and put your own place, or library, where
    the template has its own.
    """
    made = write_distribution(kind, name, into)
    click.echo(f"wrote {made}; next: cd {made} && pip install -e '.[test]' && python -m pytest")
