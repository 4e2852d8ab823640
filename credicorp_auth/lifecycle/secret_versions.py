"""What is tried when an endpoint refuses a client's secret: other versions of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from credicorp_auth.errors import CredicorpAuthError, SecretUnavailable
from credicorp_auth.oauth.refusal import may_blame_client

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.lifecycle.client import ClientCredentials

MAX_VERSIONS: Final = 3
"""Versions of a secret that are shown to the endpoint at most, before a refusal is believed."""

T = TypeVar("T")


class CredentialRuntime(Protocol):
    """What showing a secret needs from outside."""

    def fetch_secret(self, *, past_cache: bool) -> ClientCredentials:
        """Return id and secret of one version; `past_cache` reads the source itself."""
        ...

    def accept_version(self, credentials: ClientCredentials) -> None:
        """Fetch these from now on, until the source is read again: the server accepted them."""
        ...

    def emit(self, name: str, **fields: str | float | bool | None) -> None:
        """Tell observers and the log."""
        ...


def try_secret_versions(
    runtime: CredentialRuntime,
    credentials: ClientCredentials,
    show: Callable[[ClientCredentials], T],
    note: Callable[[CredicorpAuthError, ClientCredentials], None],
) -> tuple[T, ClientCredentials]:
    """
    Show an endpoint the secret; if a refusal may blame it, each other version of it.

    The source is read once past its cache, whatever name the refusal bears: servers have many for
    a wrong secret. What is tried after that is another version, never the same one again.

    Args:
        runtime: Where.
        credentials: What is shown first.
        show: Asks the endpoint with some credentials.
        note: Remembers a failure, given the credentials that were read last.

    Returns:
        What came of it, and the credentials it came with.

    Raises:
        CredicorpAuthError: After it was remembered; the last refusal if all were refused.
    """
    current = credentials
    try:
        shown = show_or_refuse(show, credentials)
        if not isinstance(shown, CredicorpAuthError):
            return shown, credentials
        refusal: CredicorpAuthError = shown
        current = fetch_current(runtime) or credentials
        for other in other_versions(credentials, current):
            runtime.emit("secret.rotated", client_id=other.client_id)
            shown = show_or_refuse(show, other)
            if not isinstance(shown, CredicorpAuthError):
                if other.version != current.version:
                    runtime.accept_version(other)
                return shown, other
            refusal = shown
        raise refusal
    except CredicorpAuthError as error:
        note(error, current)
        raise


def show_or_refuse(
    show: Callable[[ClientCredentials], T], credentials: ClientCredentials
) -> T | CredicorpAuthError:
    """Show some credentials; return a refusal that may blame them, and raise anything else."""
    try:
        return show(credentials)
    except CredicorpAuthError as error:
        if may_blame_client(error):
            return error
        raise


def fetch_current(runtime: CredentialRuntime) -> ClientCredentials | None:
    """Read the secret source past its cache; a source that cannot be read has nothing newer."""
    try:
        return runtime.fetch_secret(past_cache=True)
    except SecretUnavailable:
        return None


def other_versions(
    refused: ClientCredentials, current: ClientCredentials
) -> list[ClientCredentials]:
    """Return what may be tried after `refused`: what the source has now, then beside it."""
    others: dict[str, ClientCredentials] = {}
    for each in (current, current.fallback, refused.fallback):
        if each is not None and each.version != refused.version:
            others.setdefault(each.version, each)
    return list(others.values())[: MAX_VERSIONS - 1]
