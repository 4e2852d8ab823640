"""Secret source of a client secret that the settings contain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from credicorp_auth.plugin.api import FetchedSecret, SecretSourceCapabilities

if TYPE_CHECKING:
    from collections.abc import Collection

    from credicorp_auth.http.secret import Secret

_CAPABILITIES: Final = SecretSourceCapabilities()


class StaticSecret(NamedTuple):
    """
    Secret source of one constant client secret.

    Args:
        client_secret: The client secret.
    """

    client_secret: Secret

    @property
    def capabilities(self) -> SecretSourceCapabilities:
        """The source supplies no client id and never rotates."""
        return _CAPABILITIES

    def fetch(self, names: Collection[str], *, timeout: float) -> FetchedSecret:  # noqa: ARG002 - the port's signature
        """Return the secret; its version is always the same."""
        return FetchedSecret(
            {"client_secret": self.client_secret}, version="given", provenance="settings"
        )

    def close(self) -> None:
        """Do nothing: no resource is open."""

    def after_fork(self) -> None:
        """Do nothing: there is no process-bound state."""
