"""Where a request of `BearerPoolManager` carries the token, and what becomes of its 401."""

from __future__ import annotations

import io
import json
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from attrs import define, field
from urllib3 import (
    HTTPConnectionPool,
    HTTPHeaderDict,
    HTTPResponse,
    PoolManager,
    ProxyManager,
    Retry,
)
from urllib3.exceptions import HTTPError, MaxRetryError, URLSchemeUnknown
from urllib3.util import SKIP_HEADER

from credicorp_auth import CredicorpAuth
from credicorp_auth.bearer.body import Body
from credicorp_auth.errors import InvalidSetting, OriginNotAllowed, ServerFailed
from credicorp_auth.http.messages import origin_of
from credicorp_auth_testing.fakes import ScriptedTransport
from credicorp_auth_testing.wire import Receive, Send, WireServer, response
from credicorp_auth_urllib3 import BearerPoolManager
from credicorp_auth_urllib3.authorized_request import AuthorizedRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

CHALLENGE = ("WWW-Authenticate", 'Bearer error="invalid_token"')
REFUSED = response(b"refused", status="401 Unauthorized", headers=[CHALLENGE])


@define
class Call:
    """One request, accompanied by a source of numbered tokens."""

    source: Source
    start: str
    scope: Any

    def header(self) -> str:
        if self.source.is_down:
            raise ServerFailed("no token today", status=503)
        self.source.minted += 1
        suffix = f"-{self.scope}" if self.scope else ""
        return f"Bearer token-{self.source.minted}{suffix}"

    def allows(self, url: str) -> bool:
        return origin_of(url) == origin_of(self.start)

    def on_response(self, status: int, challenges: list[str], *, replayable: bool) -> bool:
        self.source.responses.append((status, challenges, replayable))
        return status == 401 and replayable

    def report_replaced_header(self) -> None:
        self.source.replaced += 1


@define
class Source:
    """What credicorp-auth is to a pool manager, without its life of tokens."""

    home: str
    minted: int = 0
    is_down: bool = False
    replaced: int = 0
    responses: list[Any] = field(factory=list)

    def call(self, url: str, scope: Any = None, **_names: Any) -> Call:
        if origin_of(url) != origin_of(self.home):
            raise OriginNotAllowed("not there", origin=origin_of(url))
        return Call(self, url, scope)

    def recognizes(self, _header: str) -> bool:
        return False


def redirect(url: str, status: int = 307) -> bytes:
    return response(status=f"{status} Elsewhere", headers=[("Location", url)])


def exchanging(*responses: bytes) -> list[Any]:
    """Answer the requests of one connection in turn."""
    return [step for each in responses for step in (Receive(), Send(each))]


def requests_to(server: WireServer) -> list[bytes]:
    """Split what a server received into its requests, in order of connections."""
    received = b"".join(each.received for each in server.connections)
    parts = received.replace(b"GET /", b"\0GET /").replace(b"POST /", b"\0POST /").split(b"\0")
    return [part for part in parts if part]


def tokens_at(server: WireServer) -> list[list[bytes]]:
    """Return the values of the Authorization headers of each request that a server received."""
    return [
        [
            line.partition(b": ")[2]
            for line in each.split(b"\r\n")
            if line.lower().startswith(b"authorization:")
        ]
        for each in requests_to(server)
    ]


@pytest.fixture
def managed() -> Iterator[list[BearerPoolManager]]:
    made: list[BearerPoolManager] = []
    yield made
    for each in made:
        each.clear()


@pytest.fixture
def connect(managed: list[BearerPoolManager]) -> Any:
    def build(server: WireServer, **kw: Any) -> tuple[BearerPoolManager, Source]:
        source = Source(server.url)
        managed.append(BearerPoolManager(source, **kw))
        return managed[-1], source

    return build


def test_a_request_carries_the_token(connect: Any) -> None:
    """One Authorization header is sent, and the answer is reported."""
    with WireServer(exchanging(response(b"hello"))) as server:
        http, source = connect(server)
        got = http.request("GET", server.url)

    assert (200, b"hello") == (got.status, got.data)
    assert [[b"Bearer token-1"]] == tokens_at(server)
    assert [(200, (), False)] == source.responses


def test_a_request_may_name_its_scope(connect: Any) -> None:
    """`scope` is for the token, and does not reach the wire."""
    with WireServer(exchanging(response(), response())) as server:
        http, _ = connect(server)
        http.request("GET", server.url, scope="decisions:read")
        http.urlopen("POST", server.url, body=b"x", scope="applications:write")

    assert [
        [b"Bearer token-1-decisions:read"],
        [b"Bearer token-2-applications:write"],
    ] == tokens_at(server)


def test_an_origin_outside_gets_nothing(connect: Any) -> None:
    """A call that starts elsewhere is refused before a connection is made."""
    with WireServer(exchanging(response())) as home, WireServer(exchanging(response())) as other:
        http, _ = connect(home)
        with pytest.raises(OriginNotAllowed):
            http.request("GET", other.url)

    assert [] == other.connections


def test_without_a_token_nothing_is_sent(connect: Any) -> None:
    """When no token can be had, the request is not sent without one."""
    with WireServer(exchanging(response())) as server:
        http, source = connect(server)
        source.is_down = True
        with pytest.raises(ServerFailed):
            http.request("GET", server.url)

    assert [] == server.connections


OWN = "Basic b3duOm93bg=="
SPELLINGS = [
    {"Authorization": OWN},
    {"authorization": OWN},
    {b"AUTHORIZATION": OWN.encode()},
    {"Authorization ": OWN},
    {"Authorization": OWN, "authorization": OWN, b"Authorization": OWN},
    HTTPHeaderDict([("authorization", OWN), ("Authorization", "Basic eDp5")]),
]


@pytest.mark.parametrize("own", SPELLINGS)
@pytest.mark.parametrize("where", ["request", "manager"])
def test_fault_113_114_an_authorization_of_the_caller_is_replaced(
    connect: Any, own: Any, where: str
) -> None:
    """However it is spelled, it is replaced on the wire, told of once, and left to the caller."""
    given = list(own.items())
    with WireServer(exchanging(response(), response())) as server:
        http, source = connect(server, **({"headers": own} if where == "manager" else {}))
        for _ in range(2):
            http.request("GET", server.url, **({"headers": own} if where == "request" else {}))

    assert [[b"Bearer token-1"], [b"Bearer token-2"]] == tokens_at(server)
    assert 1 == source.replaced
    assert given == list(own.items())


@pytest.mark.parametrize("own", SPELLINGS[:3])
@pytest.mark.parametrize("where", ["request", "manager"])
def test_fault_113_an_authorization_of_the_caller_is_kept(
    connect: Any, own: Any, where: str
) -> None:
    """With `keep` it is passed on, and its 401 is the caller's."""
    with WireServer(exchanging(REFUSED)) as server:
        kw = {"headers": own} if where == "manager" else {}
        http, source = connect(server, existing="keep", **kw)
        got = http.request("GET", server.url, **({"headers": own} if where == "request" else {}))

    assert 401 == got.status
    assert [[OWN.encode()]] == tokens_at(server)
    assert 0 == source.minted


def test_headers_of_a_request_take_the_place_of_the_managers(connect: Any) -> None:
    """An empty mapping is one, too; it puts off the manager's headers as in urllib3."""
    with WireServer(exchanging(response(), response())) as server:
        http, _ = connect(server, headers={"X-Mine": "1"})
        http.request("GET", server.url, headers={})
        http.urlopen("GET", server.url, headers=None)

    assert b"X-Mine" not in server.connections[0].received
    assert 2 == len(tokens_at(server))


def test_no_host_header_at_all(connect: Any) -> None:
    """urllib3's way to send no Host header names no other server."""
    with WireServer(exchanging(response())) as server:
        connect(server)[0].request("GET", server.url, headers={"Host": SKIP_HEADER})

    assert [[b"Bearer token-1"]] == tokens_at(server)


TLS_NAMES = [{"server_hostname": "evil.example"}, {"assert_hostname": "evil.example"}]


@pytest.mark.parametrize("tls", TLS_NAMES)
@pytest.mark.parametrize("is_around", [False, True])
def test_fault_363_pools_that_call_the_server_by_another_name(tls: Any, is_around: bool) -> None:
    """363: a manager whose TLS asks for another host, or accepts its certificate, sends nothing."""
    with CredicorpAuth(
        base_url="https://127.0.0.1:1",
        client_id="tls",
        client_secret="dummy",
        transport=ScriptedTransport(),
    ) as auth:
        mine = PoolManager(**tls)
        http = BearerPoolManager.around(auth, mine) if is_around else BearerPoolManager(auth, **tls)
        with pytest.raises(OriginNotAllowed, match="evil"):
            http.request("GET", "https://127.0.0.1:1/")


@pytest.mark.parametrize("name", ["localhost", False])
def test_fault_363_pools_that_call_the_server_by_an_allowed_name(name: Any) -> None:
    """363: where that host is allowed as well, the request goes out, and so with a mere switch."""
    with CredicorpAuth(
        base_url="https://127.0.0.1:1",
        client_id="tls",
        client_secret="dummy",
        allowed_origins=["https://127.0.0.1:1", "https://localhost"],
        transport=ScriptedTransport(),
    ) as auth:
        http = BearerPoolManager(auth, assert_hostname=name)
        with pytest.raises(HTTPError):
            http.request("GET", "https://127.0.0.1:1/", retries=False)


@pytest.mark.parametrize("is_around", [False, True])
def test_a_scheme_without_connections_is_urllib3s_to_refuse(is_around: bool) -> None:
    """The error is that of any pool manager; an address that cannot be read is refused by us."""
    source = Source("http://127.0.0.1/")
    http = (
        BearerPoolManager.around(source, PoolManager()) if is_around else BearerPoolManager(source)
    )
    with pytest.raises(URLSchemeUnknown):
        http.request("GET", "unknown://host/")
    with pytest.raises(InvalidSetting):
        http.request("GET", "127.0.0.1/")


def test_an_unknown_choice_is_refused() -> None:
    """`existing` is one of three words."""
    with pytest.raises(InvalidSetting, match="existing") as raised:
        BearerPoolManager(Source("http://127.0.0.1/"), existing="perhaps")

    assert "config.value" == raised.value.code


def text_file() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(b"skipped,kept"))


def at_seven(file: Any) -> Any:
    file.seek(8)
    return file


@pytest.mark.parametrize(
    ("kw", "sent"),
    [
        pytest.param({"body": b"kept"}, b"kept", id="bytes"),
        pytest.param({"body": "kept"}, b"kept", id="str"),
        pytest.param({"body": bytearray(b"kept")}, b"kept", id="bytearray"),
        pytest.param({"json": {"kept": 1}}, b'{"kept":1}', id="json"),
        pytest.param({"fields": {"a": "kept"}, "encode_multipart": False}, b"a=kept", id="fields"),
        pytest.param({"body": at_seven(io.BytesIO(b"skipped,kept"))}, b"kept", id="file"),
        pytest.param({"body": at_seven(text_file())}, b"kept", id="text-file"),
        pytest.param({}, b"", id="none"),
    ],
)
@pytest.mark.parametrize("preload", [True, False])
def test_a_401_is_retried_with_a_new_token(
    connect: Any, kw: dict[str, Any], sent: bytes, preload: bool
) -> None:
    """The same request goes out once more, with another token and otherwise unchanged."""
    if hasattr(kw.get("body"), "seek"):
        kw["body"].seek(8)
    headers = {"Idempotency-Key": "7", "Content-Type": "text/plain"}
    with WireServer(
        exchanging(REFUSED, response(b"done")), exchanging(response(b"done"))
    ) as server:
        http, source = connect(server)
        got = http.request("POST", server.url, headers=headers, preload_content=preload, **kw)

        assert (200, b"done") == (got.status, got.read() if not preload else got.data)

    first, second = requests_to(server)
    assert [[b"Bearer token-1"], [b"Bearer token-2"]] == tokens_at(server)
    assert first.replace(b"token-1", b"token-2") == second
    assert sent in second
    assert b"skipped" not in second
    assert b"Idempotency-Key: 7\r\n" in second
    assert [(401, [CHALLENGE[1]], True), (200, (), False)] == source.responses


def test_the_connection_of_the_401_is_used_again(connect: Any) -> None:
    """The 401 is read to its end, so that its connection can carry the repetition."""
    with WireServer(exchanging(REFUSED, response(b"done"))) as server:
        http, _ = connect(server)
        got = http.request("GET", server.url, preload_content=False)

        assert b"done" == got.read()

    assert 1 == len(server.connections)


def test_fault_109_the_second_401_is_the_callers(connect: Any) -> None:
    """A request is sent again once; what is said to that one is the answer."""
    with WireServer(exchanging(REFUSED, REFUSED, response())) as server:
        http, source = connect(server)
        got = http.request("GET", server.url)

    assert (401, b"refused") == (got.status, got.data)
    assert 2 == source.minted
    assert [True, False] == [replayable for _, _, replayable in source.responses]


class OneShot(io.RawIOBase):
    """A stream that can be read once."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces = [b"kept", b""]

    def readable(self) -> bool:
        return True

    def read(self, _size: int = -1) -> bytes:
        return self._pieces.pop(0)


@pytest.mark.parametrize(
    "build",
    [lambda: iter([b"kept"]), lambda: [b"kept"], OneShot],
    ids=["iterator", "list", "stream"],
)
def test_fault_110_a_body_that_can_be_sent_once(connect: Any, build: Any) -> None:
    """Such a request is not repeated; its 401 is reported, and goes to the caller whole."""
    with WireServer(exchanging(REFUSED)) as server:
        http, source = connect(server)
        got = http.request("POST", server.url, body=build(), preload_content=False)

        assert (401, b"refused") == (got.status, got.read())

    assert [(401, [CHALLENGE[1]], False)] == source.responses
    assert 1 == len(requests_to(server))


def test_fault_112_a_403_is_not_repeated(connect: Any) -> None:
    """A 403 is reported, and is the answer."""
    with WireServer(exchanging(response(status="403 Forbidden"), response())) as server:
        http, source = connect(server)

        assert 403 == http.request("GET", server.url).status

    assert 1 == source.minted


def test_no_token_for_the_repetition() -> None:
    """Where no second token can be had, its failure is raised and the connection is free again."""
    with WireServer(exchanging(REFUSED, response(b"later"))) as server:
        source = DownAfterFirst(server.url)
        http = BearerPoolManager(source)
        with pytest.raises(ServerFailed):
            http.request("GET", server.url, preload_content=False)
        source.is_down = False

        assert b"later" == http.request("GET", server.url).data

        http.clear()

    assert 1 == len(server.connections)


class DownAfterFirst(Source):
    """A source that has no further token once one was refused."""

    def call(self, url: str, scope: Any = None, **_names: Any) -> Call:
        return FailingCall(self, url, scope)


class FailingCall(Call):
    def on_response(self, status: int, challenges: list[str], *, replayable: bool) -> bool:
        self.source.is_down = status == 401
        return super().on_response(status, challenges, replayable=replayable)


def test_fault_107_a_foreign_hop_has_no_token(connect: Any) -> None:
    """A redirect to another origin is followed without the token, which does not come back."""
    with WireServer() as home, WireServer() as foreign:
        home.scripts = [exchanging(redirect(foreign.url), REFUSED)]
        foreign.scripts = [exchanging(redirect(home.url))]
        http, source = connect(home)
        kept = Retry(remove_headers_on_redirect=[])
        got = http.request("GET", home.url, retries=kept)

    assert 401 == got.status
    assert [[b"Bearer token-1"], []] == tokens_at(home)
    assert [[]] == tokens_at(foreign)
    assert (1, []) == (source.minted, source.responses)


def test_a_401_of_a_foreign_origin_says_nothing_of_the_token(connect: Any) -> None:
    """A 401 that answers a request without our token costs no mint."""
    with WireServer() as home, WireServer(exchanging(REFUSED)) as foreign:
        home.scripts = [exchanging(redirect(foreign.url))]
        http, source = connect(home)
        got = http.request("POST", home.url, body=b"x")

    assert 401 == got.status
    assert (1, []) == (source.minted, source.responses)


@pytest.mark.parametrize("status", [307, 303])
def test_a_redirect_at_home_keeps_the_token(connect: Any, status: int) -> None:
    """On the same origin the token stays, and a 401 there repeats that hop, not the first."""
    file = io.BytesIO(b"skipped,kept")
    file.seek(8)
    with WireServer() as home:
        home.scripts = [
            exchanging(
                redirect("/second", status), REFUSED, redirect("/third", status), response(b"x")
            )
        ]
        http, source = connect(home)
        got = http.request("POST", home.url, body=file, headers={"Content-Length": "4"})

    lines = [each.split(b" HTTP")[0] for each in requests_to(home)]
    method = b"GET" if status == 303 else b"POST"
    assert (200, b"x") == (got.status, got.data)
    assert [
        b"POST /token",
        method + b" /second",
        method + b" /second",
        method + b" /third",
    ] == lines
    assert [1, 1, 2, 2] == [int(each[0][-1:]) for each in tokens_at(home)]
    assert [each.endswith(b"kept") for each in requests_to(home)] == [
        True,
        *[status == 307] * 3,
    ]
    assert [(401, [CHALLENGE[1]], True), (200, (), False)] == source.responses


def test_redirects_are_not_followed_where_the_caller_says_so(connect: Any) -> None:
    """`redirect=False` gives the redirect as the answer."""
    with WireServer() as home:
        home.scripts = [exchanging(redirect("/second"))]
        http, source = connect(home)

        assert 307 == http.request("GET", home.url, redirect=False).status

    assert [(307, (), False)] == source.responses


def test_threads_share_a_manager(connect: Any) -> None:
    """What one request meets says nothing about another on the same manager."""
    with WireServer(exchanging(*[REFUSED, response(b"{}")] * 20)) as server:
        http, _source = connect(server, maxsize=8)
        statuses: list[int] = []

        def work() -> None:
            for _ in range(5):
                statuses.append(http.request("GET", server.url).status)

        threads = [Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert [200] * 20 == statuses
    assert [1] * 40 == [len(each) for each in tokens_at(server)]


def test_it_is_a_pool_manager(connect: Any) -> None:
    """Its own headers, JSON and pools work as those of any pool manager."""
    with WireServer(exchanging(response(b'{"a":1}'))) as server:
        http, _ = connect(server, headers={"X-Own": "1"}, num_pools=2)
        got = http.request("GET", server.url)

    assert {"a": 1} == json.loads(got.data)
    assert b"X-Own: 1\r\n" in server.connections[0].received
    assert 1 == len(http.pools)


def test_it_goes_around_a_manager_of_the_callers(managed: list[BearerPoolManager]) -> None:
    """Its connections, headers and retries are used; it goes on without the token by itself."""
    with WireServer(
        exchanging(
            response(status="503 Busy"), REFUSED, response(b"1"), response(b"2"), response(b"3")
        )
    ) as server:
        mine = PoolManager(headers={"X-Mine": "1"}, retries=Retry(1, status_forcelist=[503]))
        http = BearerPoolManager.around(Source(server.url), mine, existing="keep")
        bodies = [
            http.request("GET", server.url).data,
            http.request("GET", server.url, headers={"Authorization": "Basic own"}).data,
            mine.request("GET", server.url).data,
        ]
        mine.clear()

    assert [b"1", b"2", b"3"] == bodies
    assert 1 == len(server.connections)
    assert 4 == server.connections[0].received.count(b"X-Mine: 1")
    assert [
        [b"Bearer token-1"],
        [b"Bearer token-1"],
        [b"Bearer token-2"],
        [b"Basic own"],
        [],
    ] == tokens_at(server)


def test_fault_103_around_a_proxy_manager_the_proxy_sees_connect_only() -> None:
    """103: an https request goes through the tunnel of the caller's proxy, the token inside it."""
    with WireServer([Receive(), Send(response(status="407 Who are you"))]) as proxy:
        mine = ProxyManager(f"http://127.0.0.1:{proxy.port}", retries=False)
        http = BearerPoolManager.around(Source("https://api.example/"), mine)
        with pytest.raises(HTTPError):
            http.request("GET", "https://api.example/")
        mine.clear()

    assert proxy.connections[0].received.startswith(b"CONNECT api.example:443 ")
    assert b"token" not in proxy.connections[0].received


def test_fault_104_a_proxy_that_would_read_the_token_is_refused() -> None:
    """104: neither forwarding of https nor plain http through a proxy is a way for a token."""
    source = Source("http://127.0.0.1/")
    with WireServer([Receive()]) as proxy:
        url = f"http://127.0.0.1:{proxy.port}"
        with pytest.raises(InvalidSetting) as raised:
            BearerPoolManager.around(source, ProxyManager(url, use_forwarding_for_https=True))
        with pytest.raises(OriginNotAllowed):
            BearerPoolManager.around(source, ProxyManager(url)).request("GET", "http://127.0.0.1/")

        assert "config.proxy_forwarding" == raised.value.code
        assert [] == proxy.connections


def test_a_redirect_through_the_proxy_is_followed_without_the_token() -> None:
    """A foreign hop over http goes to the caller's proxy in the form that proxies need."""
    with WireServer() as proxy:
        proxy.scripts = [exchanging(response(b"from the proxy"))]
        mine = ProxyManager(f"http://127.0.0.1:{proxy.port}")
        home = "https://a.example/"
        first = HTTPResponse(status=307, headers={"Location": "http://b.example/x"})
        authorized = AuthorizedRequest(mine, Call(Source(home), home, None), Body(), first)
        got = authorized.urlopen("GET", home, headers={"Authorization": "Bearer t"})
        mine.clear()

    assert b"from the proxy" == got.data
    assert proxy.connections[0].received.startswith(b"GET http://b.example/x ")
    assert b"Bearer" not in proxy.connections[0].received


@pytest.mark.parametrize("head", [b"Content-Length: 99999999\r\n", b""])
def test_a_401_without_end_is_not_read(connect: Any, head: bytes) -> None:
    """A 401 that is too long, or does not say how long, costs its connection and no memory."""
    endless = b"HTTP/1.1 401 Unauthorized\r\n" + head + b"\r\n"
    with WireServer([Receive(), Send(endless)], exchanging(response(b"x"))) as server:
        http, _ = connect(server)
        got = http.request("GET", server.url, preload_content=False)

        assert b"x" == got.read()

    assert 2 == len(server.connections)


def test_errors_are_those_of_any_pool_manager(connect: Any) -> None:
    """A redirect too many says what it says without us, and names the pool that it came from."""
    said = []
    for own in (False, True):
        with WireServer() as server:
            server.scripts = [exchanging(redirect(f"{server.url}again"))]
            http, _ = connect(server)
            asking = PoolManager() if own else http
            with pytest.raises(MaxRetryError) as raised:
                asking.request("GET", server.url, retries=0)
            asking.clear()
        assert (type(raised.value.pool), server.port) == (
            HTTPConnectionPool,
            raised.value.pool.port,
        )
        said.append(str(raised.value).replace(str(server.port), "port"))

    assert said[0] == said[1]
