"""The runtime of fetching keys: where they are is a setting, or discovered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from credicorp_auth.engine.endpoint_locator import EndpointLocator

if TYPE_CHECKING:
    from credicorp_auth.engine.keys.discovery import Discovery
    from credicorp_auth.engine.runtime import AnonymousRuntime
    from credicorp_auth.http.messages import HttpResponse
    from credicorp_auth.oauth.endpoint_address import EndpointAddress


class ServerKeyRuntime:
    """
    Performs what the story of fetching keys asks for.

    Args:
        runtime: Knows the time, carries requests, tells events.
        keys: The address of the keys, or what discovers it.
        source: Where the address came from, as a hint names it.
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
        """Return where the keys are published."""
        return self._locator.find(seconds)

    def expire_jwks_url(self) -> None:
        """Take note that nothing was to be had there."""
        if not isinstance(self._keys, str):
            self._keys.metadata.expire()

    def was_emptied(self) -> bool:
        """Say whether the last key set that was read held no key that may be used."""
        return self._emptied

    def note_emptied(self, *, emptied: bool) -> None:
        """Keep whether the key set that was read held no key that may be used."""
        self._emptied = emptied

    def check_peer(self, response: HttpResponse, url: str) -> None:
        """Refuse an answer out of a network where a discovered address may not lead."""
        if not isinstance(self._keys, str):
            self._keys.check_peer(response, url)
