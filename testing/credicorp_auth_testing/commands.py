"""
Commands that this distribution adds to `credicorp-auth`: `new` and `sandbox`.

The command line imports this module only when one of them is called, so click is there.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from credicorp_auth_testing.scaffold import SHAPES, write_distribution

CREDICORP_API = 1


@click.command()
@click.argument("kind", type=click.Choice(list(SHAPES)))
@click.argument("name")
@click.option(
    "--into",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help="The parent of the new folder; by default the current folder.",
)
def new(*, kind: str, name: str, into: Path) -> None:
    """
    Write a distribution for an adapter, with the tests of its contract.

    It works as written: install it, run its tests, then replace the template's storage or library
    by your own.
    """
    made = write_distribution(kind, name, into)
    click.echo(f"wrote {made}; next: cd {made} && pip install -e '.[test]' && python -m pytest")


@click.command()
@click.option("--port", default=0, show_default=True, help="Where to listen; 0 for any free port.")
@click.option("--expires-in", default=3600.0, show_default=True, help="Seconds a token lives.")
@click.option("--token-latency", default=0.0, show_default=True, help="Seconds a mint takes.")
@click.option(
    "--algorithm",
    type=click.Choice(["RS256", "ES256"]),
    default="RS256",
    show_default=True,
    help="How tokens are signed.",
)
def sandbox(*, port: int, expires_in: float, token_latency: float, algorithm: str) -> None:
    """
    Run an authorization server and a small partner API on 127.0.0.1.

    One line of JSON says when it is ready and how to reach it. It stops on SIGTERM or Ctrl-C.
    """
    from credicorp_auth_testing.sandbox import SandboxSettings, serve  # noqa: PLC0415 - Flask is slow to import

    settings = SandboxSettings(
        port=port, expires_in=expires_in, token_latency=token_latency, algorithm=algorithm
    )
    serve(settings, sys.stdout)
