"""Access token: its syntax, provenance and grant, and the tokens that requests have carried."""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple

from attrs import field, frozen

from credicorp_auth.http.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.oauth.scope import Scope

MAX_TOKEN: Final = 64 * 1024
"""Maximum characters of an access token."""

_TOKEN: Final = re.compile(r"[\x21-\x7e]+")

MINTED: Final = "minted"
CACHED: Final = "cached"

_REMEMBERED: Final = 4096  # tokens


def is_token(text: str) -> bool:
    """Say whether a text can be a token: printable ASCII without white space, and not too long."""
    return len(text) <= MAX_TOKEN and _TOKEN.fullmatch(text) is not None


class Provenance(NamedTuple):
    """
    The origin of a token.

    Args:
        source: `minted` (by this process, for this object) or `cached` (read from the cache).
        adapter: The adapter that delivered it: the transport or the cache.
        distribution: Distribution that provides the adapter; empty for a caller's own object.
        version: Version of that distribution.
        obtained_at: Epoch seconds at which this process received it.
        issued_at: Epoch seconds from which its lifetime counts: before the token request was sent.
    """

    source: str
    adapter: str
    distribution: str
    version: str
    obtained_at: float
    issued_at: float


class Grant(NamedTuple):
    """
    The grant of an authorization server, before any clock is read.

    Args:
        value: The token itself.
        token_type: Always `Bearer`.
        scope: The granted scope.
        lifetime: Lifetime in seconds, counted from before the request was sent.
        warnings: Codes of accepted irregularities, such as `token.expiry_assumed`.
    """

    value: Secret
    token_type: str
    scope: Scope
    lifetime: float
    warnings: tuple[str, ...] = ()


@frozen
class AccessToken:
    """
    A bearer token that is usable now, with its expiry.

    Args:
        value: The token, opaque until `value.reveal()` or `header()`.
        token_type: `Bearer` (RFC 6750).
        scope: The granted scope.
        expires_at: Expiry in epoch seconds, by this machine's wall clock.
        lifetime: Seconds from issue to expiry.
        provenance: Its origin: minted here, or read from a cache.
        header: Returns the value of the `Authorization` header (RFC 6750 section 2.1).

    .. versionadded:: 1.0.0
    """

    value: Secret
    token_type: str
    scope: Scope
    expires_at: float
    lifetime: float
    provenance: Provenance = field(eq=False)
    # Built once instead of for each request; hidden in a closure, as a secret is.
    header: Callable[[], str] = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        header = Secret(f"{self.token_type} {self.value.reveal()}")
        object.__setattr__(self, "header", header.reveal)


class CarriedTokens:
    """
    The newest tokens that were put on requests, to tell our own header from a caller's.

    A request object that is sent again still has the header of the first time. Only hashes are
    kept, salted for this process, so that no expired token stays in memory.
    """

    __slots__ = ("_hashes", "latest")

    def __init__(self) -> None:
        self.latest: AccessToken | None = None
        self._hashes: OrderedDict[int, None] = OrderedDict()

    def add(self, token: AccessToken) -> None:
        """Remember a token."""
        self.latest = token
        self._hashes[hash(token.header())] = None
        if len(self._hashes) > _REMEMBERED:
            self._hashes.popitem(last=False)

    def __contains__(self, header: str | bytes) -> bool:
        text = header.decode("latin-1") if isinstance(header, bytes) else header
        return hash(text) in self._hashes
