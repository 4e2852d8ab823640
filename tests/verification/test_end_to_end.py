"""Verification against the sandbox: real tokens of Authlib, real sockets, real threads."""

from __future__ import annotations

import asyncio
import base64
import json
import pickle
import threading
import time

import pytest

from credicorp_auth import Claims, CredicorpAuth, TokenVerifier, errors
from credicorp_auth.settings.schema import Settings
from credicorp_auth.wiring.engines import build_anonymous_runtime
from credicorp_auth.wiring.issuer import build_discovery, build_verifier
from credicorp_auth_testing.clock import MovableClock
from credicorp_auth_testing.fakes import ScriptedTransport, wait_idle
from credicorp_auth_testing.sandbox import Sandbox, SandboxSettings

pytestmark = pytest.mark.slow


@pytest.fixture(params=["RS256", "ES256"])
def sandbox(request):
    """Open a sandbox that signs with either algorithm."""
    settings = SandboxSettings(algorithm=request.param, token_rate=10**4, token_burst=10**4)
    with Sandbox(settings) as opened:
        yield opened


def client(sandbox, **settings):
    """Build a client of the sandbox that can verify as well."""
    return CredicorpAuth(
        base_url=sandbox.base_url,
        client_id=sandbox.client_id,
        client_secret=sandbox.client_secret,
        issuer=sandbox.issuer,
        **{"audience": "partner-api", "scope": "decisions:read", **settings},
    )


@pytest.mark.parametrize("discovery", ["off", "on"])
def test_a_minted_token_is_verified_where_it_was_minted(sandbox, discovery):
    """`auth.verify` takes the token itself, or its text, with keys set or discovered."""
    with client(sandbox, discovery=discovery) as auth:
        token = auth.get_token()
        claims = auth.verify(token, required_scope="decisions:read")
        assert isinstance(claims, Claims)
        assert sandbox.client_id == claims.client_id
        assert claims == asyncio.run(auth.averify(token.value.reveal()))
        with pytest.raises(errors.ScopeMissing) as refused:
            asyncio.run(auth.averify(token, required_scope="applications:write"))
        assert {"applications:write"} == refused.value.required
        assert "verify.scope" == pickle.loads(pickle.dumps(refused.value)).code
    assert 1 == sandbox.counters["jwks_requests"]
    assert (discovery == "on") == sandbox.counters["metadata_requests"]
    with pytest.raises(errors.Closed):
        auth.verify(token)


def test_a_resource_server_needs_no_secret(sandbox):
    """A `TokenVerifier` discovers the keys by itself, in threads and in tasks alike."""
    with client(sandbox) as auth:
        text = auth.get_token().value.reveal()

    async def in_a_task():
        async with TokenVerifier(issuer=sandbox.issuer, audience="partner-api") as verifier:
            with pytest.raises(errors.WrongAudience):
                await verifier.averify(text, audience="other")
            return await verifier.averify(text)

    with TokenVerifier(issuer=sandbox.issuer, audience="partner-api") as verifier:
        assert verifier.verify(text) == asyncio.run(in_a_task())
        assert f"TokenVerifier(issuer='{sandbox.issuer}', audience='partner-api')" == repr(verifier)
        with pytest.raises(TypeError):
            pickle.dumps(verifier)
    verifier.close()
    with pytest.raises(errors.Closed):
        verifier.verify(text)


def test_a_verifier_is_built_from_settings_environment_and_profile(sandbox, monkeypatch, tmp_path):
    """Settings, variables and a profile without a secret build a verifier as keywords do."""
    path = tmp_path / "credicorp.toml"
    path.write_text(f'[rs]\nissuer = "{sandbox.issuer}"\njwks_url = "{sandbox.jwks_url}"\n')
    monkeypatch.setenv("CREDICORP_CONFIG", str(path))
    monkeypatch.setenv("CREDICORP_ISSUER", sandbox.issuer)
    monkeypatch.setenv("CREDICORP_AUDIENCE", "partner-api")
    monkeypatch.setenv("CREDICORP_JWKS_URL", sandbox.jwks_url)
    with client(sandbox) as auth:
        text = auth.get_token().value.reveal()
    settings = Settings(issuer=sandbox.issuer, audience="partner-api", base_url=sandbox.base_url)
    for verifier in (
        TokenVerifier.from_env(),
        TokenVerifier.from_settings(settings),
        TokenVerifier.from_profile("rs"),
    ):
        with verifier:
            assert "decisions:read" == str(verifier.verify(text).scope)
    assert 0 == sandbox.counters["metadata_requests"]


@pytest.mark.parametrize("settings", [{}, {"issuer": "https://a.example"}, {"audience": "a"}])
def test_fault_240_a_verifier_without_issuer_or_audience_is_not_built(settings):
    """Neither can be left out, and no value switches the check off."""
    with pytest.raises(errors.MissingSetting) as refused:
        TokenVerifier(**settings)
    assert "config.verifier" == refused.value.code
    for nothing in ("", " ", 7, [], "*"):
        with pytest.raises(errors.ConfigurationError):
            TokenVerifier(audience="a", issuer=nothing)
    for nothing in ("", " ", 7):
        with pytest.raises(errors.InvalidSetting):
            TokenVerifier(issuer="https://a.example", audience=nothing)


def test_the_answer_says_where_it_came_from(sandbox):
    """A transport on sockets of its own knows whom it was connected to."""
    settings = Settings(issuer=sandbox.issuer, audience="a", base_url=sandbox.base_url)
    runtime = build_anonymous_runtime(settings)
    from credicorp_auth.oauth.endpoint import build_document_request

    for _ in range(2):
        response = runtime.send(build_document_request(sandbox.jwks_url), timeout=5)
        assert "127.0.0.1" == response.peer_address
    runtime.transport.close()


class Load:
    """Threads that mint by the sandbox and verify, while keys are rotated under them."""

    def __init__(self, sandbox):
        self.sandbox, self.clock = sandbox, MovableClock(wall=time.time())
        settings = Settings(
            issuer=sandbox.issuer, audience="partner-api", base_url=sandbox.base_url
        )
        runtime = build_anonymous_runtime(settings, clock=self.clock)
        self.verifier = build_verifier(settings, runtime, build_discovery(settings, runtime))
        self.codes, self.verified, self.stop = [], 0, threading.Event()
        self.refused_kids = set()

    def run(self):
        """Verify new tokens until it is enough."""
        with client(self.sandbox) as auth:
            while not self.stop.is_set():
                token = auth.get_token()
                try:
                    self.verifier.verify(token)
                    self.verified += 1
                except errors.VerificationFailed as refused:
                    self.codes.append(refused.code)
                    head = token.value.reveal().partition(".")[0]
                    head += "=" * (-len(head) % 4)
                    self.refused_kids.add(json.loads(base64.urlsafe_b64decode(head))["kid"])
                auth.invalidate(token)

    def __enter__(self):
        self.threads = [threading.Thread(target=self.run) for _ in range(4)]
        for each in self.threads:
            each.start()
        return self

    def wait_for(self, count):
        """Wait until that many more tokens were verified or refused."""
        target = self.verified + len(self.codes) + count
        while self.verified + len(self.codes) < target:
            time.sleep(0.002)

    def __exit__(self, *_):
        self.stop.set()
        for each in self.threads:
            each.join()
        self.verifier.close()
        wait_idle()


def test_fault_255_rotation_with_overlap_fails_nobody(sandbox):
    """Keys that are announced, used and withdrawn in turn under load: not one failure."""
    with Load(sandbox) as load:
        load.wait_for(20)
        for _ in range(3):
            sandbox.keys.announce()
            load.clock.advance(301)
            while load.verifier._keys.state().fresh_until < load.clock.boot():
                time.sleep(0.002)
            sandbox.keys.rotate()
            load.wait_for(20)

    assert [] == load.codes
    assert 1 + 3 <= sandbox.counters["jwks_requests"] <= 1 + 3 + 3


def test_fault_255_rotation_without_overlap_costs_one_fetch(sandbox):
    """Keys that are swapped under load: one fetch, and no token of the new key is refused."""
    with Load(sandbox) as load:
        load.wait_for(20)
        fetches, old = sandbox.counters["jwks_requests"], sandbox.keys.signing().keys[0].kid
        sandbox.keys.rotate(keep_old=False)
        load.wait_for(60)

    assert {"verify.kid"} >= set(load.codes)
    assert {old} >= load.refused_kids  # tokens that were on their way
    assert fetches + 1 == sandbox.counters["jwks_requests"]


def test_a_key_may_be_announced_from_outside(sandbox):
    """The control plane announces a key as the object does."""
    import urllib.request

    request = urllib.request.Request(
        f"{sandbox.issuer}/_sandbox/announce-key",
        method="POST",
        headers={"Sandbox-Control-Key": sandbox.control_key},
    )
    urllib.request.urlopen(request, timeout=5).close()
    with urllib.request.urlopen(sandbox.jwks_url, timeout=5) as response:
        assert 2 == len(json.load(response)["keys"])


def test_a_child_process_shares_no_connection():
    """After a fork, the transport of a verifier is told to leave the parent's sockets alone."""
    from credicorp_auth.engine.fork import _renew_all

    class Told(ScriptedTransport):
        forks = 0

        def after_fork(self):
            self.forks += 1

    transport = Told()
    with TokenVerifier(issuer="https://a.example", audience="a", transport=transport):
        _renew_all()
    assert 1 == transport.forks


def test_an_adapter_object_of_the_callers_own_serves_a_verifier(sandbox):
    """A transport that is handed in is used, and closed with the verifier."""
    transport = ScriptedTransport([errors.ConnectionFailed("down")])
    verifier = TokenVerifier(
        issuer="https://a.example", audience="a", transport=transport, discovery="off"
    )
    with pytest.raises(errors.KeysUnavailable):
        verifier.verify(
            "eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJpc3MiOiJodHRwczovL2EuZXhhbXBsZSJ9.AA"
        )
    verifier.close()
    assert transport.closed
    assert "https://a.example/oauth/jwks" == transport.sent[0].url
