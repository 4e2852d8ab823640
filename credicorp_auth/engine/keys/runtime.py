"""Runtime of key set fetches; the address of the key set is a setting or discovered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from credicorp_auth.engine.endpoint_locator import EndpointLocator

if TYPE_CHECKING:
    from credicorp_auth.engine.keys.discovery import Discovery
    from credicorp_auth.engine.runtime import AnonymousRuntime
    from credicorp_auth.http.messages import HttpResponse
    from credicorp_auth.oauth.endpoint import EndpointAddress


class ServerKeyRuntime:
    """
    Performs the I/O of key set fetches.

    Args:
        runtime: The runtime whose clocks, transport and events are used.
        keys: The address of the key set, or the discovery that finds it.
        source: The setting that the address comes from, as hints name it; `jwks_url` by default.
    """

    def __init__(
        self, runtime: AnonymousRuntime, keys: str | Discovery, *, source: str = "`jwks_url`"
    ) -> None:
        self._keys = keys
        self._emptied = False
        self._locator = EndpointLocator(keys, "jwks_uri", source)
        self.now, self.random = runtime.now, runtime.random
        self.send, self.emit = runtime.send, runtime.emit

    def find_jwks_url(self, seconds: float) -> EndpointAddress:
        """Return the address of the key set; wait up to `seconds` for metadata."""
        return self._locator.find(seconds)

    def expire_jwks_url(self) -> None:
        """Mark the metadata as stale: the address that it names has not served a key set."""
        if not isinstance(self._keys, str):
            self._keys.metadata.expire()

    def was_emptied(self) -> bool:
        """Return whether the last key set that was read held no usable key."""
        return self._emptied

    def note_emptied(self, *, emptied: bool) -> None:
        """Record whether the key set that was read held no usable key."""
        self._emptied = emptied

    def check_peer(self, response: HttpResponse, url: str) -> None:
        """Reject a response from a private network at a discovered address (DNS rebinding)."""
        if not isinstance(self._keys, str):
            self._keys.check_peer(response, url)
