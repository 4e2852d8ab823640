"""
Fresh record: what a caller reads who finds a fresh token, in one small object.

A record is made for a held token by the first call that finds it fresh, not when the token
arrives: so the records of scopes that are used lie side by side in memory, however far apart their
tokens were minted. Its times never change but for one thing: the caller that drops the token sets
`until_wall` to minus infinity, in place. So a thread that was suspended just before it published
the record cannot bring a dropped token back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.oauth.token import AccessToken

E = TypeVar("E")


class Fresh(Generic[E]):
    """
    A fresh token, and the times until which it is fresh by both clocks.

    Args:
        until_wall: Epoch seconds until which it is fresh; minus infinity once it was dropped.
        until_boot: Boot-clock time until which it is fresh.
        token: The token.
        header: Returns the value of its `Authorization` header.
        entry: The entry that holds it.
    """

    __slots__ = ("asked", "entry", "header", "token", "until_boot", "until_wall")

    def __init__(
        self,
        until_wall: float,
        until_boot: float,
        token: AccessToken,
        header: Callable[[], str],
        entry: E,
    ) -> None:
        self.until_wall, self.until_boot = until_wall, until_boot
        self.token, self.header, self.entry = token, header, entry
        self.asked = False  # used since the last eviction scan; set without a lock
