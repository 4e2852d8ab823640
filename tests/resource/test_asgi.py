"""The ASGI guard: paths on the wire, mounts, WebSockets, streams, and what it leaves alone."""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Mount, Route
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from credicorp_auth import TokenVerifier
from credicorp_auth.errors import InvalidSetting, UsageError
from credicorp_auth.resource import ANY_TOKEN, OPEN
from credicorp_auth.resource.asgi import BearerGuard

KEY = "credicorp_auth.claims"
ADMIN = {"/": ANY_TOKEN, "/admin": "applications:write", "/health": OPEN}


class Seen:
    """An application that takes note of the paths that reached it."""

    def __init__(self):
        self.paths = []

    async def __call__(self, scope, receive, send):
        self.paths.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"seen"})


TRICKS = [
    b"/admin", b"/admin/", b"/admin/x", b"/adm%69n", b"/%61dmin", b"/ADMIN", b"/Admin", b"//admin", b"///admin",
    b"/./admin", b"/%2e/admin", b"/x/../admin", b"/x/%2e%2e/admin", b"/x/%2E%2E/admin", b"/x/..%2fadmin",
    b"/health/../admin", b"/health/%2e%2e/admin", b"/health%2f..%2fadmin", b"/health/..;/admin", b"/%5cadmin",
    b"/x%5c..%5cadmin", b"/%252e%252e/admin", b"/%2561dmin", b"/admin%2fusers", b"/admin%00", b"/admin%0a",
    b"/admin%20", b"/admin;x", b"/%EF%BD%81dmin", b"/admin?x=/health", b"/admin%3f/../health", b"/admin#/health",
    b"/\xff", b"/%ff/admin", b"http://127.0.0.1/admin", b"http://127.0.0.1/health/../admin", b"*", b"admin",
]  # fmt: skip


@pytest.mark.parametrize("http", ["h11", "httptools"])
def test_no_spelling_of_a_path_gets_round_the_table(http, issuer, bench):
    """A token for reading reaches /admin by none of these spellings; no token reaches anything."""
    seen = Seen()
    with bench.uvicorn_serving(BearerGuard(seen, issuer.verifier, ADMIN), http=http) as port:
        statuses = {}
        for path in TRICKS:
            for bearer in (b"Authorization: Bearer " + issuer.read.encode() + b"\r\n", b""):
                raw = b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n" + bearer + b"\r\n"
                statuses[path, bool(bearer)] = bench.send_bytes(port, raw).status
        allowed = bench.ask(port, "/%61dmin/x", token=issuer.write).status
        healthy = bench.ask(port, "/he%61lth/x?/admin").status

    assert {} == {
        each: status for each, status in statuses.items() if status not in {400, 401, 403}
    }
    assert (200, 200) == (allowed, healthy)
    assert ["/admin/x", "/health/x"] == seen.paths


def tell(request):
    return JSONResponse({"path": request.url.path, "client": request.scope[KEY].client_id})


def test_a_table_begins_where_the_application_is_mounted(issuer, bench):
    """In a mount, and behind a `root_path`, paths are those that the guarded application sees."""
    inner = Starlette(routes=[Route("/decisions/{name}", tell), Route("/admin", tell)])
    table = {"/decisions": "decisions:read", "/admin": "applications:write"}
    app = Starlette(routes=[Mount("/v1", app=BearerGuard(inner, issuer.verifier, table))])
    with bench.uvicorn_serving(app) as port:
        inside = bench.ask(port, "/v1/decisions/a", token=issuer.read)
        others = [bench.ask(port, path, token=issuer.read).status for path in ("/v1/admin", "/v1/v1/decisions/a", "/v1/")]  # fmt: skip
    with bench.uvicorn_serving(
        BearerGuard(inner, issuer.verifier, table), root_path="/api"
    ) as port:
        below = [bench.ask(port, path, token=issuer.read).status for path in ("/decisions/a", "/admin", "/api/decisions/a")]  # fmt: skip

    assert (200, "/v1/decisions/a") == (inside.status, json.loads(inside.body)["path"])
    assert [403, 403, 403] == others
    assert [200, 403, 403] == below


def test_an_application_that_mounts_itself_is_not_guarded_from_outside(issuer, bench):
    """It would take `/api/admin` for `/admin` where the guard does not; inside, both read alike."""
    app = FastAPI()
    app.root_path = "/api"
    app.get("/admin")(dict_of_nothing)
    with pytest.raises(InvalidSetting) as refused:
        BearerGuard(app, issuer.verifier, ADMIN)
    app.add_middleware(BearerGuard, verifier=issuer.verifier, required_scope=ADMIN)
    with bench.uvicorn_serving(app) as port:
        paths = ["/admin", "/api/admin"]
        read, write = ([bench.ask(port, path, token=each).status for path in paths] for each in (issuer.read, issuer.write))  # fmt: skip

    assert "config.route" == refused.value.code
    assert ([403, 403], [200, 200]) == (read, write)


def dict_of_nothing():
    return {}


def test_it_can_be_added_to_an_application(issuer, bench):
    """`add_middleware` takes it as it takes any other."""
    app = Starlette(routes=[Route("/decisions/{name}", tell)])
    app.add_middleware(BearerGuard, verifier=issuer.verifier, required_scope="decisions:read")
    with bench.uvicorn_serving(app) as port:
        statuses = [
            bench.ask(port, token=each).status for each in (issuer.read, issuer.write, None)
        ]

    assert [200, 403, 401] == statuses


def test_a_stream_passes_piece_by_piece(issuer, bench):
    """What an application streams arrives before it has ended."""
    more = asyncio.Event()

    async def pieces():
        yield b"first"
        await more.wait()
        yield b"second"

    async def stream(_request):
        return StreamingResponse(pieces())

    async def go_on(_request):
        more.set()
        return JSONResponse({})

    app = Starlette(routes=[Route("/stream", stream), Route("/go", go_on)])
    with bench.uvicorn_serving(BearerGuard(app, issuer.verifier, {"/": ANY_TOKEN})) as port:
        connection = bench.http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/stream", headers={"Authorization": f"Bearer {issuer.read}"})
        answer = connection.getresponse()
        first = answer.read(5)
        bench.ask(port, "/go", token=issuer.read)
        rest = answer.read()
        connection.close()

    assert (b"first", b"second") == (first, rest)


async def sockets(scope, receive, send):
    """Accept a WebSocket and say who came."""
    if scope["type"] != "websocket":
        message = "a WebSocket was expected"
        raise AssertionError(message)
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": scope[KEY].client_id})
    await send({"type": "websocket.close"})


@pytest.mark.parametrize("ws", ["websockets-sansio", "wsproto"])
def test_a_websocket_is_judged_by_its_handshake(ws, issuer, bench):
    """A good token opens it; the others are answered in HTTP, before it is accepted."""
    table = {"/socket": {"GET": "decisions:read"}}
    with bench.uvicorn_serving(BearerGuard(sockets, issuer.verifier, table), ws=ws) as port:

        def knock(token, path="/socket"):
            headers = None if token is None else {"Authorization": f"Bearer {token}"}
            url = f"ws://127.0.0.1:{port}{path}"
            try:
                with connect(url, additional_headers=headers, proxy=None) as socket:
                    return socket.recv()
            except InvalidStatus as refused:
                return refused.response

        opened = knock(issuer.read)
        refused = [
            knock(None),
            knock(issuer.expired),
            knock(issuer.write),
            knock(issuer.read, "/x"),
        ]
        queried = knock(None, f"/socket?access_token={issuer.read}")

    assert issuer.sandbox.client_id == opened
    assert [401, 401, 403, 403] == [each.status_code for each in refused]
    assert "invalid_token" == json.loads(refused[1].body)["error"]["code"]
    assert 'Bearer realm="api", error="invalid_token"' == refused[1].headers["WWW-Authenticate"]
    assert 401 == queried.status_code


@pytest.mark.parametrize("extensions", [{}, {"extensions": {}}, {"extensions": None}])
def test_a_server_that_cannot_answer_a_handshake_closes_it(issuer, bench, extensions):
    """Without the denial extension a WebSocket is closed before it is accepted."""
    guard = BearerGuard(sockets, issuer.verifier, ANY_TOKEN)
    sent = bench.drive(guard, {"type": "websocket", **extensions}, {"type": "websocket.connect"})

    assert [{"type": "websocket.close", "code": 1008, "reason": ""}] == sent


def test_head_is_answered_without_a_body_whatever_the_server_does(issuer, bench):
    """The guard itself sends no body, and says how long it would be."""
    guard = BearerGuard(Seen(), issuer.verifier, ANY_TOKEN)
    start, body = bench.drive(guard, {"type": "http", "method": "HEAD"})

    assert (401, b"") == (start["status"], body["body"])
    assert 100 < int(dict(start["headers"])[b"content-length"])


def test_lifespan_passes(issuer, bench):
    """The application starts and stops with the server."""
    told = []

    async def app(scope, receive, send):
        assert "lifespan" == scope["type"]
        for _ in range(2):
            message = await receive()
            told.append(message["type"])
            await send({"type": f"{message['type']}.complete"})

    with bench.uvicorn_serving(BearerGuard(app, issuer.verifier, ANY_TOKEN), lifespan="on") as port:
        assert 401 == bench.ask(port).status

    assert ["lifespan.startup", "lifespan.shutdown"] == told


def test_a_connection_of_an_unknown_kind_is_not_let_through(issuer, bench):
    """What cannot be judged does not reach the application."""
    with pytest.raises(UsageError) as refused:
        bench.drive(BearerGuard(Seen(), issuer.verifier, ANY_TOKEN), {"type": "webtransport"})

    assert "resource.connection" == refused.value.code


def test_what_an_application_raises_is_the_applications(issuer, bench):
    """Its exceptions go through the guard as they are, also errors of this library."""

    async def broken(_scope, _receive, _send):
        raise KeyError("the application's own")

    headers = [(b"Authorization", f"Bearer {issuer.read}".encode())]  # a server that keeps the case
    with pytest.raises(KeyError, match="the application's own"):
        bench.drive(
            BearerGuard(broken, issuer.verifier, ANY_TOKEN), {"type": "http", "headers": headers}
        )
    with pytest.raises(KeyError, match="the application's own"):
        bench.drive(BearerGuard(broken, issuer.verifier, OPEN), {"type": "http"})


def test_the_servers_own_scope_is_not_written_to(issuer):
    """The claims are in the application's copy alone, and none are there where a path is open."""
    scopes = []

    async def app(scope, _receive, _send):
        scopes.append(scope)

    given = {"type": "http", "headers": [(b"authorization", f"Bearer {issuer.read}".encode())], "path": "/"}  # fmt: skip
    asyncio.run(BearerGuard(app, issuer.verifier, ANY_TOKEN)(given, None, None))
    asyncio.run(BearerGuard(app, issuer.verifier, OPEN)(given, None, None))

    assert [True, False] == [KEY in each for each in scopes]
    assert KEY not in given


def test_a_verifier_that_breaks_lets_nobody_in(issuer, bench):
    """An exception that is none of ours is raised, and the application is not asked."""
    seen = Seen()

    class Broken:
        async def averify(self, token, *, required_scope):
            raise ZeroDivisionError

    headers = [(b"authorization", b"Bearer a")]
    with pytest.raises(ZeroDivisionError):
        bench.drive(BearerGuard(seen, Broken(), ANY_TOKEN), {"type": "http", "headers": headers})

    assert [] == seen.paths


def test_the_loop_serves_others_while_keys_are_fetched(issuer, bench):
    """While twenty callers wait for the issuer's keys, an open path is answered; one fetch serves all."""
    fetches, began, release = [], threading.Event(), threading.Event()
    keys = json.dumps(issuer.sandbox.keys.published().as_dict(private=False)).encode()

    def publish(_environ, start_response):
        fetches.append("jwks")
        began.set()
        release.wait(9)
        start_response("200 OK", [("Content-Type", "application/json")])
        return [keys]

    with bench.wsgiref_serving(publish) as keys_port, TokenVerifier(
        issuer=issuer.sandbox.issuer, audience="partner-api", jwks_url=f"http://127.0.0.1:{keys_port}"
    ) as verifier:  # fmt: skip
        with bench.uvicorn_serving(BearerGuard(Seen(), verifier, ADMIN)) as port, ThreadPoolExecutor(20) as pool:  # fmt: skip
            waiting = [pool.submit(bench.ask, port, "/x", token=issuer.read) for _ in range(20)]
            assert began.wait(9)
            healthy = bench.ask(port, "/health").status
            ended = [each for each in waiting if each.done()]
            release.set()
            statuses = {each.result().status for each in waiting}

    assert (200, [], {200}) == (healthy, ended, statuses)
    assert ["jwks"] == fetches
