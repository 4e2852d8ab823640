"""Addresses of endpoints: where they are, which setting says so, and which have answered before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from credicorp_auth.oauth.endpoint_address import EndpointAddress

if TYPE_CHECKING:
    from credicorp_auth.engine.keys.discovery import Discovery

_MOST: Final = 4096  # addresses; a bound against growth, not a limit anyone meets


class AnsweredAddresses:
    """The addresses that have answered properly in this process, whichever engine asked."""

    def __init__(self) -> None:
        # Single reads and writes of a dict are atomic; no lock, so nothing for a fork to break.
        self._answered: dict[str, None] = {}

    def __contains__(self, url: str) -> bool:
        return url in self._answered

    def add(self, url: str) -> None:
        """Take note that an address has answered properly."""
        if len(self._answered) >= _MOST:
            self._answered = {}
        self._answered[url] = None


ANSWERED: Final = AnsweredAddresses()


class EndpointLocator:
    """
    Knows the address of one endpoint.

    Args:
        given: The address, or what discovers it.
        member: What the endpoint is called in metadata.
        source: Where the address came from, as a hint names it.
    """

    def __init__(self, given: str | Discovery, member: str, source: str) -> None:
        self._given, self._member, self._source = given, member, source

    def find(self, seconds: float) -> EndpointAddress:
        """Return the address; wait up to `seconds` for metadata that must be read first."""
        if isinstance(self._given, str):
            return self._address(self._given)
        return self._address(self._given.metadata.obtain(seconds).endpoint(self._member))

    def known(self) -> EndpointAddress:
        """Return the address as far as it is known: that of the metadata if they were not read."""
        if isinstance(self._given, str):
            return self._address(self._given)
        metadata, url = self._given.metadata.document, self._given.url
        if metadata is not None:
            url = metadata.endpoints.get(self._member, url)
        return self._address(url)

    def note_answered(self) -> None:
        """Take note that the endpoint has answered properly."""
        ANSWERED.add(self.known().url)

    def _address(self, url: str) -> EndpointAddress:
        return EndpointAddress(url, self._source, url in ANSWERED)
