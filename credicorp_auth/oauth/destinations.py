"""Where tokens may go."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from credicorp_auth.errors import InvalidSetting
from credicorp_auth.oauth.http import may_carry_token, origin_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCHEME_LONGEST: Final = len("https://")
_DEFAULT_PORTS: Final = (("https://", ":443"), ("http://", ":80"))


class Destinations:
    """
    The origins that tokens may be sent to.

    Args:
        origins: As `origin_of` spells them.
    """

    __slots__ = ("homes", "origins")

    def __init__(self, origins: frozenset[str]) -> None:
        self.origins = origins
        # An address that begins with one of these, slash included, is of that origin, however it
        # goes on: nearly every request is told by one comparison of text.
        self.homes = tuple(home for origin in sorted(origins) for home in _spellings(origin))

    def allow(self, url: str) -> bool:
        """Say whether a token may go to `url`."""
        # What comes before the path decides, and is the same for nearly all requests of a program.
        return url.startswith(self.homes) or _is_among(
            url[: url.find("/", _SCHEME_LONGEST) + 1] or url, self.origins
        )


def _spellings(origin: str) -> Iterator[str]:
    if may_carry_token(origin):
        yield f"{origin}/"
        for scheme, port in _DEFAULT_PORTS:
            if origin.startswith(scheme) and origin.endswith(port):
                yield f"{origin.removesuffix(port)}/"


@lru_cache(maxsize=256)
def _is_among(url: str, origins: frozenset[str]) -> bool:
    try:
        return origin_of(url) in origins and may_carry_token(url)
    except InvalidSetting:
        # Where a redirect leads is not ours to mend.
        return False
