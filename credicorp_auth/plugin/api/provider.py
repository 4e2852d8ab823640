"""Provenance of an adapter: the installed distribution that provides it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import Factory, field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.http.secret import Secret


def _no_secrets() -> tuple[Secret, ...]:
    return ()


@frozen
class Provider:
    """
    Name and distribution of an adapter, as the engine labels it in errors and events.

    Args:
        name: The adapter's name in settings, such as `urllib3`.
        distribution: Name of the distribution that provides it; empty for a caller's own object.
        version: Version of that distribution.
        secrets: Returns the secrets among the adapter's options, which no message may show.
    """

    name: str
    distribution: str = Factory(str)
    version: str = Factory(str)
    secrets: Callable[[], tuple[Secret, ...]] = field(default=_no_secrets, eq=False, repr=False)

    def __str__(self) -> str:
        return (
            f"{self.name} ({self.distribution} {self.version})" if self.distribution else self.name
        )
