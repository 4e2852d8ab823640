"""Well-known address of an issuer's metadata (RFC 8414 section 3.1)."""

from __future__ import annotations

from urllib.parse import urlsplit


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
