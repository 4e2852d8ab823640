"""`credicorp-auth discover`: metadata of an authorization server, with rejected endpoints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from credicorp_auth.cli.issuer import format_option, with_issuer
from credicorp_auth.cli.rows import show_rows
from credicorp_auth.wiring.engines import build_anonymous_runtime
from credicorp_auth.wiring.issuer import build_discovery

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.oauth.metadata import ServerMetadata
    from credicorp_auth.settings.schema import Settings


@click.command()
@with_issuer
@format_option
def discover(build: Callable[..., Settings], *, output: str) -> None:
    """Read the metadata of the issuer, else of the server at the base URL."""
    settings = build()
    if settings.discovery == "off":
        settings = build(discovery="on")
    runtime = build_anonymous_runtime(settings)
    discovery = build_discovery(settings, runtime)
    assert discovery is not None  # noqa: S101 - for type checkers: it is not off
    try:
        metadata = discovery.metadata.obtain(settings.timeout)
    finally:
        runtime.transport.close()
    if output == "json":
        click.echo(json.dumps(_members(metadata)))
        return
    refused = {
        name: f"refused: {error.message} [{error.code}]" for name, error in metadata.refused.items()
    }
    methods = "(not told)" if metadata.methods is None else " ".join(sorted(metadata.methods))
    show_rows(
        {
            "issuer": metadata.issuer,
            "read at": settings.metadata_url,
            **metadata.endpoints,
            **refused,
            "authentication": methods,
        }
    )


def _members(metadata: ServerMetadata) -> dict[str, object]:
    return {
        "issuer": metadata.issuer,
        "endpoints": dict(metadata.endpoints),
        "refused": {name: error.code for name, error in metadata.refused.items()},
        "token_endpoint_auth_methods": sorted(metadata.methods or ()) or None,
    }
