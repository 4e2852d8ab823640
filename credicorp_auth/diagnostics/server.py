"""Checks of the server: reachability, clock skew, and granted scope."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from credicorp_auth.diagnostics.check import Check, fail, ok, warn
from credicorp_auth.engine.adapter_call import call_adapter
from credicorp_auth.errors import CredicorpAuthError, ScopeNotGranted
from credicorp_auth.http.messages import HttpRequest, HttpResponse
from credicorp_auth.http.strict_json import NotStrictJson, read_json_object
from credicorp_auth.http.untrusted_text import escape_untrusted
from credicorp_auth.wiring.engines import build_engine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from credicorp_auth.engine.clock import Clock
    from credicorp_auth.plugin.api import Provider, Transport
    from credicorp_auth.plugin.loading.registry import Registry
    from credicorp_auth.settings.schema import Settings

_METADATA: Final = "/.well-known/oauth-authorization-server"
_MAX_SKEW: Final = 60.0  # seconds
_OK: Final = 200
_NOT_FOUND: Final = 404

# The stages of a request, in order, and the error codes of each.
_STAGES: Final = (
    ("name lookup", {"transport.dns"}),
    ("connection", {"transport.connect", "transport.connect_timeout", "transport.proxy"}),
    ("TLS", {"transport.tls"}),
)


def check_reach(
    transport: Transport, provider: Provider, settings: Settings, clock: Clock
) -> Iterator[Check]:
    """Request the server's metadata (RFC 8414), and report each stage that the request reaches."""
    parts = urlsplit(settings.token_url)
    url = f"{parts.scheme}://{parts.netloc}{_METADATA}"
    request = HttpRequest("GET", url, {"Accept": "application/json"})
    try:
        response = call_adapter(
            provider,
            lambda: transport.send(request, timeout=settings.timeout),
            expected=HttpResponse,
            stage="transport.send",
        )
    except CredicorpAuthError as error:
        yield from _as_far_as(error, parts.netloc)
        return
    yield ok("reach", f"{parts.netloc}: name, connection and {_spoken(parts.scheme)}")
    yield _read_metadata(response, url, settings)
    yield _compare_clocks(response, clock)


def _spoken(scheme: str) -> str:
    return "TLS" if scheme == "https" else "plain http, which is allowed on loopback"


def _as_far_as(error: CredicorpAuthError, host: str) -> Iterator[Check]:
    for stage, codes in _STAGES:
        if error.code in codes:
            yield fail(stage, error)
            return
        yield ok(stage, host)
    yield fail("response", error)


def _read_metadata(response: HttpResponse, url: str, settings: Settings) -> Check:
    token_url = settings.token_url
    if response.status == _NOT_FOUND:
        return ok("metadata", "the server publishes none; addresses come from the settings")
    try:
        document = read_json_object(response.body.reveal()) if response.status == _OK else {}
    except NotStrictJson:
        document = {}
    named = document.get("token_endpoint")
    if named == token_url:
        return ok("metadata", "it names the same token endpoint")
    if not isinstance(named, str):
        message = f"{url} returned status {response.status} and no metadata"
        return warn("metadata", message, "nothing, as long as the settings name the endpoints.")
    shown = escape_untrusted(named, settings.known_secrets)
    message = f"it names {shown!r} as token endpoint, and the settings name {token_url}"
    return warn("metadata", message, "ask the server's operator which of the two is right.")


def _compare_clocks(response: HttpResponse, clock: Clock) -> Check:
    try:
        skew = clock.wall() - parsedate_to_datetime(response.header("Date") or "").timestamp()
    except (ValueError, OverflowError):
        return warn(
            "clock",
            "the server sent no Date header",
            "nothing to do; the clocks cannot be compared.",
        )
    side = "ahead of" if skew > 0 else "behind"
    message = f"this machine's clock is {abs(skew):.0f} s {side} the server's"
    if abs(skew) > _MAX_SKEW:
        return warn("clock", message, "set the clock: synchronise it with a time server.")
    return ok("clock", message)


def check_mint(settings: Settings, registry: Registry, clock: Clock) -> Iterator[Check]:
    """
    Mint one token, and compare the granted scope with the requested one.

    Args:
        settings: The current settings, with a cache that holds no token.
        registry: The adapters.
        clock: The clocks.
    """
    begun = time.monotonic()
    try:
        engine = build_engine(settings, registry=registry, clock=clock)
        try:
            token = engine.get_token()
        finally:
            engine.close()
    except ScopeNotGranted as error:
        yield fail("scope", error)
        return
    except CredicorpAuthError as error:
        yield fail("mint", error)
        return
    seconds = time.monotonic() - begun
    yield ok("mint", f"a token with a lifetime of {token.lifetime:g} s, in {seconds:.1f} s")
    message = f"asked: {settings.scope or '(none)'}; granted: {token.scope or '(none)'}"
    if token.scope.covers(settings.scope):
        yield ok("scope", message)
    else:
        yield warn(
            "scope",
            message,
            "request only scopes that the client has, or ask the operator to grant the rest.",
        )
