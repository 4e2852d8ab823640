"""Where an issuer publishes what it says of itself (RFC 8414 section 3.1)."""

from __future__ import annotations

from urllib.parse import urlsplit


def well_known_url(issuer: str, *, oidc: bool = False) -> str:
    """
    Return where an issuer's metadata are published.

    Args:
        issuer: The issuer identifier: an https address without query or fragment.
        oidc: Whether the document of OpenID Connect Discovery is meant, which is appended; that of
            RFC 8414 section 3.1 is inserted between host and path.
    """
    if oidc:
        return f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{path}"
