"""Initial settings of a sandbox."""

from __future__ import annotations

from attrs import frozen


@frozen
class SandboxSettings:
    """
    The initial settings of a sandbox; its switches change some of them at run time.

    Args:
        port: The port on 127.0.0.1; 0 for any free port.
        client_id: The first client's id.
        client_secret: The first client's secret: a dummy, useless elsewhere.
        scopes: The scopes that this client may request.
        algorithm: The signature algorithm of tokens: RS256 or ES256.
        expires_in: Lifetime of a token in seconds.
        token_latency: Latency of the token endpoint in seconds.
        audience: The audience of tokens, which the partner API requires.
        token_rate: Sustained requests a second on the token plane.
        token_burst: Burst of requests on the token plane.
        api_rate: Sustained requests a second on the partner API.
        api_burst: Burst of requests on the partner API.
    """

    port: int = 0
    client_id: str = "cid_sbx_sandbox"
    client_secret: str = "csk_sbx_dummy"  # noqa: S105 - a dummy for a server on loopback
    scopes: tuple[str, ...] = ("applications:write", "decisions:read")
    algorithm: str = "RS256"
    expires_in: float = 3600.0
    token_latency: float = 0.0
    audience: str = "partner-api"
    token_rate: float = 100.0
    token_burst: int = 200
    api_rate: float = 2_000.0
    api_burst: int = 4_000
