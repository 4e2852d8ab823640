"""Authorization server metadata (RFC 8414): address, parser and origin checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit

from attrs import field, frozen

from credicorp_auth.errors import (
    CredicorpAuthError,
    InvalidSetting,
    MalformedResponse,
    OriginNotAllowed,
)
from credicorp_auth.http.messages import origin_of, read_url
from credicorp_auth.http.network_zone import PUBLIC, zone_of, zone_of_host
from credicorp_auth.http.strict_json import NotStrictJson, read_json_object
from credicorp_auth.http.untrusted_text import hide_secrets

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from credicorp_auth.http.messages import HttpResponse
    from credicorp_auth.http.secret import Secret

ENDPOINTS: Final = (
    "token_endpoint",
    "jwks_uri",
    "introspection_endpoint",
    "revocation_endpoint",
)
"""The members with an endpoint address that this library uses."""

_METHODS: Final = "token_endpoint_auth_methods_supported"
_MOST_METHODS: Final = 100


def well_known_url(issuer: str, *, oidc: bool = False) -> str:
    """
    Return the address at which an issuer's metadata is published.

    Args:
        issuer: The issuer identifier: an https address without query or fragment.
        oidc: Whether to return the OpenID Connect Discovery address, which is appended to the
            issuer. False: that of RFC 8414 section 3.1, inserted between host and path.
    """
    if oidc:
        return f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{path}"


@frozen
class MetadataSource:
    """
    The address of metadata, and its required content.

    Args:
        url: The address.
        issuer: The required `issuer`, compared character by character.
        origins: The origins that its endpoints may have.
        listed: Those origins that the user listed; their network zone is not checked.
        setting: The setting that the address came from, as a hint names it.
        other_url: The other well-known address of the issuer, where the document may lie instead.
        other_discovery: The value of `discovery` that reads it from there.
    """

    url: str
    issuer: str
    origins: frozenset[str]
    listed: frozenset[str] = frozenset()
    setting: str = "`issuer`"
    other_url: str = ""
    other_discovery: str = ""

    @property
    def other_hint(self) -> str:
        """The hint to look at the other well-known address; empty if there is none."""
        if not self.other_url:
            return ""
        set_it = f"set discovery={self.other_discovery!r}"
        return f" If the issuer publishes its metadata at {self.other_url}, {set_it}."


@frozen(eq=False)
class ServerMetadata:
    """
    The metadata of one authorization server.

    Args:
        issuer: The issuer; checked against the source.
        endpoints: The usable addresses, by their names in RFC 8414.
        refused: The errors of the unusable addresses, by their names.
        methods: Client authentication methods of the token endpoint; None if it states none.
        document: The bytes that it was read from, to detect a change.
        peer: The IP address that it came from; None if the transport does not know it.
    """

    issuer: str
    endpoints: Mapping[str, str]
    refused: Mapping[str, CredicorpAuthError]
    methods: frozenset[str] | None
    document: bytes = field(default=b"", repr=False)
    peer: str | None = None

    def endpoint(self, name: str) -> str:
        """
        Return the address of an endpoint.

        Args:
            name: One of `ENDPOINTS`.

        Raises:
            OriginNotAllowed: Its origin is not allowed (`discovery.origin`), or is in a private
                network (`discovery.ssrf`).
            MalformedResponse: It is absent or not a usable address (`discovery.endpoint`).
        """
        if name in self.refused:
            raise self.refused[name].copy()
        if name not in self.endpoints:
            raise MalformedResponse(
                f"the metadata of {self.issuer} has no {name}",
                code="discovery.endpoint",
                hint="set the URL yourself; a setting overrides the metadata.",
            )
        return self.endpoints[name]

    def check_method(self, method: str) -> None:
        """Reject an authentication method that the server does not offer; there is no downgrade."""
        if self.methods is not None and method not in self.methods:
            raise MalformedResponse(
                f"the token endpoint of {self.issuer} does not take {method}",
                code="discovery.auth_method",
                hint="set `client_authentication` to a method that the server offers.",
            )


def read_metadata(
    response: HttpResponse,
    source: MetadataSource,
    *,
    peer: str | None = None,
    secrets: Collection[Secret] = (),
) -> ServerMetadata:
    """
    Read metadata. Each endpoint is checked on its own, so a bad one does not affect the others.

    Args:
        response: A response with status 200.
        source: The address of the metadata, and its required content.
        peer: The IP address that it came from; None if unknown.
        secrets: Our credentials; an address that holds one is not usable.

    Raises:
        MalformedResponse: The response is not metadata (`discovery.malformed`), or is that of
            another issuer (`discovery.issuer_mismatch`).
    """
    document = response.body.reveal()
    try:
        members = read_json_object(document)
    except NotStrictJson:
        members = {}
    methods = members.get(_METHODS)
    if not isinstance(members.get("issuer"), str) or not _are_words(methods):
        raise MalformedResponse(
            f"the response of {source.url} is not authorization server metadata",
            code="discovery.malformed",
            hint="check `issuer`; or switch `discovery` off and set the addresses."
            + source.other_hint,
        )
    if members["issuer"] != source.issuer:
        raise MalformedResponse(
            f"the metadata at {source.url} is not that of {source.issuer}",
            code="discovery.issuer_mismatch",
            hint="set `issuer` to exactly the text that the server publishes, if you trust it.",
        )
    endpoints: dict[str, str] = {}
    refused: dict[str, CredicorpAuthError] = {}
    for name in ENDPOINTS:
        if name in members:
            judged = _judge(name, members[name], source, secrets)
            if isinstance(judged, str):
                endpoints[name] = judged
            else:
                refused[name] = judged
    offered = None if methods is None else frozenset(cast("list[str]", methods))
    return ServerMetadata(source.issuer, endpoints, refused, offered, document, peer)


def _are_words(value: object) -> bool:
    if value is None:
        return True
    words = cast("list[object]", value) if isinstance(value, list) else [None]
    return len(words) <= _MOST_METHODS and all(isinstance(each, str) for each in words)


def _is_address(url: str) -> bool:
    try:
        return bool(read_url(url, name="endpoint"))
    except InvalidSetting:
        return False


def _judge(
    name: str, value: object, source: MetadataSource, secrets: Collection[Secret]
) -> str | CredicorpAuthError:
    # An address is shown in messages and logged on the way, so it must not hold a credential.
    url = value if isinstance(value, str) and _is_address(value) else None
    url = url if url is not None and hide_secrets(url, secrets, shortest=8) == url else None
    if url is None:
        return MalformedResponse(
            f"{name} in the metadata of {source.issuer} is no address that can be used",
            code="discovery.endpoint",
            hint="set the address yourself, or ask the operator of the issuer.",
        )
    origin = origin_of(url)
    if origin in source.origins:
        return url
    inside = zone_of_host(urlsplit(url).hostname or "") not in {None, PUBLIC}
    return OriginNotAllowed(
        f"{name} in the metadata of {source.issuer} lies at {origin}",
        origin=origin,
        code="discovery.ssrf" if inside else "discovery.origin",
        hint="add the origin to `endpoint_origins` if it is the issuer's.",
    )


def check_peer(peer: str | None, url: str, source: MetadataSource, known: str | None) -> None:
    """
    Reject a response served from a private network (DNS rebinding).

    Args:
        peer: The IP address that responded; None, if unknown, skips the check.
        url: The address of the request.
        source: The metadata source; the origins that the user listed skip the check.
        known: The IP address that the metadata came from; its network zone is always allowed. None,
            if unknown, skips the check.

    Raises:
        OriginNotAllowed: The peer is in another network zone than public (`discovery.ssrf`).
    """
    origin = origin_of(url)
    if peer is None or known is None or origin in source.listed:
        return
    if zone_of(peer) not in {PUBLIC, zone_of(known)}:
        raise OriginNotAllowed(
            f"{url} led into a private network",
            origin=origin,
            code="discovery.ssrf",
            hint="fix the DNS entry, or add the origin to `endpoint_origins` if it is intended.",
        )


def changed_members(earlier: ServerMetadata, later: ServerMetadata) -> Collection[str]:
    """Return the names of the endpoints whose addresses have changed."""
    return [name for name in ENDPOINTS if earlier.endpoints.get(name) != later.endpoints.get(name)]
