"""Location of the record, and kind of its mount."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from attrs import frozen

from credicorp_auth.errors import SecretUnavailable
from credicorp_auth_vault.failure import NOT_FOUND, build_failure
from credicorp_auth_vault.response import OK, read_object, read_section

if TYPE_CHECKING:
    from credicorp_auth_vault.response import VaultResponse


@frozen
class SecretLocation:
    """
    The location of the record.

    Args:
        server: Description of the Vault, for messages.
        mount: Mount path of the secrets engine.
        path: Path of the record below the mount.
    """

    server: str
    mount: str
    path: str

    def __str__(self) -> str:
        return f"{self.server} {self.mount}/{self.path}"


def ask_for_mount(hvac: Any, place: SecretLocation) -> VaultResponse:  # noqa: ANN401 # hvac is not typed
    """Request the kind of the record's mount; every token that may use the mount may read it."""
    path = quote(f"{place.mount}/{place.path}")
    response: VaultResponse = hvac.adapter.get(f"/v1/sys/internal/ui/mounts/{path}")
    return response


def has_versions(response: VaultResponse, place: SecretLocation) -> bool:
    """
    Return whether the mount keeps versions, as kv version 2 does.

    Raises:
        SecretUnavailable: Vault denies the request (`secret.denied`), or the mount has another
            path (`secret.invalid`).
    """
    if response.status == NOT_FOUND:
        return False  # a Vault older than kv version 2; its command line does the same
    if response.status != OK:
        raise build_failure(response, str(place))
    data = read_section(response, "data", place=str(place))
    mounted = str(data.get("path")).strip("/")
    # In a namespace, the path may start with the namespace's name.
    if mounted != place.mount and not mounted.endswith(f"/{place.mount}"):
        raise SecretUnavailable(
            f"{place}: no engine is mounted at {place.mount} itself",
            code="secret.invalid",
            hint="set `mount` to the whole path of the mount, and `path` to what follows it.",
        )
    return str(read_object(data.get("options")).get("version")) == "2"
