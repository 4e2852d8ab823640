"""An issuer that signs anything: tokens by joserfc and `cryptography`, none by what is tested."""

from __future__ import annotations

import base64
import json
import threading
import warnings
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from joserfc import jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey

from credicorp_auth.errors import ConnectionFailed, CredicorpAuthError
from credicorp_auth.http.messages import HttpResponse
from credicorp_auth.http.secret import SecretBytes
from credicorp_auth.jose.claims import verify_requirements
from credicorp_auth.jose.key_set import read_key_set
from credicorp_auth.jose.signature_algorithm import DEFAULT_ALGORITHMS, read_algorithms
from credicorp_auth.jose.verification import (
    VerificationPolicy,
    encode_token,
    read_token,
    verify_token,
)
from credicorp_auth.oauth.scope import Scope
from credicorp_auth.plugin.api import TransportCapabilities
from credicorp_auth.settings.schema import Settings
from credicorp_auth.wiring.engines import build_anonymous_runtime
from credicorp_auth.wiring.issuer import build_discovery, build_verifier
from credicorp_auth_testing.clock import MovableClock
from credicorp_auth_testing.fakes import wait_idle

ISSUER = "https://as.example"
AUDIENCE = "partner-api"
NOW = 1_800_000_000

KEYS = {
    "RS256": RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig", "alg": "RS256"}),
    "PS256": RSAKey.generate_key(2048, {"kid": "pss", "use": "sig", "alg": "PS256"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "ec", "use": "sig", "alg": "ES256"}),
    "EdDSA": OKPKey.generate_key("Ed25519", {"kid": "ed", "use": "sig", "alg": "EdDSA"}),
}
"""One key for each algorithm that is allowed by default."""


def b64(value: Any) -> str:
    """Encode bytes, or anything JSON can say, as base64url without padding."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def claims(without: tuple[str, ...] = (), **members: Any) -> dict[str, Any]:
    """Write the claims of a good token, with members changed, added or left out."""
    good = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "client",
        "client_id": "client",
        "jti": "id-1",
        "iat": NOW,
        "exp": NOW + 3600,
        "scope": "applications:write decisions:read",
    }
    return {name: value for name, value in {**good, **members}.items() if name not in without}


def header(alg: str = "RS256", without: tuple[str, ...] = (), **members: Any) -> dict[str, Any]:
    """Write the header of a good token, with members changed, added or left out."""
    kid = KEYS[alg].kid if isinstance(alg, str) and alg in KEYS else "rsa"
    good = {"alg": alg, "typ": "at+jwt", "kid": kid}
    return {name: value for name, value in {**good, **members}.items() if name not in without}


def signed(head: Any, body: Any, key: Any = None) -> str:
    """Sign any header and payload with RSA, by `cryptography` alone."""
    signing_input = f"{b64(head)}.{b64(body)}"
    private = (key or KEYS["RS256"]).private_key
    signature = private.sign(signing_input.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signing_input}.{b64(signature)}"


def issued(alg: str = "RS256", body: Any = None, key: Any = None, **members: Any) -> str:
    """Issue a token by joserfc."""
    head = header(alg, **members)
    payload = json.dumps(claims() if body is None else body)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # joserfc would rather see Ed25519
        return jws.serialize_compact(head, payload, _bare(key or KEYS[alg]), algorithms=[alg])


def _bare(key: Any) -> Any:
    # Without the algorithm that the key names, which joserfc would insist on.
    jwk = key.as_dict(private=True)
    bare = json.dumps({name: jwk[name] for name in jwk if name not in {"alg", "use"}})
    if bare not in _BARE:
        _BARE[bare] = type(key).import_key(json.loads(bare))
    return _BARE[bare]


_BARE: dict[str, Any] = {}  # joserfc takes its time to import a key


def published(*keys: Any) -> dict[str, Any]:
    """Return the key set that holds these keys, or JSON Web Keys as they stand."""
    return {"keys": [k if isinstance(k, dict) else k.as_dict(private=False) for k in keys]}


def key_set(document: Any = None, algorithms: Any = DEFAULT_ALGORITHMS, headers: Any = ()) -> Any:
    """Read a key set; that of all keys when none is given."""
    document = published(*KEYS.values()) if document is None else document
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    response = HttpResponse(200, headers, SecretBytes(raw))
    return read_key_set(response, read_algorithms(algorithms), url="https://as.example/jwks")


ALL_KEYS = key_set()


def verdict(token: str, keys: Any = None, *, now: float = NOW, **asked: Any) -> Any:
    """Verify a token by the rules alone; return its claims, or the code of the error."""
    policy = VerificationPolicy(
        asked.get("issuer", ISSUER), read_algorithms(asked.get("algorithms", DEFAULT_ALGORITHMS))
    )
    try:
        read = read_token(encode_token(token), policy)
        found = verify_token(read, keys or ALL_KEYS, policy, now=now)
        required = Scope(asked.get("required", ""))
        verify_requirements(found, asked.get("audience", AUDIENCE), required)
    except CredicorpAuthError as error:
        assert not token or token[:24] not in str(error) + repr(error) + repr(vars(error))
        return error.code
    return found


class Publisher:
    """A transport to an issuer that publishes what it is told to, and counts who asks."""

    capabilities = TransportCapabilities()

    def __init__(self) -> None:
        self.pages: dict[str, Any] = {}
        self.asked: list[str] = []
        self.timeouts: list[float] = []
        self.bodies: list[Any] = []
        self.down = False
        self.open = threading.Event()
        self.open.set()
        self.closed = False

    def publish(self, document: Any, *, path: str = "/oauth/jwks", **how: Any) -> None:
        """Publish a document, or what a function of the request makes."""
        raw = document if isinstance(document, bytes) else json.dumps(document).encode()
        headers = how.get("headers", [("Content-Type", "application/json")])
        peer = how.get("peer")
        self.pages[path] = HttpResponse(how.get("status", 200), headers, SecretBytes(raw), peer)

    def send(self, request: Any, *, timeout: float) -> Any:
        """Answer, once nobody holds the answers up."""
        path = urlsplit(request.url).path
        self.asked.append(path)
        self.timeouts.append(timeout)
        self.bodies.append(request)
        self.open.wait(timeout)
        if self.down:
            raise ConnectionFailed("nobody is there")
        response = self.pages[path]
        return response(request) if callable(response) else response

    def close(self) -> None:
        """Take note."""
        self.closed = True

    def after_fork(self) -> None:
        """Nothing belongs to the parent."""


class Stage:
    """A verifying engine, what it asks, and what it tells."""

    def __init__(self, **settings: Any) -> None:
        self.publisher, self.clock = Publisher(), MovableClock(wall=float(NOW))
        self.publisher.publish(published(*KEYS.values()))
        self.events: list[Any] = []
        given = {
            "base_url": ISSUER,
            "issuer": ISSUER,
            "audience": AUDIENCE,
            "transport": self.publisher,
            "observers": [self.events.append],
            **settings,
        }
        self.settings = Settings(**given)
        self.runtime = build_anonymous_runtime(self.settings, clock=self.clock)
        self.discovery = build_discovery(self.settings, self.runtime)
        self.engine = build_verifier(self.settings, self.runtime, self.discovery)

    def verify(self, token: Any, **asked: Any) -> Any:
        """Verify a token; return its claims or the code of the error; leave nothing under way."""
        try:
            return self.engine.verify(token, **asked)
        except CredicorpAuthError as error:
            return error.code
        finally:
            wait_idle()

    def emitted(self, name: str) -> list[dict[str, Any]]:
        """Return the fields of each event of that name."""
        return [dict(event.fields) for event in self.events if event.name == name]

    @property
    def fetches(self) -> int:
        """How often anything was asked for."""
        return len(self.publisher.asked)


@pytest.fixture
def stage() -> Any:
    """Set stages, and close them."""
    stages: list[Stage] = []

    def set_stage(**settings: Any) -> Stage:
        stages.append(Stage(**settings))
        return stages[-1]

    yield set_stage
    for each in stages:
        each.publisher.open.set()
        each.engine.close()
    wait_idle()


@pytest.fixture(scope="session")
def forge() -> Any:
    """Hand out this module: tests cannot import it."""
    import sys

    return sys.modules[__name__]
