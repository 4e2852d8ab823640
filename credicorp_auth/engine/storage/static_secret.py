"""The secret source for a secret that was handed over in the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen

from credicorp_auth.plugin.api import FetchedSecret, SecretSourceCapabilities

if TYPE_CHECKING:
    from collections.abc import Collection

    from credicorp_auth.http.secret import Secret

_CAPABILITIES: Final = SecretSourceCapabilities()


@frozen
class StaticSecret:
    """
    A secret that never changes, since it was given once and for all.

    Args:
        client_secret: The secret.
    """

    client_secret: Secret

    @property
    def capabilities(self) -> SecretSourceCapabilities:
        """It supplies no id, and never rotates."""
        return _CAPABILITIES

    def fetch(self, names: Collection[str]) -> FetchedSecret:  # noqa: ARG002 - the port's signature
        """Return the secret, always as the same version."""
        return FetchedSecret(
            {"client_secret": self.client_secret}, version="given", provenance="settings"
        )

    def close(self) -> None:
        """Nothing is open."""

    def after_fork(self) -> None:
        """Nothing belongs to the parent."""
