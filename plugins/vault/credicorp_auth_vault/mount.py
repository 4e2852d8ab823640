"""Where the record is, and which kind of mount that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from attrs import frozen

from credicorp_auth.errors import SecretUnavailable
from credicorp_auth_vault.failure import NOT_FOUND, build_failure
from credicorp_auth_vault.response import OK, read_object, read_section

if TYPE_CHECKING:
    from credicorp_auth_vault.response import Answer


@frozen
class Place:
    """
    Where the record is.

    Args:
        server: Which Vault, in words.
        mount: Where the secrets engine is mounted.
        path: Path below it.
    """

    server: str
    mount: str
    path: str

    def __str__(self) -> str:
        return f"{self.server} {self.mount}/{self.path}"


def ask_for_mount(hvac: Any, place: Place) -> Answer:  # noqa: ANN401 # hvac is not typed
    """Ask which kind of mount the record is in, as whoever may use it is allowed to."""
    path = quote(f"{place.mount}/{place.path}")
    response: Answer = hvac.adapter.get(f"/v1/sys/internal/ui/mounts/{path}")
    return response


def has_versions(response: Answer, place: Place) -> bool:
    """
    Read from the answer whether the mount keeps versions, as kv version 2 does.

    Raises:
        SecretUnavailable: That is not told (`secret.denied`), or the mount has another path
            (`secret.invalid`).
    """
    if response.status == NOT_FOUND:
        return False  # a Vault from before there were versions, as its own command line takes it
    if response.status != OK:
        raise build_failure(response, str(place))
    data = read_section(response, "data", place=str(place))
    mounted = str(data.get("path")).strip("/")
    # In a namespace, the name of that may come first.
    if mounted != place.mount and not mounted.endswith(f"/{place.mount}"):
        raise SecretUnavailable(
            f"{place}: no engine is mounted at {place.mount} itself",
            code="secret.invalid",
            hint="set `mount` to the whole path of the mount, and `path` to what follows it.",
        )
    return str(read_object(data.get("options")).get("version")) == "2"
