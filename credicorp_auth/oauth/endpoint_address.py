"""The address of an endpoint, and the setting that it came from: what a hint shows."""

from __future__ import annotations

from attrs import frozen


@frozen
class EndpointAddress:
    """
    An address of the authorization server.

    Args:
        url: The address.
        source: Where it came from, as a hint names it: `base_url`, or the metadata at an address.
        has_answered: Whether it has answered properly before, in this process. If it has, a 404
            is a deployment under way and may pass; if not, the address is wrong.
    """

    url: str
    source: str
    has_answered: bool = False
