"""Commands `discover` and `jwks`: what an issuer publishes, and what of it is not used."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from credicorp_auth.cli.options import format_option, with_issuer
from credicorp_auth.cli.output import show_rows
from credicorp_auth.http.untrusted_text import escape_untrusted

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.jose.keys import KeySet
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
    metadata = _read_metadata(settings)
    if output == "json":
        click.echo(json.dumps(_members(metadata)))
        return
    refused = {
        name: f"refused: {error.message} [{error.code}]" for name, error in metadata.refused.items()
    }
    methods = "(not given)" if metadata.methods is None else " ".join(sorted(metadata.methods))
    show_rows(
        {
            "issuer": metadata.issuer,
            "read at": settings.metadata_url,
            **metadata.endpoints,
            **refused,
            "authentication": methods,
        }
    )


def _read_metadata(settings: Settings) -> ServerMetadata:
    from credicorp_auth.wiring.engines import build_anonymous_runtime  # noqa: PLC0415 - `--help` needs none
    from credicorp_auth.wiring.issuer import build_discovery  # noqa: PLC0415 - as above

    runtime = build_anonymous_runtime(settings)
    discovery = build_discovery(settings, runtime)
    assert discovery is not None  # noqa: S101 - for type checkers: it is not off
    try:
        return discovery.metadata.obtain(settings.timeout)
    finally:
        runtime.transport.close()


def _members(metadata: ServerMetadata) -> dict[str, object]:
    return {
        "issuer": metadata.issuer,
        "endpoints": dict(metadata.endpoints),
        "refused": {name: error.code for name, error in metadata.refused.items()},
        "token_endpoint_auth_methods": sorted(metadata.methods or ()) or None,
    }


@click.command()
@with_issuer
@format_option
def jwks(build: Callable[..., Settings], *, output: str) -> None:
    """List the keys that the issuer publishes, and why some of them are not used."""
    rows = _key_rows(_read_keys(build()))
    if output == "json":
        click.echo(json.dumps(rows, indent=2))
        return
    from rich.console import Console  # noqa: PLC0415 - only a table needs it
    from rich.markup import escape  # noqa: PLC0415 - as above
    from rich.table import Table  # noqa: PLC0415 - as above

    table = Table("kid", "type", "algorithm", "use", box=None)
    for row in rows:
        shown = escape(escape_untrusted(row["kid"] or "-", ()))
        table.add_row(shown, *(row[name] or "-" for name in ("kty", "alg", "use")))
    Console(soft_wrap=True, highlight=False).print(table)


def _read_keys(settings: Settings) -> KeySet:
    from credicorp_auth.wiring.engines import build_anonymous_runtime  # noqa: PLC0415 - `--help` needs none
    from credicorp_auth.wiring.issuer import build_discovery, build_keys  # noqa: PLC0415 - as above

    runtime = build_anonymous_runtime(settings)
    try:
        keys = build_keys(settings, runtime, build_discovery(settings, runtime))
        return keys.obtain(settings.timeout)
    finally:
        runtime.transport.close()


def _key_rows(found: KeySet) -> list[dict[str, str | None]]:
    usable = [
        {"kid": key.kid, "kty": key.algorithm.kty, "alg": key.algorithm.name, "use": "verifies"}
        for key in found.keys
    ]
    dropped = [
        {"kid": each.kid, "kty": None, "alg": None, "use": f"dropped: {each.code}"}
        for each in found.dropped
    ]
    others = [
        {"kid": kid, "kty": None, "alg": None, "use": "another purpose"}
        for kid in sorted(found.others)
    ]
    return [*usable, *dropped, *others]
