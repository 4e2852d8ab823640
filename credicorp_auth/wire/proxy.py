"""Proxy selection for a transport and an address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from urllib3.util import make_headers, parse_url

from credicorp_auth.errors import ConnectionFailed
from credicorp_auth.http.secret import Secret
from credicorp_auth.plugin.api.options import OFF
from credicorp_auth.wire.no_proxy import is_excluded

if TYPE_CHECKING:
    from collections.abc import Mapping

DIRECT: Final = Secret(OFF)
"""In place of a proxy's address: no proxy, even if the environment names one."""

_SCHEMES: Final = ("http", "https")
_HTTPS: Final = 443


class Proxy(NamedTuple):
    """
    Proxy that opens tunnels with CONNECT.

    Args:
        url: Its address, without user and password.
        authorization: The `Proxy-Authorization` header for this proxy only, or None.
    """

    url: str
    authorization: Secret | None = None

    def wire_headers(self) -> Mapping[str, str]:
        """Return the headers of its CONNECT request, credentials included."""
        if self.authorization is None:
            return {}
        return {"Proxy-Authorization": self.authorization.reveal()}


def choose_proxy(url: str, *, configured: Secret | None) -> Proxy | None:
    """
    Choose the proxy for one address.

    A proxy is used for https only, through a tunnel. Plain http goes to loopback only; a proxy
    could only eavesdrop there.

    Args:
        url: The address of the request.
        configured: The proxy from the settings, or `DIRECT`; if None, HTTPS_PROXY and NO_PROXY
            decide.

    Raises:
        ConnectionFailed: The environment names an invalid proxy (`transport.proxy`).
    """
    parts = urlsplit(url)
    if parts.scheme.lower() != "https":
        return None
    if configured is not None:
        return None if configured == DIRECT else read_proxy(configured)
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415 - plain http needs neither

    proxies = getproxies()
    address = proxies.get("https") or proxies.get("all")
    # proxy_bypass also knows the exceptions of macOS and Windows.
    if not address or proxy_bypass(parts.netloc):
        return None
    host, port = parts.hostname or "", parts.port or _HTTPS
    if is_excluded(host, port, rules=proxies.get("no", "")):
        return None
    proxy = read_proxy(Secret(address))
    if proxy is None:
        raise ConnectionFailed(
            "the environment names a proxy that cannot be used",
            code="transport.proxy",
            hint="set HTTPS_PROXY to an http or https address, or the host in NO_PROXY.",
            retryable=False,
        )
    return proxy


def read_proxy(address: Secret) -> Proxy | None:
    """
    Read a proxy's address, such as `http://user:password@proxy.example:3128`.

    Args:
        address: The address; the default scheme is http.

    Returns:
        The proxy, or None if the address is invalid.
    """
    text = address.reveal()
    try:
        url = parse_url(text if "://" in text else f"http://{text}")
        _ = url.host.encode("ascii") if url.host else None
    except ValueError:
        return None
    if url.scheme not in _SCHEMES or not url.host:
        return None
    # Drop path and query: neither is sent, and either could hold a password as well.
    plain = url._replace(auth=None, path=None, query=None, fragment=None).url
    if not url.auth:
        return Proxy(plain)
    headers = make_headers(
        proxy_basic_auth=url.auth_decoded_joined, proxy_basic_auth_encoding="utf-8"
    )
    return Proxy(plain, Secret(headers["proxy-authorization"]))
