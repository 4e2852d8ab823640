"""Retry with other versions of a secret, after an endpoint refuses the client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from credicorp_auth.errors import CredicorpAuthError, SecretUnavailable
from credicorp_auth.oauth.refusal import may_blame_client

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.lifecycle.client import ClientCredentials

MAX_VERSIONS: Final = 3
"""Maximum secret versions that are tried before a refusal counts."""

T = TypeVar("T")


class CredentialRuntime(Protocol):
    """Runtime port of the credentials: fetch, accept, emit."""

    def fetch_secret(self, *, past_cache: bool) -> ClientCredentials:
        """Return id and secret of one version; `past_cache` bypasses the credential cache."""
        ...

    def accept_version(self, credentials: ClientCredentials) -> None:
        """Use these credentials, which the server accepted, until the source is read again."""
        ...

    def emit(self, name: str, **fields: str | float | bool | None) -> None:
        """Emit an event to observers and the log."""
        ...


def try_secret_versions(
    runtime: CredentialRuntime,
    credentials: ClientCredentials,
    show: Callable[[ClientCredentials], T],
    note: Callable[[CredicorpAuthError, ClientCredentials], None],
) -> tuple[T, ClientCredentials]:
    """
    Send a request with the secret; if a refusal may blame it, retry with other versions.

    The source is read once past its cache for any refusal that may blame the secret, since servers
    have many codes for a wrong secret. A refused version is never sent again.

    Args:
        runtime: The runtime that fetches credentials.
        credentials: The credentials that are tried first.
        show: Sends the request with the given credentials.
        note: Remembers a failure, together with the credentials that were last read.

    Returns:
        The result of `show`, and the credentials that it succeeded with.

    Raises:
        CredicorpAuthError: The failure, passed to `note` first; the last refusal if all failed.
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
    """Call `show`; return a refusal that may blame the credentials, raise any other error."""
    try:
        return show(credentials)
    except CredicorpAuthError as error:
        if may_blame_client(error):
            return error
        raise


def fetch_current(runtime: CredentialRuntime) -> ClientCredentials | None:
    """Read the secret source past its cache; return None if it is unavailable."""
    try:
        return runtime.fetch_secret(past_cache=True)
    except SecretUnavailable:
        return None


def other_versions(
    refused: ClientCredentials, current: ClientCredentials
) -> list[ClientCredentials]:
    """Return the versions to try after `refused`: the current one, then the fallbacks."""
    others: dict[str, ClientCredentials] = {}
    for each in (current, current.fallback, refused.fallback):
        if each is not None and each.version != refused.version:
            others.setdefault(each.version, each)
    return list(others.values())[: MAX_VERSIONS - 1]
