"""Allow-list of the origins that tokens may be sent to."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from credicorp_auth.errors import InvalidSetting
from credicorp_auth.http.messages import may_carry_token, origin_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCHEME_LONGEST: Final = len("https://")
_AUTHORITY: Final = r"(?i:(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?)"
_DEFAULT_PORTS: Final = (("https://", ":443"), ("http://", ":80"))


class AllowedOrigins:
    """
    The origins that tokens may be sent to.

    Args:
        origins: Allowed origins, in the spelling of `origin_of`.
    """

    __slots__ = ("origins", "prefixes")

    def __init__(self, origins: frozenset[str]) -> None:
        self.origins = origins
        # An address that begins with one of these, slash included, has that origin, so one string
        # comparison decides nearly every request.
        self.prefixes = tuple(home for origin in sorted(origins) for home in _spellings(origin))

    def allows(self, url: str) -> bool:
        """Say whether a token may be sent to `url`."""
        # Only the part before the path decides. It is cached: most requests share it.
        return url.startswith(self.prefixes) or _is_among(
            url[: url.find("/", _SCHEME_LONGEST) + 1] or url, self.origins
        )

    def allow_host(self, url: str, host: str) -> bool:
        """
        Say whether a token may be sent to `url` with the `Host` header `host`.

        A server or reverse proxy routes the request to the site that `Host` names. So the origin to
        check is the scheme of `url` with that host and port.
        """
        if re.fullmatch(_AUTHORITY, host) is None:
            return False
        return self.allows(f"{url.partition('://')[0]}://{host}/")

    def allow_server_name(self, url: str, name: str) -> bool:
        """
        Say whether a token may be sent to `url` if the server's certificate is for `name`.

        TLS names no port, so `name` must be the host of an allowed https origin or of `url`.
        """
        if re.fullmatch(_AUTHORITY, name) is None:
            return False
        hosts = {_host_of(each) for each in self.origins if each.startswith("https://")}
        return name.lower().rstrip(".") in {*hosts, _host_of(origin_of(url))}


def _spellings(origin: str) -> Iterator[str]:
    if may_carry_token(origin):
        yield f"{origin}/"
        for scheme, port in _DEFAULT_PORTS:
            if origin.startswith(scheme) and origin.endswith(port):
                yield f"{origin.removesuffix(port)}/"


def _host_of(origin: str) -> str:
    return origin.partition("://")[2].rpartition(":")[0].strip("[]")


@lru_cache(maxsize=256)
def _is_among(url: str, origins: frozenset[str]) -> bool:
    try:
        return origin_of(url) in origins and may_carry_token(url)
    except InvalidSetting:
        # The address may come from a redirect, so it is not the caller's mistake.
        return False
