"""Record of the tokens that bearer adapters have put on requests."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from credicorp_auth.oauth.token import AccessToken

_REMEMBERED: Final = 4096  # tokens


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
