"""A `CredicorpAuth` of somebody's own: what it overrides is what is called."""

from __future__ import annotations

import asyncio
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from traceback import walk_tb

import httpx
import pytest
import requests
from attrs import evolve

from credicorp_auth import CredicorpAuth, Scope, Secret, Settings, TokenVerifier, errors
from credicorp_auth.resource import Guard, IntrospectingVerifier
from credicorp_auth.resource.wsgi import BearerGuard
from credicorp_auth_httpx import BearerAuth as HttpxBearer
from credicorp_auth_requests import BearerAuth as RequestsBearer
from credicorp_auth_testing.clock import MovableClock
from credicorp_auth_testing.fakes import ScriptedTransport
from credicorp_auth_urllib3 import BearerPoolManager

pytestmark = pytest.mark.slow


class Counting(CredicorpAuth):
    """Writes down what is called, as a team does that wants it in its metrics."""

    calls: list[str]

    def get_token(self, scope=None, *, timeout=None):
        """Count it."""
        self.calls.append("get_token")
        return super().get_token(scope, timeout=timeout)

    async def aget_token(self, scope=None, *, timeout=None):  # noqa: ASYNC109 - as what it overrides
        """Count it."""
        self.calls.append("aget_token")
        return await super().aget_token(scope, timeout=timeout)

    def call(self, url, scope=None):
        """Count it."""
        self.calls.append("call")
        return super().call(url, scope)

    def verify(self, token, *, audience=None, required_scope=None):
        """Count it."""
        self.calls.append("verify")
        return super().verify(token, audience=audience, required_scope=required_scope)

    async def averify(self, token, *, audience=None, required_scope=None):
        """Count it."""
        self.calls.append("averify")
        return await super().averify(token, audience=audience, required_scope=required_scope)

    def introspect(self, token):
        """Count it."""
        self.calls.append("introspect")
        return super().introspect(token)

    async def aintrospect(self, token):
        """Count it."""
        self.calls.append("aintrospect")
        return await super().aintrospect(token)


def counting(sandbox, **settings):
    auth = Counting(
        base_url=sandbox.base_url,
        client_id=sandbox.client_id,
        client_secret=sandbox.client_secret,
        **settings,
    )
    auth.calls = []
    return auth


def test_what_a_subclass_overrides_is_called(open_sandbox):
    """Each method can be overridden, does what it did, and is asked by the others and by a bearer's call."""
    sandbox = open_sandbox()
    with counting(sandbox, issuer=sandbox.issuer, audience=sandbox.settings.audience) as auth:
        token = auth.get_token()
        assert token == asyncio.run(auth.aget_token())
        assert token.header() == auth.header() == auth.call(sandbox.base_url).header()
        said = [auth.verify(token), asyncio.run(auth.averify(token))]
        emitted = [auth.introspect(token), asyncio.run(auth.aintrospect(token))]

    assert {sandbox.client_id} == {each.client_id for each in (*said, *emitted)}
    assert [
        "get_token",
        "aget_token",
        "get_token",
        "call",
        "get_token",
        "verify",
        "averify",
        "introspect",
        "aintrospect",
    ] == auth.calls


class OtherToken(CredicorpAuth):
    """Hands out a token of its own choosing, as one does that exchanges what was minted."""

    def get_token(self, scope=None, *, timeout=None):
        """Return the token with another value."""
        token = super().get_token(scope, timeout=timeout)
        return evolve(token, value=Secret(f"other-{token.value.reveal()}"))

    async def aget_token(self, scope=None, *, timeout=None):  # noqa: ASYNC109 - as what it overrides
        """Return the token with another value."""
        token = await super().aget_token(scope, timeout=timeout)
        return evolve(token, value=Secret(f"other-{token.value.reveal()}"))


@pytest.fixture
def other():
    """Build one that needs no server."""
    with OtherToken(
        base_url="https://as.example",
        client_id="c",
        client_secret="s",
        transport=ScriptedTransport(),
    ) as auth:
        yield auth


def test_fault_389_a_header_is_that_of_the_token_which_is_fresh():
    """389: a plain object's headers are those of get_token: before there is a token, while it is fresh, and later."""
    clock, transport = MovableClock(), ScriptedTransport(expires_in=3600)
    settings = Settings(
        base_url="https://as.example", client_id="c", client_secret="s", transport=transport
    )
    for first, ask in enumerate(
        (
            lambda auth: auth.header(),
            lambda auth: asyncio.run(auth.aheader()),
            lambda auth: auth.get_token().header(),
            lambda auth: asyncio.run(auth.aget_token()).header(),
        )
    ):
        with CredicorpAuth.from_settings(settings, clock=clock) as auth:
            assert [f"Bearer token-{2 * first + 1}"] * 2 == [ask(auth), ask(auth)]
            clock.jump_wall(3600)  # by one clock the token has expired: that is enough
            assert f"Bearer token-{2 * first + 2}" == ask(auth)

    assert 8 == len(transport.sent)


@pytest.mark.parametrize("scope", [None, "a", Scope("a b")])
def test_fault_389_every_header_is_of_the_token_that_a_subclass_hands_out(other, scope):
    """389: header, aheader and the call of a bearer ask the overridden method, fresh token or not."""
    for _ in range(3):
        call = other.call("https://as.example/decisions", scope)
        emitted = {
            other.header(scope),
            asyncio.run(other.aheader(scope)),
            call.header(),
            asyncio.run(call.aheader()),
        }
        assert {"Bearer other-token-1"} == emitted


def test_fault_389_each_bearer_sends_what_a_subclass_hands_out(other):
    """389: the bearer of each HTTP library sends the token that the overridden method returns."""
    seen = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.headers["Authorization"])
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/x"
        with OtherToken(
            base_url=url, client_id="c", client_secret="s", transport=ScriptedTransport()
        ) as auth:
            requests.get(url, auth=RequestsBearer(auth), timeout=5)
            with BearerPoolManager(auth) as pool:
                pool.request("GET", url)
            with httpx.Client(auth=HttpxBearer(auth)) as client:
                client.get(url)

            async def in_a_task():
                async with httpx.AsyncClient(auth=HttpxBearer(auth)) as client:
                    await client.get(url)

            asyncio.run(in_a_task())
        server.shutdown()

    assert ["Bearer other-token-1"] * 4 == seen


class Admitting:
    """Admits one client alone, as a team does that knows who may call."""

    admitted = "somebody-else"

    def verify(self, token, *, audience=None, required_scope=None):
        """Verify the token, then look who it is for."""
        claims = super().verify(token, audience=audience, required_scope=required_scope)
        return self.check(claims)

    async def averify(self, token, *, audience=None, required_scope=None):
        """Verify the token, then look who it is for."""
        claims = await super().averify(token, audience=audience, required_scope=required_scope)
        return self.check(claims)

    def check(self, claims):
        """Refuse everybody else."""
        if claims.client_id != self.admitted:
            raise errors.WrongClaim("this client may not come in")
        return claims


class OnlyOne(Admitting, TokenVerifier):
    """What is overridden may stand in a mixin."""


class OnlyOneAuth(Admitting, CredicorpAuth):
    """The same for a `CredicorpAuth`."""


@pytest.mark.parametrize("again", [False, True], ids=["first", "remembered"])
@pytest.mark.parametrize("admitted", [False, True], ids=["refused", "admitted"])
def test_fault_389_what_a_verifier_refuses_nobody_admits(open_sandbox, again, admitted):
    """389: `verify` of a subclass decides for each caller: by name, through a guard, behind introspection, when remembered."""
    sandbox = open_sandbox()
    given = {
        "issuer": sandbox.issuer,
        "audience": sandbox.settings.audience,
        "base_url": sandbox.base_url,
    }
    identity = {"client_id": sandbox.client_id, "client_secret": sandbox.client_secret}
    with OnlyOne(**given) as verifier, OnlyOneAuth(**given, **identity) as auth:
        token = auth.get_token("decisions:read").value.reveal()
        for each in (verifier, auth):
            each.admitted = sandbox.client_id  # so that the token is remembered
            each.verify(token)
            if not admitted:
                each.admitted = "somebody-else"
        verifiers = [verifier, auth, IntrospectingVerifier(auth)]
        for _ in range(1 + again):
            outcomes = [*map(verdicts_of(token), verifiers), *map(averdicts_of(token), verifiers)]
            outcomes += [statuses_of(token, each) for each in verifiers]

    assert [admitted] * 6 + [200 if admitted else 401] * 3 == outcomes


def verify_alone(self, token, *, audience=None, required_scope=None):
    """Refuse every client, for those who ask by the plain method."""
    raise errors.WrongClaim("this client may not come in")


async def verify_on_a_loop_alone(self, token, *, audience=None, required_scope=None):
    """Refuse every client, for those who await."""
    raise errors.WrongClaim("this client may not come in")


@pytest.mark.parametrize("kind", [TokenVerifier, CredicorpAuth, IntrospectingVerifier])
@pytest.mark.parametrize("by_mixin", [False, True], ids=["itself", "by a mixin"])
def test_fault_389_one_of_two_methods_is_not_enough(by_mixin, kind):
    """389: a check in `verify` alone, which no async framework calls, is an error when the guard is built."""
    for name, method in (("verify", verify_alone), ("averify", verify_on_a_loop_alone)):
        bases = (type("Mixin", (), {name: method}), kind) if by_mixin else (kind,)
        own = type("Own", bases, {} if by_mixin else {name: method})
        later = type("Later", (type("Base", (Admitting, kind), {}),), {name: method})
        for each in (own, later):
            with pytest.raises(errors.InvalidSetting) as refused:
                Guard(each.__new__(each))

            assert "config.verifier_override" == refused.value.code
            assert f"{each.__name__} overrides `{name}` and inherits" in str(refused.value)


@pytest.mark.parametrize("name", ["verify", "averify", "introspect", "aintrospect"])
def test_fault_389_introspection_needs_both_methods_too(name):
    """389: the same for the object that an `IntrospectingVerifier` asks."""
    own = type("Own", (CredicorpAuth,), {name: verify_alone})

    with pytest.raises(errors.InvalidSetting) as refused:
        IntrospectingVerifier(own.__new__(own))

    assert "config.verifier_override" == refused.value.code
    assert f"`{name}`" in str(refused.value)


def test_two_methods_may_come_from_two_classes():
    """Two mixins with one method each, and an object that offers only what its service calls."""
    plain = type("Plain", (), {"verify": verify_alone})
    awaited = type("Awaited", (), {"averify": verify_on_a_loop_alone})
    both = type("Both", (plain, awaited, TokenVerifier), {})

    for kind in (both, plain, awaited, TokenVerifier):
        assert isinstance(Guard(kind.__new__(kind)), Guard)


def statuses_of(token, verifier):
    """Return the status with which a guard around an application answers a request with the token."""
    statuses = []

    def app(_environ, start_response):
        start_response("200 OK", [])
        return [b""]

    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_AUTHORIZATION": f"Bearer {token}",
    }
    guarded = BearerGuard(app, verifier, scope="decisions:read")
    list(guarded(environ, lambda status, _headers: statuses.append(int(status[:3]))))
    return statuses[0]


def verdicts_of(token):
    """Return what says whether a verifier admits the token."""

    def admits(verifier):
        try:
            return bool(verifier.verify(token, required_scope=None))
        except errors.VerificationFailed:
            return False

    return admits


def averdicts_of(token):
    """Return what says whether a verifier admits the token, awaiting it."""

    def admits(verifier):
        try:
            return bool(asyncio.run(verifier.averify(token, required_scope=None)))
        except errors.VerificationFailed:
            return False

    return admits


@pytest.mark.parametrize("build", [CredicorpAuth, OtherToken, Counting, TokenVerifier, OnlyOne])
def test_fault_389_nothing_stands_in_front_of_a_method(build):
    """389: no object has a public method of its class in itself, where a subclass's would be passed over."""
    settings = {"issuer": "https://as.example", "audience": "api", "client_id": "c"}
    with build(**settings, transport=ScriptedTransport()) as made:
        public = {name for name in dir(build) if not name.startswith("_")}

        assert set() == public & vars(made).keys()


def test_fault_389_an_error_of_verify_leads_to_no_token(open_sandbox):
    """389: the frames of the public methods, which an error's traceback keeps, hold no token."""
    sandbox = open_sandbox()
    with counting(sandbox, issuer=sandbox.issuer, audience=sandbox.settings.audience) as auth:
        base = CredicorpAuth
        asked = [
            lambda text: base.verify(auth, text),
            lambda text: asyncio.run(base.averify(auth, text)),
            lambda text: base.introspect(auth, text),
            lambda text: asyncio.run(base.aintrospect(auth, text)),
        ]
        for ask in asked:
            with pytest.raises(errors.CredicorpAuthError) as raised:
                ask("hunter2\x00canary")
            frames = [frame for frame, _ in walk_tb(raised.value.__traceback__)]
            ours = [f for f in frames if f"{os.sep}credicorp_auth{os.sep}" in f.f_code.co_filename]
            assert ours
            assert [] == [f for f in ours if "hunter2" in repr(f.f_locals)]


def test_a_subclass_without_an_issuer_says_so(open_sandbox):
    """An overridden `verify` is told what is missing, as any other."""
    with counting(open_sandbox()) as auth:
        with pytest.raises(errors.MissingSetting) as sync:
            auth.verify("a.b.c")
        with pytest.raises(errors.MissingSetting) as task:
            asyncio.run(auth.averify("a.b.c"))

    assert "config.verifier" == sync.value.code == task.value.code
