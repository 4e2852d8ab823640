"""The sandbox, asked over real HTTP by a client that is not ours, its tokens verified by joserfc."""

from __future__ import annotations

import io
import json
import os
import signal
import threading
import time

import pytest
import urllib3
from joserfc import jwt
from joserfc.jwk import KeySet

from credicorp_auth_testing.sandbox import Fault, Sandbox, SandboxSettings, serve
from credicorp_auth_testing.sandbox.clients import SandboxClient
from credicorp_auth_testing.sandbox.rate_limit import TokenBucket
from credicorp_auth_testing.sandbox.tokens import IssuedToken, IssuedTokens

pytestmark = pytest.mark.slow

FORM = {"grant_type": "client_credentials", "scope": "applications:write decisions:read"}


class Client:
    """A client made of urllib3 alone."""

    def __init__(self, sandbox):
        self.sandbox = sandbox
        self.http = urllib3.PoolManager()

    def ask(self, method, url, **keywords):
        """Send a request; return status, JSON or text, and headers."""
        response = self.http.request(method, url, retries=False, **keywords)
        return response.status, response.json() if response.data else None, response.headers

    def token(self, *, basic=False, **changes):
        """Ask for a token."""
        proof = {"client_id": self.sandbox.client_id, "client_secret": self.sandbox.client_secret}
        fields = {**FORM, **({} if basic else proof), **changes}
        headers = urllib3.make_headers(basic_auth=":".join(proof.values())) if basic else {}
        return self.ask(
            "POST", self.sandbox.token_url, fields=fields, headers=headers, encode_multipart=False
        )

    def api(self, method, path, token, headers=None, **keywords):
        """Call the partner API."""
        headers = {"Authorization": f"Bearer {token}", **(headers or {})}
        return self.ask(method, f"{self.sandbox.base_url}{path}", headers=headers, **keywords)

    def control(self, command, key=None, **body):
        """Use the control plane."""
        headers = {"Sandbox-Control-Key": key or self.sandbox.control_key}
        method = "GET" if command == "counters" else "POST"
        url = f"{self.sandbox.issuer}/_sandbox/{command}"
        return self.ask(method, url, headers=headers, **({"json": body} if body else {}))


@pytest.fixture
def open_client():
    """Open a sandbox and a client of it."""
    opened = []

    def open_it(**settings):
        sandbox = Sandbox(SandboxSettings(**settings)).__enter__()
        opened.append((sandbox, Client(sandbox)))
        return opened[-1][1]

    yield open_it
    for sandbox, client in opened:
        client.http.clear()
        sandbox.__exit__(None, None, None)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
@pytest.mark.parametrize("basic", [True, False])
def test_tokens_are_of_the_rfc_9068_profile(open_client, algorithm, basic):
    """A token verifies by the published keys, and lives no less than expires_in says."""
    client = open_client(algorithm=algorithm, expires_in=5)
    before = time.time()
    status, response, _ = client.token(basic=basic)
    _, keys, _ = client.ask("GET", client.sandbox.jwks_url)
    token = jwt.decode(response["access_token"], KeySet.import_key_set(keys), [algorithm])

    assert (200, 5) == (status, response["expires_in"])
    assert ("at+jwt", algorithm) == (token.header["typ"], token.header["alg"])
    assert {"iss", "aud", "sub", "client_id", "scope", "jti", "iat", "exp"} <= set(token.claims)
    assert token.claims["exp"] >= before + 5


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"scope": "customers:read"}, 400, "invalid_scope"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "nobody"}, 400, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_bad_token_requests_are_refused(open_client, changes, status, error):
    """Refusals have the RFC's words and are counted."""
    client = open_client()
    got, response, _ = client.token(**changes)

    assert (status, error) == (got, response["error"])
    assert 1 == client.sandbox.counters["token_refused"]


def test_metadata_names_what_there_is(open_client):
    """The metadata's issuer is where it was fetched from."""
    client = open_client()
    url = f"{client.sandbox.issuer}/.well-known/oauth-authorization-server"
    _, metadata, _ = client.ask("GET", url)

    assert client.sandbox.issuer == metadata["issuer"]
    assert client.sandbox.token_url == metadata["token_endpoint"]


def test_introspection_knows_living_tokens(open_client):
    """A living token is active; a revoked, an expired and an unknown one are not."""
    client = open_client()
    token = client.token()[1]["access_token"]
    proof = {"client_id": client.sandbox.client_id, "client_secret": client.sandbox.client_secret}

    def active(value):
        fields = {"token": value, **proof}
        url = f"{client.sandbox.base_url}/oauth/introspect"
        return client.ask("POST", url, fields=fields, encode_multipart=False)[1]["active"]

    assert (True, False) == (active(token), active("unknown"))
    client.sandbox.tokens.revoke(token)
    assert not active(token)
    expired = IssuedToken("old", {"exp": 1})
    client.sandbox.tokens.add(expired)
    assert expired.is_expired()
    assert not active("old")


def test_revocation_takes_a_token_back_and_knows_none_of_others(open_client):
    """A revoked token is inactive; an unknown one is revoked as well; another client's is not."""
    client = open_client()
    token = client.token()[1]["access_token"]
    proof = {"client_id": client.sandbox.client_id, "client_secret": client.sandbox.client_secret}
    client.sandbox.tokens.add(IssuedToken("theirs", {"exp": 1e10, "client_id": "other"}))

    def status(value):
        url = f"{client.sandbox.base_url}/oauth/revoke"
        fields = {"token": value, **proof}
        return client.ask("POST", url, fields=fields, encode_multipart=False)[0]

    assert [200, 200, 400] == [status(each) for each in (token, "unknown", "theirs")]
    assert client.sandbox.tokens.find(token).is_revoked()
    assert not client.sandbox.tokens.find("theirs").is_revoked()
    counters = client.sandbox.counters
    assert (1, 3) == (counters["revocations"], counters["revocation_requests"])


def test_the_api_makes_applications_once_for_each_key(open_client):
    """The same Idempotency-Key and body give the same application; another body is a conflict."""
    client = open_client()
    token = client.token()[1]["access_token"]
    key = {"Idempotency-Key": "k"}
    first = client.api("POST", "/applications", token, key, json={"a": 1})
    again = client.api("POST", "/applications", token, key, json={"a": 1})
    other = client.api("POST", "/applications", token, key, json={"a": 2})
    without = client.api("POST", "/applications", token, json={"a": 1})

    assert (201, first[1]) == (again[0], again[1])
    assert (409, "conflict") == (other[0], other[1]["error"]["code"])
    assert (400, "bad_request") == (without[0], without[1]["error"]["code"])


def test_the_api_checks_tokens(open_client):
    """Every way in which a token can be no good is refused with the documented envelope."""
    client = open_client(expires_in=0.01)
    narrow = client.token(scope="decisions:read")[1]["access_token"]
    deadline = time.time() + 10
    while client.api("GET", "/decisions/dec_1", narrow)[0] == 200 and time.time() < deadline:
        time.sleep(0.05)
    expired = client.api("GET", "/decisions/dec_1", narrow)
    client.sandbox.switches.expires_in = 60
    token = client.token(scope="decisions:read")[1]["access_token"]
    stranger = open_client()
    foreign = stranger.token()[1]["access_token"]
    bare = client.ask("GET", f"{client.sandbox.base_url}/decisions/dec_1")

    assert (401, "Bearer") == (bare[0], bare[2]["WWW-Authenticate"])
    assert {"type", "code", "message", "request_id"} == set(bare[1]["error"])
    assert (401, 'Bearer error="invalid_token"') == (expired[0], expired[2]["WWW-Authenticate"])
    assert 1 <= client.sandbox.counters["expired_seen"]
    assert 401 == client.api("GET", "/decisions/dec_1", foreign)[0]
    assert 401 == client.api("GET", "/decisions/dec_1", "garbage")[0]
    assert 404 == client.api("GET", "/decisions/other", token)[0]
    forbidden = client.api("POST", "/applications", token, {"Idempotency-Key": "k"}, json={})
    assert (403, "insufficient_scope") == (forbidden[0], forbidden[1]["error"]["code"])
    assert "insufficient_scope" in forbidden[2]["WWW-Authenticate"]
    client.sandbox.switches.api_refuses_all = True
    assert 401 == client.api("GET", "/decisions/dec_1", token)[0]


def test_a_token_for_another_audience_is_refused(open_client):
    """A token of the same issuer for another API is not for this one."""
    client = open_client()
    claims = {"iss": client.sandbox.issuer, "aud": "other", "exp": time.time() + 60}
    keys = client.sandbox.keys.signing()
    forged = jwt.encode({"alg": "RS256", "kid": keys.keys[0].kid}, claims, keys)

    assert 401 == client.api("GET", "/decisions/dec_1", forged)[0]


def test_every_answer_says_what_is_left(open_client):
    """Rate-limit headers are on every answer, Retry-After on each 429; the buckets are separate."""
    client = open_client(token_rate=0.001, token_burst=1, api_rate=0.001, api_burst=1)
    status, response, headers = client.token()
    refused, body, limits = client.token()

    assert (200, "1", "0") == (status, headers["RateLimit-Limit"], headers["RateLimit-Remaining"])
    assert (429, "1", "rate_limited") == (refused, limits["Retry-After"], body["error"]["code"])
    assert "Credicorp-Request-Id" in headers
    assert 200 == client.api("GET", "/decisions/dec_1", response["access_token"])[0]
    assert 429 == client.api("GET", "/decisions/dec_1", response["access_token"])[0]


def test_a_bucket_fills_again():
    """A bucket that was emptied fills at its rate."""
    bucket = TokenBucket(rate=1000.0, burst=1)
    assert bucket.take()
    while not bucket.take():
        time.sleep(0.001)


def test_the_control_plane_switches_what_the_object_does(open_client):
    """Each command of the control plane takes effect; a wrong key or command does not."""
    client = open_client()
    assert 403 == client.control("counters", key="guess")[0]
    assert 400 == client.control("nonsense")[0]
    assert 400 == client.control("settings", no_such_switch=1)[0]
    assert 400 == client.control("secrets", client_id="nobody", add="x")[0]
    client.control("settings", expires_in=7, omit_expires_in=True, narrowed_scope="decisions:read")
    _, response, _ = client.token()
    assert "expires_in" not in response
    assert "decisions:read" == response["scope"]
    client.control("settings", omit_expires_in=False, narrowed_scope=None)
    client.control("secrets", add="second")
    client.control("secrets", revoke=client.sandbox.client_secret)
    assert (401, 200) == (client.token()[0], client.token(client_secret="second")[0])
    kid = client.sandbox.keys.signing().keys[0].kid
    client.control("rotate-keys")
    assert kid in [key.kid for key in client.sandbox.keys.published().keys]
    client.control("rotate-keys", keep_old=False)
    assert 1 == len(client.sandbox.keys.published().keys)
    client.control("revoke")
    assert all(each.is_revoked() for each in client.sandbox.tokens._tokens.values())
    client.control("faults", faults=[{"status": 500, "body": "x"}])
    client.control("refuse", seconds=30, status=503, retry_after=9)
    assert 500 == client.http.request("POST", client.sandbox.token_url, retries=False).status
    assert "9" == client.token()[2]["Retry-After"]
    counted = client.control("counters")[1]
    assert counted["token_requests"] == len(counted["token_request_times"]) == 5
    assert counted["token_request_times"] == client.sandbox.counters.times()
    client.sandbox.counters.reset()
    assert 0 == client.sandbox.counters["token_requests"]


@pytest.mark.parametrize("action", ["reset", "close"])
def test_connections_can_be_lost(open_client, action):
    """A fault may end the connection without an answer, politely or not."""
    client = open_client()
    client.sandbox.switches.fail_next([Fault(action=action)])
    with pytest.raises(urllib3.exceptions.ProtocolError) as raised:
        client.token()

    reset = isinstance(raised.value.args[1], ConnectionResetError)
    assert (action == "reset") == (reset and "RemoteDisconnected" not in repr(raised.value))


def test_another_client_may_be_added(open_client):
    """Clients can be added while the sandbox runs."""
    client = open_client()
    client.sandbox.clients.add(SandboxClient("second", "dummy", ("decisions:read",)))
    fields = {"client_id": "second", "client_secret": "dummy", "scope": "decisions:read"}

    assert 200 == client.token(**fields)[0]
    assert "decisions:read" == client.sandbox.clients.find("second").get_allowed_scope(
        "decisions:read applications:write"
    )


def test_old_tokens_are_forgotten_in_the_end():
    """The store of issued tokens is bounded."""
    tokens = IssuedTokens()
    for number in range(100_001):
        tokens.add(IssuedToken(str(number), {}))

    assert tokens.find("0") is None
    assert tokens.find("100000") is not None


def test_the_program_announces_itself_and_stops_when_told():
    """One READY line, all a client needs, and an end at SIGTERM."""
    stdout = io.StringIO()
    handlers = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)]
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
    try:
        serve(SandboxSettings(), stdout)
    finally:
        for number, handler in zip((signal.SIGTERM, signal.SIGINT), handlers, strict=True):
            signal.signal(number, handler)
    (line,) = stdout.getvalue().splitlines()
    ready = json.loads(line)

    assert ready["ready"]
    assert {"base_url", "token_url", "client_id", "client_secret", "control_key"} <= set(ready)
