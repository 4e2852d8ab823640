"""Address of an endpoint, and the setting that it came from, for hints."""

from __future__ import annotations

from attrs import frozen


@frozen
class EndpointAddress:
    """
    An address of the authorization server.

    Args:
        url: The address.
        source: Its origin, as a hint names it: `base_url`, or the metadata at an address.
        has_responded: Whether it has responded properly before, in this process. If so, a 404 is
            a deployment in progress and retryable; if not, the address is wrong.
    """

    url: str
    source: str
    has_responded: bool = False
