"""
Cost of verifying a token on one thread, beside the signature alone and other libraries.

    python verification.py [rounds]

For each contender, a round measures a slice of the bare signature check by `cryptography`, one of
the contender, and one of the bare check again. Only the ratio to the neighbouring slices counts,
since a machine's speed changes within a second. Targets, for RS256: a first verification takes at
most 2.0 times the bare check, a token seen before at most 0.1 times.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import joserfc.jwk
import joserfc.jwt
import jwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from evidence import record

from credicorp_auth import TokenVerifier
from credicorp_auth.http.messages import HttpRequest, HttpResponse
from credicorp_auth.http.secret import SecretBytes
from credicorp_auth.jose.base64url import decode_base64url
from credicorp_auth.plugin.api import TransportCapabilities

ISSUER, AUDIENCE = "https://as.example", "partner-api"
FIRST_TARGET, SEEN_TARGET = 2.0, 0.1
SLICE = 0.02  # seconds
Check = Callable[[], object]


class Published:
    """
    A transport to an issuer that publishes one key.

    Args:
        document: The issuer's key set.
    """

    capabilities = TransportCapabilities()

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._response = HttpResponse(200, [], SecretBytes(json.dumps(document).encode()))

    def send(self, _request: HttpRequest, *, timeout: float) -> HttpResponse:
        """Return the key set."""
        assert timeout > 0
        return self._response

    def close(self) -> None:
        """Do nothing: no connection is open."""

    def after_fork(self) -> None:
        """Do nothing: no resource belongs to the parent."""


def bare(alg: str, key: Any, token: str) -> Check:  # noqa: ANN401 - a key of any kind
    """Return the signature check alone, with all inputs prepared."""
    message, _, text = token.rpartition(".")
    signature = decode_base64url(text.encode()) or b""
    verify = key.public_key().verify
    if alg == "RS256":
        scheme, digest = padding.PKCS1v15(), hashes.SHA256()
        return lambda: verify(signature, message.encode(), scheme, digest)
    if alg == "ES256":
        r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
        der, curve = encode_dss_signature(r, s), ec.ECDSA(hashes.SHA256())
        return lambda: verify(der, message.encode(), curve)
    return lambda: verify(signature, message.encode())


def contenders(alg: str, own: Any, token: str) -> dict[str, Check]:  # noqa: ANN401 - any key
    """Return the verifiers by name; each has its key parsed beforehand."""
    jwk = own.as_dict(private=False)
    verifier = TokenVerifier(
        issuer=ISSUER, audience=AUDIENCE, discovery="off", transport=Published({"keys": [jwk]})
    )
    cache = verifier._verifier._cache  # noqa: SLF001 - clearing the cache is not in the public API

    def first() -> object:
        cache.forget(None)
        return verifier.verify(token)

    public = own.private_key.public_key()
    rules = joserfc.jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": ISSUER},
        aud={"essential": True, "value": AUDIENCE},
        exp={"essential": True},
    )
    bare_key = type(own).import_key({n: v for n, v in jwk.items() if n not in {"alg", "use"}})

    def by_joserfc() -> object:
        read = joserfc.jwt.decode(token, bare_key, algorithms=[alg])
        rules.validate(read.claims)
        return read

    return {
        "credicorp-auth, first": first,
        "credicorp-auth, seen before": lambda: verifier.verify(token),
        "PyJWT": lambda: jwt.decode(
            token, public, algorithms=[alg], audience=AUDIENCE, issuer=ISSUER
        ),
        "joserfc": by_joserfc,
        "Authlib": authlib(alg, jwk, token),
    }


def authlib(alg: str, jwk: Mapping[str, Any], token: str) -> Check:
    """Return a verification by Authlib."""
    with warnings.catch_warnings(record=True):
        from authlib.jose import JsonWebKey, JsonWebToken  # noqa: PLC0415 - it warns when imported

    key, engine = JsonWebKey.import_key(dict(jwk)), JsonWebToken([alg])
    options = {
        "iss": {"essential": True, "value": ISSUER},
        "aud": {"essential": True, "value": AUDIENCE},
        "exp": {"essential": True},
    }

    def run() -> object:
        claims = engine.decode(token, key, claims_options=options)
        claims.validate()
        return claims

    return run


def seconds(check: Check, count: int) -> float:
    """Run `count` calls; return the processor seconds of one."""
    began = time.process_time()
    for _ in range(count):
        check()
    return (time.process_time() - began) / count


def measure(floor: Check, check: Check, rounds: int) -> float:
    """Return the median ratio of a check to the floor."""
    once = max(seconds(floor, 20), 1e-7)
    count = max(int(SLICE / once), 10)
    often = max(int(SLICE / max(seconds(check, 20), 1e-7)), 10)
    ratios = []
    for _ in range(rounds):
        before = seconds(floor, count)
        taken = seconds(check, often)
        ratios.append(2 * taken / (before + seconds(floor, count)))
    return statistics.median(ratios)


def main(rounds: int) -> int:
    """Measure and print; return 0 if the targets were met."""
    warnings.simplefilter("ignore")
    kinds: Mapping[str, Any] = {
        "RS256": (joserfc.jwk.RSAKey, 2048),
        "ES256": (joserfc.jwk.ECKey, "P-256"),
        "EdDSA": (joserfc.jwk.OKPKey, "Ed25519"),
    }
    now = int(time.time())
    claims = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": "client", "client_id": "client", "jti": "a" * 22,
        "iat": now, "exp": now + 10**6, "scope": "applications:write decisions:read",
    }  # fmt: skip
    found: dict[str, dict[str, float]] = {}
    for alg, (kind, size) in kinds.items():
        own = kind.generate_key(size, {"kid": "key-1", "use": "sig", "alg": alg})
        head = {"alg": alg, "typ": "at+jwt", "kid": "key-1"}
        token = joserfc.jwt.encode(head, claims, own, algorithms=[alg])
        floor = bare(alg, own.private_key, token)
        print(f"{alg}: the signature alone takes {seconds(floor, 500) * 1e6:.1f} µs")
        found[alg] = {
            name: measure(floor, check, rounds)
            for name, check in contenders(alg, own, token).items()
        }
        for name, ratio in found[alg].items():
            print(f"  {name:28} {ratio:7.3f} times")
    targets = {"first": FIRST_TARGET, "seen_before": SEEN_TARGET}
    if len(sys.argv) == 1:  # the full run
        record("verification", {"rounds": rounds, "targets_rs256": targets, "ratios": found})
    first, seen = list(found["RS256"].values())[:2]
    met = first <= FIRST_TARGET and seen <= SEEN_TARGET
    print(f"RS256, first time: {first:.2f}, target {FIRST_TARGET}")
    print(f"RS256, seen before: {seen:.3f}, target {SEEN_TARGET}")
    print("met" if met else "NOT MET")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 15))
