"""`credicorp-auth sandbox`: partner API on loopback, for experiments."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import click

from credicorp_auth.errors import MissingSetting


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
    missing = [each for each in ("flask", "authlib") if find_spec(each) is None]
    if missing:
        raise MissingSetting(
            f"the sandbox needs {' and '.join(missing)}",
            code="plugin.missing",
            hint="install the extra: pip install 'credicorp-auth[sandbox]'",
        )
    from credicorp_auth_testing.sandbox import SandboxSettings, serve  # noqa: PLC0415 - it needs the extra

    settings = SandboxSettings(
        port=port, expires_in=expires_in, token_latency=token_latency, algorithm=algorithm
    )
    serve(settings, sys.stdout)
