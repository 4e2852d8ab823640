"""Provenance of an adapter: the installed distribution that provides it."""

from __future__ import annotations

from attrs import Factory, frozen


@frozen
class Provider:
    """
    Name and distribution of an adapter, as the engine labels it in errors and events.

    Args:
        name: The adapter's name in settings, such as `urllib3`.
        distribution: Name of the distribution that provides it; empty for a caller's own object.
        version: Version of that distribution.
    """

    name: str
    distribution: str = Factory(str)
    version: str = Factory(str)

    def __str__(self) -> str:
        told = f"{self.distribution} {self.version}".strip()
        return f"{self.name} ({told})" if told else self.name
