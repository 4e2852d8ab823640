"""Mapping of Vault's error responses to credicorp-auth errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from credicorp_auth.errors import SecretUnavailable
from credicorp_auth_vault.response import read_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from credicorp_auth_vault.response import VaultResponse

BAD_REQUEST: Final = 400
NOT_FOUND: Final = 404

_AWAY: Final[Mapping[int, str]] = {
    412: "has not caught up with its cluster yet",
    429: "is throttling, or a standby",
    472: "is a standby for disaster recovery",
    473: "is a performance standby",
    500: "had an internal error",
    501: "is not initialised",
    502: "cannot be reached by the proxy in front of it",
    503: "is sealed, or not ready",
    504: "does not respond to the proxy in front of it",
}
"""Statuses that mean the same for every request: not now, or not here."""

# Only these texts of Vault are copied into a message: it may echo what it was sent, such as the
# claims of a token.
_KNOWN: Final = (
    "invalid role ID",
    "invalid secret id",
    "invalid role or secret ID",
    "missing secret_id",
    "missing client token",
    "invalid role name",
    "invalid token",
    "permission denied",
    "no handler for route",
    "unsupported path",
    "unsupported operation",
    "Invalid path for a versioned K/V secrets engine",
    "rate limit quota exceeded",
    "Vault is sealed",
    "Vault is not initialized",
)


def is_away(response: VaultResponse) -> bool:
    """Return whether Vault is unavailable, and may be available later."""
    return response.status in _AWAY


def refuses_token(response: VaultResponse) -> bool:
    """Return whether Vault rejected the token for the request."""
    if response.status == BAD_REQUEST:  # newer versions send 403
        return "missing client token" in _known_words(response)
    return response.status in {401, 403}


def build_away(response: VaultResponse, place: str) -> SecretUnavailable:
    """Build the error for a Vault that is unavailable."""
    return SecretUnavailable(
        f"{place}: vault {_AWAY[response.status]}, {_describe_response(response)}",
        code="secret.unavailable",
        hint="look at `vault status`; it may respond later.",
        retryable=True,
    )


def build_denied(response: VaultResponse, place: str, *, hint: str) -> SecretUnavailable:
    """Build the error for a request that Vault denies."""
    return SecretUnavailable(
        f"{place}: vault refuses, {_describe_response(response)}", code="secret.denied", hint=hint
    )


def build_failure(response: VaultResponse, place: str) -> SecretUnavailable:
    """Build the error for a response other than 200 to a read."""
    if refuses_token(response):
        hint = "let a policy of the token's read this path; check `mount` and `namespace`, too."
        return build_denied(response, place, hint=hint)
    if response.status == NOT_FOUND:
        return _build_absence(response, place)
    return SecretUnavailable(
        f"{place}: vault returned {_describe_response(response)}",
        code="secret.invalid",
        hint="check `url`, `mount` and `path`: there may be nothing to read in that engine.",
    )


def _build_absence(response: VaultResponse, place: str) -> SecretUnavailable:
    metadata = read_object(response.section("data").get("metadata"))
    if metadata:
        is_destroyed = metadata.get("destroyed") is True
        return SecretUnavailable(
            f"{place}: its version was {'destroyed' if is_destroyed else 'deleted'}",
            code="secret.deleted",
            hint="write a new version" + ("." if is_destroyed else ", or undelete that one."),
        )
    if "versioned" in _known_words(response):
        return SecretUnavailable(
            f"{place}: the mount is kv version 2, but its version could not be looked up",
            code="secret.invalid",
            hint="let the token read sys/internal/ui/mounts; if it does, try again.",
        )
    return SecretUnavailable(
        f"{place}: nothing is there, {_describe_response(response)}",
        code="secret.missing",
        hint="check `url`, `namespace`, `mount`, `path` (without `data/`) and `version`.",
    )


def _describe_response(response: VaultResponse) -> str:
    words = _known_words(response)
    return f"status {response.status}" + (f" ({words})" if words else "")


def _known_words(response: VaultResponse) -> str:
    reported = f"{response.members.get('errors')}{response.members.get('warnings')}".lower()
    return ", ".join(each for each in _KNOWN if each.lower() in reported)
