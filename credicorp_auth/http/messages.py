"""HTTP values that the protocol rules need: request, response, origin."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import SplitResult, parse_qsl, urlsplit

from attrs import field, frozen

from credicorp_auth.errors import InvalidSetting
from credicorp_auth.http.secret import Secret, SecretBytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_BODY: Final = 1024 * 1024
"""Maximum bytes of a response body; a longer one is rejected (`response.too_large`)."""

_CREDENTIALS: Final = frozenset({"client_secret", "client_assertion", "token"})  # form fields
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_ORIGIN: Final = re.compile(r"https?://[a-z0-9._~!$&'()*+,;=:@%\[\]-]+(?=[/?#]|\Z)", re.IGNORECASE)
# All but the printable ASCII that may be in an address; listed so, it takes no time to compile.
_UNSAFE_IN_URL: Final = re.compile(r"[^!#-;=?-\[\]_a-z~]")


def _lower_names(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name.lower(), value) for name, value in headers)


class HttpRequest(NamedTuple):
    """
    A request to an authorization server, ready for a transport to send.

    Args:
        method: `GET` or `POST`.
        url: Absolute address, checked by `read_url`.
        headers: Header names to values; a credential is a `Secret`.
        body: The whole body, or None.
    """

    method: str
    url: str
    headers: Mapping[str, str | Secret]
    body: SecretBytes | None = None

    def secrets(self) -> tuple[Secret, ...]:
        """Return its credentials, each as it is written on the wire, so that messages hide them."""
        held = [value for value in self.headers.values() if isinstance(value, Secret)]
        form = "" if self.body is None else self.body.reveal().decode("utf-8", "replace")
        fields = parse_qsl(form) if self.method == "POST" else []
        return (*held, *(Secret(value) for name, value in fields if name in _CREDENTIALS))

    def wire_headers(self) -> dict[str, str]:
        """Return the headers as sent, credentials included."""
        return {
            name: value.reveal() if isinstance(value, Secret) else value
            for name, value in self.headers.items()
        }

    def wire_body(self) -> bytes | None:
        """Return the body as sent, credentials included."""
        return None if self.body is None else self.body.reveal()


@frozen
class HttpResponse:
    """
    A complete response of an authorization server, neither decoded nor interpreted.

    Args:
        status: HTTP status code.
        headers: Pairs of name and value in the order received; names are lower-cased here.
        body: The body, at most `MAX_BODY` bytes; opaque, since it may hold a token.
        peer_address: The IP address of the connection's peer; None if the transport does not know
            it, or used a proxy.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = field(converter=_lower_names)
    body: SecretBytes
    peer_address: str | None = None

    def header_values(self, name: str) -> list[str]:
        """Return the values of the header `name` (any case), in the order received."""
        name = name.lower()
        return [value for each, value in self.headers if each == name]

    def header(self, name: str) -> str | None:
        """Return the only value of the header `name`; None if it is absent or repeated."""
        name = name.lower()
        values = [value for each, value in self.headers if each == name]
        return values[0] if len(values) == 1 else None


def _is_loopback(host: str) -> bool:
    # Exact spellings only: `localhost`, 127.0.0.0/8 in dotted decimal, `::1`. Other forms that some
    # resolvers take for loopback (0x7f000001, 127.1, ::ffff:127.0.0.1) are refused.
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback and getattr(address, "ipv4_mapped", None) is None


def _split(url: str, *, name: str) -> SplitResult:
    hint = f"set `{name}` to an absolute https address without user, password or fragment."
    try:
        parts = urlsplit(url)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        port_is_valid, parts = False, urlsplit("")
    # A trailing dot means nothing, so a host of dots alone is empty.
    has_host = (parts.hostname or "").rstrip(".") != ""
    if _UNSAFE_IN_URL.search(url) or not has_host or not port_is_valid or parts.fragment:
        raise InvalidSetting(f"`{name}` is not an absolute address", code="config.url", hint=hint)
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise InvalidSetting(f"`{name}` carries user information", code="config.url", hint=hint)
    return parts


def read_url(url: str, *, name: str) -> str:
    """
    Check an address that tokens or secrets will be sent to.

    Args:
        url: Absolute address. Plain http is accepted for exact loopback hosts only.
        name: The setting it comes from, for messages.

    Returns:
        The address without a trailing slash.

    Raises:
        InvalidSetting: The address is not absolute, has user information or a fragment
            (`config.url`), or is not https (`config.insecure_url`).
    """
    parts = _split(url, name=name)
    if parts.scheme != "https" and not (
        parts.scheme == "http" and _is_loopback(parts.hostname or "")
    ):
        raise InvalidSetting(
            f"`{name}` is {parts.scheme or 'without a scheme'} on host {parts.hostname}",
            code="config.insecure_url",
            hint="use https; plain http is accepted for localhost, 127.0.0.1 and [::1] only.",
        )
    return url.rstrip("/")


def origin_of(url: str) -> str:
    """
    Return scheme, host and port of an address, in one spelling (RFC 6454 section 4).

    Args:
        url: Absolute http or https address.

    Returns:
        For example `https://hub.credicorp.co.uk:443`.

    Raises:
        InvalidSetting: The address is not absolute (`config.url`).
    """
    # Only the strict part before the path is read: clients differ on a backslash, a tab or a second
    # @ there, and the checked origin must be the one that they connect to.
    found = _ORIGIN.match(url)
    try:
        parts = urlsplit(found[0] if found else "")
        scheme, host = parts.scheme.lower(), (parts.hostname or "").rstrip(".")
        port = parts.port or _DEFAULT_PORTS[scheme]
    except (ValueError, KeyError):
        host, scheme, port = "", "", 0
    if not host:
        raise InvalidSetting(
            "the address has no http or https origin",
            code="config.url",
            hint="use an absolute http or https address.",
        )
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def may_carry_token(url: str) -> bool:
    """Say whether `url` may get a bearer token at all: https, or http to exact loopback."""
    parts = urlsplit(url)
    return parts.scheme.lower() == "https" or (
        parts.scheme.lower() == "http" and _is_loopback(parts.hostname or "")
    )
