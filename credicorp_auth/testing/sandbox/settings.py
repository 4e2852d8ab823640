"""How a sandbox starts."""

from __future__ import annotations

from attrs import frozen


@frozen
class SandboxSettings:
    """
    How a sandbox starts; the switches change what can change while it runs.

    Args:
        port: Where it listens on 127.0.0.1; 0 for any free port.
        client_id: The first client's id.
        client_secret: The first client's secret: a dummy, worth nothing elsewhere.
        scopes: The scopes that client may ask for.
        algorithm: How tokens are signed: RS256 or ES256.
        expires_in: Seconds a token lives.
        token_latency: Seconds that the token endpoint takes.
        audience: The audience of tokens, which the partner API insists on.
        token_rate: Requests a second that the token plane sustains.
        token_burst: Requests that the token plane takes at once.
        api_rate: Requests a second that the partner API sustains.
        api_burst: Requests that the partner API takes at once.
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
