"""The contract of a bearer, over requests, and what is its own."""

from __future__ import annotations

import copy
import io
import pickle
from urllib.parse import urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from credicorp_auth import CredicorpAuth
from credicorp_auth.errors import OriginNotAllowed
from credicorp_auth_requests import BearerAuth
from credicorp_auth_testing.contracts.bearer import BearerContract
from credicorp_auth_testing.contracts.bearer.harness import (
    REFUSED,
    Got,
    exchanging,
    redirect,
    serving,
    tokens_at,
)
from credicorp_auth_testing.fakes import ScriptedTransport
from credicorp_auth_testing.wire import WireServer, response

DONE = response(b"done")


class TestBearerOfASession(BearerContract):
    """A session whose requests all carry the token."""

    def request(self, auth, method, url, *, headers, body, scope, existing):
        with requests.Session() as session:
            session.auth = BearerAuth(auth, scope=scope, existing=existing)
            got = session.request(method, url, headers=headers, data=body, timeout=5)
        return Got(got.status_code, got.content)

    def request_with_defaults(self, auth, url, *, headers, existing):
        with requests.Session() as session:
            session.auth = BearerAuth(auth, existing=existing)
            session.headers.update(headers)
            got = session.get(url, timeout=5)
        return Got(got.status_code, got.content)

    def send_again(self, auth, url, between, *, existing):
        with requests.Session() as session:
            session.auth = BearerAuth(auth, existing=existing)
            prepared = session.prepare_request(requests.Request("GET", url))
            first = session.send(prepared, timeout=5)
            between()
            second = session.send(prepared, timeout=5)
        return [Got(each.status_code, each.content) for each in (first, second)]


class TestBearerOfOneCall(BearerContract):
    """A single call that carries it."""

    def request(self, auth, method, url, *, headers, body, scope, existing):
        bearer = BearerAuth(auth, scope=scope, existing=existing)
        got = requests.request(method, url, headers=headers, data=body, auth=bearer, timeout=5)
        return Got(got.status_code, got.content)

    def send_again(self, auth, url, between, *, existing):
        first = requests.get(url, auth=BearerAuth(auth, existing=existing), timeout=5)
        between()
        headers = first.request.headers
        bearer = BearerAuth(auth, existing=existing)
        second = requests.get(url, headers=headers, auth=bearer, timeout=5)
        return [Got(each.status_code, each.content) for each in (first, second)]


@pytest.fixture
def session():
    with requests.Session() as session:
        yield session


@pytest.fixture
def connect(session):
    """Let a session carry the tokens for one server."""
    opened = []

    def connect(server):
        auth = CredicorpAuth(
            base_url=server.url,
            client_id=f"client-{server.port}",
            client_secret="dummy",
            transport=ScriptedTransport(),
        )
        opened.append(auth)
        session.auth = BearerAuth(auth)
        return session

    yield connect
    for auth in opened:
        auth.close()


def test_the_connection_of_the_401_is_used_again(connect):
    """The 401 is read to its end, so that its connection can carry the repetition."""
    with WireServer(exchanging(REFUSED, DONE)) as server:
        got = connect(server).get(server.url, timeout=5)

    assert b"done" == got.content
    assert [401] == [each.status_code for each in got.history]
    assert 1 == len(server.connections)


@pytest.mark.parametrize(
    "head", [b"Content-Length: 99999999\r\n", b"Transfer-Encoding: chunked\r\n", b""]
)
def test_a_401_without_end_is_not_read(connect, head):
    """A 401 that is too long, or does not say how long, costs its connection and no memory."""
    endless = b"HTTP/1.1 401 Unauthorized\r\n" + head + b"\r\n"
    with WireServer(*serving(endless, DONE)) as server:
        assert 200 == connect(server).get(server.url, timeout=5).status_code

    assert 2 == len(server.connections)


def test_a_stream_is_left_to_the_caller(connect):
    """With `stream=True`, the answer to the repetition is not read before the caller does."""
    with WireServer(*serving(REFUSED, DONE)) as server:
        got = connect(server).get(server.url, stream=True, timeout=5)

        assert b"done" == got.raw.read()
        got.close()


def test_hooks_of_the_caller_see_the_last_answer(connect):
    """A hook of the caller's is called with what came of it in the end."""
    seen = []
    with WireServer(*serving(REFUSED, DONE)) as server:
        connect(server).get(
            server.url, timeout=5, hooks={"response": lambda r, **_: seen.append(r.status_code)}
        )

    assert [200] == seen


def test_retries_that_the_caller_mounted_go_on_working(connect, session):
    """A 503 is retried by the caller's adapter, with the token it had."""
    session.mount("http://", HTTPAdapter(max_retries=Retry(1, status_forcelist=[503])))
    with WireServer(*serving(response(status="503 Busy"), DONE)) as server:
        assert 200 == connect(server).get(server.url, timeout=5).status_code

    assert [["Bearer token-1"]] * 2 == tokens_at(server)


@pytest.mark.parametrize(
    "how",
    [
        {"json": {"kept": 1}},
        {"data": {"a": "kept"}},
        {"files": {"f": io.BytesIO(b"kept")}},
    ],
    ids=["json", "form", "multipart"],
)
def test_bodies_that_requests_builds(connect, how):
    """JSON, forms and files in forms are in memory by then, and are sent again as they were."""
    with WireServer(*serving(REFUSED, DONE)) as server:
        assert 200 == connect(server).post(server.url, timeout=5, **how).status_code

    first, second = (each.received for each in server.connections)
    assert b"kept" in second
    assert first.replace(b"token-1", b"token-2") == second


def test_a_file_is_sent_again_from_where_it_stood(connect):
    """What the caller had read of a file before stays unsent."""
    file = io.BytesIO(b"skipped,kept")
    file.seek(8)
    with WireServer(*serving(REFUSED, DONE)) as server:
        assert 200 == connect(server).post(server.url, data=file, timeout=5).status_code

    assert [b"kept"] * 2 == [each.received.partition(b"\r\n\r\n")[2] for each in server.connections]


def test_netrc_does_not_get_in_the_way(connect, tmp_path, monkeypatch):
    """102: an entry for the host in the caller's netrc does not replace the token."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with WireServer(*serving(DONE)) as server:
        connect(server).get(server.url, timeout=5)

    assert [["Bearer token-1"]] == tokens_at(server)


class FromMemory(HTTPAdapter):
    """Answers from memory, as adapters for tests do, with a raw answer that is not urllib3's."""

    def __init__(self, *responses):
        super().__init__()
        self.responses = list(responses)
        self.seen = []

    def send(self, request, **_how):
        status, headers = self.responses.pop(0)
        self.seen.append((urlsplit(request.url).scheme, request.headers.get("Authorization")))
        received = requests.Response()
        received.status_code, received.url, received.request = status, request.url, request
        received.headers.update(headers)
        received.raw = io.BytesIO(b"")
        received.connection = self
        return received


def in_memory(session, *responses):
    adapter = FromMemory(*responses)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    auth = CredicorpAuth(
        base_url="http://127.0.0.1",
        client_id="memory",
        client_secret="s",
        transport=ScriptedTransport(),
    )
    session.auth = BearerAuth(auth)
    return adapter, auth


def test_fault_107_from_http_to_https_is_another_origin(session):
    """107: on that one foreign hop requests would keep the header; here it does not travel."""
    adapter, auth = in_memory(session, (302, {"location": "https://127.0.0.1/"}), (401, {}))
    with auth:
        assert 401 == session.get("http://127.0.0.1/", timeout=5).status_code

    assert [("http", "Bearer token-1"), ("https", None)] == adapter.seen


@pytest.mark.parametrize("challenge", [{}, {"www-authenticate": 'Bearer error="invalid_token"'}])
def test_adapters_of_other_kinds(session, challenge):
    """A 401 of an adapter that is not on urllib3 is read as any other."""
    adapter, auth = in_memory(session, (401, challenge), (200, {}))
    with auth:
        assert 200 == session.get("http://127.0.0.1/", timeout=5).status_code

    assert ["Bearer token-1", "Bearer token-2"] == [token for _, token in adapter.seen]


def test_redirects_are_not_followed_where_the_caller_says_so(connect):
    """`allow_redirects=False` gives the redirect as the answer."""
    with WireServer(*serving(redirect("/second"))) as server:
        got = connect(server).get(server.url, allow_redirects=False, timeout=5)

    assert 307 == got.status_code


class OneWay(io.BytesIO):
    """A file that claims it can be wound back, until it has been read."""

    def read(self, *args):
        """Read on."""
        self.was_read = True
        return super().read(*args)

    def seek(self, *args):
        """Wind back, at first."""
        if getattr(self, "was_read", False):
            raise OSError("the tape is gone")
        return super().seek(*args)


def test_a_file_that_cannot_be_wound_back_after_all_is_not_sent_again(session, connect):
    """110: where winding back fails, the 401 is handed back and nothing is sent twice."""
    with WireServer(*serving(REFUSED, DONE)) as server:
        connect(server)
        got = session.post(server.url, data=OneWay(b"kept"), timeout=5)

    assert 401 == got.status_code
    assert 1 == len(server.connections)


class KeepsEverything(requests.Session):
    """A session that takes its headers along wherever it is sent."""

    def should_strip_auth(self, _old_url, _new_url):
        """Say no."""
        return False


def test_fault_368_rules_of_the_session_take_the_token_nowhere():
    """368: a session that keeps its headers on foreign hops does not keep the token."""
    with WireServer() as home, WireServer(*serving(DONE)) as foreign, KeepsEverything() as session:
        home.scripts = serving(redirect(foreign.url), DONE)
        adapter = HTTPAdapter()
        session.mount("http://", adapter)
        with CredicorpAuth(
            base_url=home.url,
            client_id="keeps",
            client_secret="s",
            transport=ScriptedTransport(),
        ) as auth:
            session.auth = BearerAuth(auth)
            prepared = session.prepare_request(requests.Request("GET", home.url))
            not_followed = session.send(prepared, timeout=5, allow_redirects=False)
            assert 307 == not_followed.status_code
            assert "Authorization" not in not_followed.next.headers
            assert 200 == session.send(not_followed.next, timeout=5).status_code
            assert 200 == session.send(prepared, timeout=5).status_code

    assert [["Bearer token-1"]] * 2 == tokens_at(home)
    assert [[]] == tokens_at(foreign)


@pytest.mark.parametrize("script", [(DONE,), (REFUSED, DONE), (redirect("/second"), DONE)])
def test_fault_369_a_response_is_pickled_without_its_token(connect, script):
    """369: it can be sent to another process, and no token goes with it."""
    with WireServer(*serving(*script)) as server:
        got = connect(server).get(server.url, timeout=5)
        pickled = pickle.dumps(got)
        again = pickle.loads(pickled)

    assert b"token-" not in pickled
    assert (200, b"done") == (again.status_code, again.content)
    assert [each.status_code for each in got.history] == [
        each.status_code for each in again.history
    ]
    assert "Bearer ***" == again.request.headers["Authorization"]


def test_fault_369_a_request_that_was_pickled_can_be_sent(connect, session):
    """369: it is sent without a token of ours, and its response is left alone."""
    with WireServer(*serving(DONE, REFUSED)) as server:
        got = connect(server).get(server.url, timeout=5)
        request = pickle.loads(pickle.dumps(got)).request

        assert 401 == session.send(request, timeout=5).status_code

    assert [["Bearer token-1"], ["Bearer ***"]] == tokens_at(server)


def test_a_copy_of_a_request_is_sent_with_the_token_of_the_day(connect, session):
    """A deep copy of a response holds a request that carries the token, and is repeated."""
    with WireServer(*serving(DONE, REFUSED, DONE)) as server:
        got = copy.deepcopy(connect(server).get(server.url, timeout=5))

        assert 200 == session.send(got.request, timeout=5).status_code

    assert [["Bearer token-1"], ["Bearer token-1"], ["Bearer token-2"]] == tokens_at(server)


def test_the_header_can_be_read_as_any_other(connect):
    """What a response's request shows is the header that went out."""
    with WireServer(*serving(REFUSED, DONE)) as server:
        got = connect(server).get(server.url, timeout=5)

    assert "Bearer token-2" == got.request.headers["authorization"]


@pytest.mark.parametrize("sent_before", [False, True])
@pytest.mark.parametrize("name", ["Host", "url"])
def test_a_prepared_request_that_is_addressed_elsewhere_is_not_sent(name, sent_before):
    """What counts is where a prepared request goes when it is sent, and not when it was made."""
    with WireServer() as home, WireServer() as foreign, requests.Session() as session:
        home.scripts = foreign.scripts = serving(DONE, DONE)
        with CredicorpAuth(
            base_url=home.url,
            client_id="moves",
            client_secret="s",
            transport=ScriptedTransport(),
        ) as auth:
            session.auth = BearerAuth(auth)
            prepared = session.prepare_request(requests.Request("GET", home.url))
            if sent_before:
                session.send(prepared, timeout=5)
            if name == "url":
                prepared.url = foreign.url
            else:
                prepared.headers["Host"] = urlsplit(foreign.url).netloc
            with pytest.raises(OriginNotAllowed):
                session.send(prepared, timeout=5)

        assert int(sent_before) == len(tokens_at(home))
        assert [] == tokens_at(foreign)
