"""
Fuzz targets: every parser of untrusted input, as a function of bytes.

A parser may only reject its input. A target raises if a parser raises an error that is not ours, or
returns a forbidden value.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Final

from credicorp_auth.errors import CredicorpAuthError, MalformedResponse, VerificationFailed
from credicorp_auth.http.challenge import first_pause_after, read_challenges
from credicorp_auth.http.messages import HttpResponse, origin_of
from credicorp_auth.http.secret import Secret, SecretBytes
from credicorp_auth.jose.claims import RFC9068, read_claims
from credicorp_auth.jose.key_set import MAX_KEYS, read_key_set
from credicorp_auth.jose.signature_algorithm import ALGORITHMS, DEFAULT_ALGORITHMS, read_algorithms
from credicorp_auth.jose.verification import VerificationPolicy, encode_token, read_token
from credicorp_auth.oauth.introspection import IntrospectionPolicy, read_introspection
from credicorp_auth.oauth.metadata import ENDPOINTS, MetadataSource, read_metadata
from credicorp_auth.oauth.token_endpoint import TokenPolicy, TokenRequest, read_token_response
from credicorp_auth.oauth.token_query import TokenQuery, read_revocation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ISSUER: Final = "https://as.example"
_ORIGINS: Final = frozenset({"https://as.example:443"})
_MOMENT: Final = 1e9
_ALGORITHMS: Final = read_algorithms(DEFAULT_ALGORITHMS)
_POLICY: Final = VerificationPolicy(_ISSUER, read_algorithms(ALGORITHMS))


def _response(body: bytes, status: int = 200) -> HttpResponse:
    return HttpResponse(status, [("Content-Type", "application/json")], SecretBytes(body))


def _b64(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def token(data: bytes) -> None:
    """Parse the bytes as a token, and as header and payload of a well-formed token."""
    head, _, rest = data.partition(b"\n")
    body, _, signature = rest.partition(b"\n")
    for text in (data.decode("latin-1"), f"{_b64(head)}.{_b64(body)}.{_b64(signature)}"):
        try:
            read = read_token(encode_token(text), _POLICY)
        except VerificationFailed:
            continue
        assert read.algorithm.name in ALGORITHMS
        assert read.claims["iss"] == _ISSUER
        assert read.kid is None or "\0" not in read.kid


def claims(data: bytes) -> None:
    """Parse the bytes as the claims of a verified token."""
    try:
        members = json.loads(data)
    except (ValueError, RecursionError):
        return
    if isinstance(members, dict):
        try:
            read = read_claims({**members, "iss": _ISSUER}, RFC9068, now=_MOMENT, leeway=60.0)
        except VerificationFailed:
            return
        assert read.expires_at > _MOMENT - 60.0
        assert all(isinstance(each, str) for each in (read.subject, read.client_id, read.token_id))


def key_set(data: bytes) -> None:
    """Parse the bytes as a key set."""
    try:
        read = read_key_set(_response(data), _ALGORITHMS, url="u")
    except MalformedResponse:
        return
    assert len(read.keys) <= MAX_KEYS
    assert all(key.algorithm in _ALGORITHMS for key in read.keys)


def metadata(data: bytes) -> None:
    """Parse the bytes as metadata; no endpoint in it is at another origin."""
    source = MetadataSource("u", _ISSUER, _ORIGINS)
    try:
        read = read_metadata(_response(data), source)
    except MalformedResponse:
        return
    for name in ENDPOINTS:
        try:
            assert origin_of(read.endpoint(name)) in _ORIGINS
        except CredicorpAuthError:
            continue


def challenge(data: bytes) -> None:
    """Parse the bytes as `WWW-Authenticate` headers; nothing is raised at all."""
    values = data.decode("latin-1").split("\n")
    assert all(each.scheme for each in read_challenges(values))
    assert first_pause_after(values) in {5.0, 60.0, None}


def token_response(data: bytes) -> None:
    """Parse the bytes as responses of the token endpoint; no error repeats the secret."""
    secret = Secret("hunter2-of-the-fuzzer")
    for status in (200, 400, 401, 429, 500):
        try:
            grant = read_token_response(
                _response(data, status),
                TokenRequest("https://as.example/token"),
                TokenPolicy(),
                client_id="c",
                client_secret=secret,
            )
        except CredicorpAuthError as error:
            said = str(error)
        else:
            said = ""
            assert 1 <= grant.lifetime <= TokenPolicy().max_lifetime
        assert secret.reveal() not in said


def query(data: bytes) -> None:
    """
    Parse the bytes as introspection responses.

    None is active without `true`, and no error repeats the token.
    """
    token = Secret("token-of-the-fuzzer")
    asked = TokenQuery(token, "u", "c", Secret("hunter2-of-the-fuzzer"))
    for status in (200, 400, 401, 429, 500):
        response = _response(data, status)
        try:
            read = read_introspection(response, asked, IntrospectionPolicy(), now=_MOMENT)
            read_revocation(response, asked)
        except CredicorpAuthError as error:
            said = str(error)
        else:
            said = ""
            assert read["active"] is read.active
            assert not read.active or read.expires_at is None or read.expires_at > _MOMENT
        assert token.reveal() not in said


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {
    "token": token,
    "claims": claims,
    "key_set": key_set,
    "metadata": metadata,
    "challenge": challenge,
    "token_response": token_response,
    "inquiry": query,
}
