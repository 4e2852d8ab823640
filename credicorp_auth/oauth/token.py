"""An access token as its user holds it, and as the server granted it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from credicorp_auth.http.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.oauth.scope import Scope

MINTED: Final = "minted"
CACHED: Final = "cached"


@frozen
class Provenance:
    """
    Where a token came from.

    Args:
        source: `minted` (by this process, for this object) or `cached` (read from the cache).
        adapter: The adapter that brought it: the transport, or the cache.
        distribution: Distribution that provides the adapter; empty for a caller's own object.
        version: Version of that distribution.
        obtained_at: Epoch seconds at which this process came to hold it.
        issued_at: Epoch seconds from which its life counts: before the token request was sent.
    """

    source: str
    adapter: str
    distribution: str
    version: str
    obtained_at: float
    issued_at: float


@frozen
class Grant:
    """
    What an authorization server granted, before any clock has been looked at.

    Args:
        value: The token itself.
        token_type: Always `Bearer`.
        scope: What the token may be used for.
        lifetime: Seconds of life, counted from before the request was sent.
        warnings: Codes of what was unusual but accepted, such as `token.expiry_assumed`.
    """

    value: Secret
    token_type: str
    scope: Scope
    lifetime: float
    warnings: tuple[str, ...] = ()


@frozen
class AccessToken:
    """
    A bearer token that is usable now, and says until when.

    Args:
        value: The token, opaque until `value.reveal()` or `header()`.
        token_type: `Bearer` (RFC 6750).
        scope: What it was granted for.
        expires_at: Epoch seconds of its end, by this machine's wall clock.
        lifetime: Seconds from issue to end.
        provenance: Minted here, or from which cache.
        header: Returns the value of the `Authorization` header (RFC 6750 section 2.1).

    .. versionadded:: 1.0.0
    """

    value: Secret
    token_type: str
    scope: Scope
    expires_at: float
    lifetime: float
    provenance: Provenance = field(eq=False)
    # Written once and not for each request; kept as a secret is, out of everybody's sight.
    header: Callable[[], str] = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        header = Secret(f"{self.token_type} {self.value.reveal()}")
        object.__setattr__(self, "header", header.reveal)

    def usable_at(self, now: float) -> bool:
        """Say whether the token lives at `now`, in epoch seconds."""
        return now < self.expires_at
