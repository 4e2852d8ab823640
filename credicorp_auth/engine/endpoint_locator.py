"""Endpoint locator: an endpoint's address, its setting, and its record of valid responses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from credicorp_auth.oauth.endpoint import EndpointAddress

if TYPE_CHECKING:
    from credicorp_auth.engine.keys.discovery import Discovery

_MOST: Final = 4096  # addresses; a bound against growth, beyond any normal use


class RespondingEndpoints:
    """The addresses that have sent a valid response to any engine of this process."""

    def __init__(self) -> None:
        # Single reads and writes of a dict are atomic; without a lock a fork can break nothing.
        self._answered: dict[str, None] = {}

    def __contains__(self, url: str) -> bool:
        return url in self._answered

    def add(self, url: str) -> None:
        """Record that an address has sent a valid response."""
        if len(self._answered) >= _MOST:
            self._answered = {}
        self._answered[url] = None


RESPONDING: Final = RespondingEndpoints()


class EndpointLocator:
    """
    Finds the address of one endpoint.

    Args:
        given: The address, or the discovery that finds it.
        member: The metadata member that names the endpoint.
        source: The setting that the address comes from, as hints name it.
    """

    def __init__(self, given: str | Discovery, member: str, source: str) -> None:
        self._given, self._member, self._source = given, member, source

    def find(self, seconds: float) -> EndpointAddress:
        """Return the address; wait up to `seconds` for metadata."""
        if isinstance(self._given, str):
            return self._address(self._given)
        return self._address(self._given.metadata.obtain(seconds).endpoint(self._member))

    def known(self) -> EndpointAddress:
        """Return the known address without waiting: the metadata's own if it was not read yet."""
        if isinstance(self._given, str):
            return self._address(self._given)
        metadata, url = self._given.metadata.document, self._given.url
        if metadata is not None:
            url = metadata.endpoints.get(self._member, url)
        return self._address(url)

    def note_response(self) -> None:
        """Record that the endpoint has sent a valid response."""
        RESPONDING.add(self.known().url)

    def _address(self, url: str) -> EndpointAddress:
        return EndpointAddress(url, self._source, url in RESPONDING)
