"""The ASGI guard: open paths on the wire, mounts, WebSockets, streams, and what it leaves alone."""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Mount, Route
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from credicorp_auth import TokenVerifier
from credicorp_auth.engine.keys.verifying import NoVerifier
from credicorp_auth.errors import InvalidSetting, UsageError
from credicorp_auth.resource import ANY_SCOPE
from credicorp_auth.resource.asgi import BearerGuard

KEY = "credicorp_auth.claims"


class Seen:
    """An application that takes note of the paths that reached it."""

    def __init__(self):
        self.paths = []

    async def __call__(self, scope, receive, send):
        self.paths.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"seen"})


OTHERS = [
    b"/", b"/health/", b"/health/x", b"/HEALTH", b"//health", b"/./health", b"/x/../health", b"/x/%2e%2e/health",
    b"/health/../admin", b"/health/%2e%2e/admin", b"/health%2f..%2fadmin", b"/health/..;/admin", b"/health;x", b"/health%00",
    b"/%EF%BD%88ealth", b"/admin?/health", b"/admin%3f/health", b"/%2568ealth", b"/health%20", b"/health%0a", b"health", b"*",
    b"http://127.0.0.1/admin", b"/\xff", b"/%ff/health",
]  # fmt: skip


@pytest.mark.parametrize("http", ["h11", "httptools"])
def test_nothing_but_an_open_path_is_open(http, issuer, lab):
    """No other spelling reaches the application without a token; none is refused to one with it."""
    seen = Seen()
    guarded = BearerGuard(seen, issuer.verifier, scope="decisions:read", open_paths=["/health"])
    with lab.uvicorn_serving(guarded, http=http) as port:

        def status(path, bearer=b"", method=b"GET"):
            raw = method + b" " + path + b" HTTP/1.1\r\nHost: a\r\n" + bearer + b"\r\n"
            return lab.send_bytes(port, raw).status

        anonymous = {path: status(path) for path in OTHERS}
        posted = status(b"/health", b"Content-Length: 0\r\n", b"POST")
        opened = [status(b"/health"), status(b"/he%61lth?/admin"), status(b"/health", b"Authorization: Bearer x\r\n")]  # fmt: skip
        reached, seen.paths = seen.paths, []
        bearer = b"Authorization: Bearer " + issuer.read.encode() + b"\r\n"
        allowed = {path: status(path, bearer) for path in OTHERS}

    assert {} == {path: each for path, each in anonymous.items() if each not in {400, 401}}
    assert ([200, 200, 200], 401) == (opened, posted)
    assert ["/health"] * 3 == reached
    # The others are what the server itself cannot read.
    assert len(seen.paths) == [*allowed.values()].count(200) >= len(OTHERS) - 3


MOUNTED = [
    # root_path of the server, path, listed, whether it is open
    ("", "/health", ["/health"], True),
    ("", "/api/health", ["/health"], False),
    ("/api", "/api/health", ["/health"], False),
    ("/api", "/api/health", ["/api/health"], False),
    ("/api", "/api/health", ["/api/health", "/health"], True),
    ("/api", "/health", ["/health"], False),
    ("/api", "/health", ["/api/health", "/health"], False),
    ("/api", "/apihealth", ["/apihealth", "/health"], False),
    ("/api", "/api", ["/api", "/"], False),
    ("/api/", "/api/health", ["/api/health", "/health"], False),
    ("/health", "/health", ["/health"], False),
    ("/x", "/health", ["/health"], False),
    (None, "/health", ["/health"], True),
]


@pytest.mark.parametrize(("root", "path", "listed", "opened"), MOUNTED)
def test_fault_346_a_path_is_open_if_both_readings_are(root, path, listed, opened, lab):
    """Below a `root_path`, the path with it and the path without it must be listed."""
    guard = BearerGuard(Seen(), NoVerifier(), scope=ANY_SCOPE, open_paths=listed)
    for method in ("GET", "HEAD", "POST"):
        scope = {"type": "http", "method": method, "path": path, "root_path": root}
        status = lab.drive(guard, scope)[0]["status"]

        assert (200 if opened and method != "POST" else 401) == status


@pytest.mark.parametrize("paths", ["/health", b"/health", ["health"], [""], [None], [7], [b"/a"]])
def test_open_paths_are_a_list_of_full_paths(paths):
    """Anything else is refused when the service starts."""
    with pytest.raises(InvalidSetting) as refused:
        BearerGuard(Seen(), NoVerifier(), scope="a", open_paths=paths)

    assert "config.open_path" == refused.value.code
    assert isinstance(paths, list) != ("is the text" in str(refused.value))


@pytest.mark.parametrize("scope", ["", None, 7, {"/admin": "a"}])
def test_fault_350_a_scope_that_is_none_is_refused(scope):
    """Also a table of paths, which the first edition took."""
    with pytest.raises(InvalidSetting) as refused:
        BearerGuard(Seen(), NoVerifier(), scope=scope)

    assert "config.required_scope" == refused.value.code
    assert ("empty" if scope == "" else type(scope).__name__) in str(refused.value)


def emit(request):
    return JSONResponse({"path": request.url.path, "client": request.scope[KEY].client_id})


def test_it_guards_what_is_mounted(issuer, lab):
    """In a mount, and behind a `root_path`, everything below needs the token."""
    inner = Starlette(routes=[Route("/decisions/{name}", emit), Route("/admin", emit)])
    guarded = BearerGuard(inner, issuer.verifier, scope="decisions:read")
    with lab.uvicorn_serving(Starlette(routes=[Mount("/v1", app=guarded)])) as port:
        inside = lab.ask(port, "/v1/decisions/a", token=issuer.read)
        statuses = [lab.ask(port, "/v1/admin", token=each).status for each in (None, issuer.write, issuer.read)]  # fmt: skip
    with lab.uvicorn_serving(guarded, root_path="/api") as port:
        below = [lab.ask(port, path, token=issuer.read).status for path in ("/decisions/a", "/admin")]  # fmt: skip
        anonymous = [lab.ask(port, path).status for path in ("/decisions/a", "/api/admin")]

    assert (200, "/v1/decisions/a") == (inside.status, json.loads(inside.body)["path"])
    assert [401, 403, 200] == statuses
    assert ([200, 200], [401, 401]) == (below, anonymous)


def test_it_can_be_added_to_an_application(issuer, lab):
    """`add_middleware` takes it as it takes any other."""
    app = Starlette(routes=[Route("/decisions/{name}", emit)])
    app.add_middleware(BearerGuard, verifier=issuer.verifier, scope="decisions:read")
    with lab.uvicorn_serving(app) as port:
        statuses = [lab.ask(port, token=each).status for each in (issuer.read, issuer.write, None)]

    assert [200, 403, 401] == statuses


def test_a_stream_passes_piece_by_piece(issuer, lab):
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
    with lab.uvicorn_serving(BearerGuard(app, issuer.verifier, scope=ANY_SCOPE)) as port:
        connection = lab.http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/stream", headers={"Authorization": f"Bearer {issuer.read}"})
        response = connection.getresponse()
        first = response.read(5)
        lab.ask(port, "/go", token=issuer.read)
        rest = response.read()
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
def test_a_websocket_is_judged_by_its_handshake(ws, issuer, lab):
    """A good token opens it; the others are answered in HTTP, before it is accepted, also on an open path."""
    guarded = BearerGuard(sockets, issuer.verifier, scope="decisions:read", open_paths=["/socket"])
    with lab.uvicorn_serving(guarded, ws=ws) as port:

        def knock(token, path="/socket"):
            headers = None if token is None else {"Authorization": f"Bearer {token}"}
            url = f"ws://127.0.0.1:{port}{path}"
            try:
                with connect(url, additional_headers=headers, proxy=None) as socket:
                    return socket.recv()
            except InvalidStatus as refused:
                return refused.response

        opened = knock(issuer.read)
        refused = [knock(None), knock(issuer.expired), knock(issuer.write)]
        queried = knock(None, f"/socket?access_token={issuer.read}")

    assert issuer.sandbox.client_id == opened
    assert [401, 401, 403] == [each.status_code for each in refused]
    assert "invalid_token" == json.loads(refused[1].body)["error"]["code"]
    assert 'Bearer realm="api", error="invalid_token"' == refused[1].headers["WWW-Authenticate"]
    assert 401 == queried.status_code


@pytest.mark.parametrize("extensions", [{}, {"extensions": {}}, {"extensions": None}])
def test_a_server_that_cannot_answer_a_handshake_closes_it(issuer, lab, extensions):
    """Without the denial extension a WebSocket is closed before it is accepted."""
    guard = BearerGuard(sockets, issuer.verifier, scope=ANY_SCOPE)
    sent = lab.drive(guard, {"type": "websocket", **extensions}, {"type": "websocket.connect"})

    assert [{"type": "websocket.close", "code": 1008, "reason": ""}] == sent


def test_head_is_answered_without_a_body_whatever_the_server_does(issuer, lab):
    """The guard itself sends no body, and says how long it would be."""
    guard = BearerGuard(Seen(), issuer.verifier, scope=ANY_SCOPE)
    start, body = lab.drive(guard, {"type": "http", "method": "HEAD"})

    assert (401, b"") == (start["status"], body["body"])
    assert 100 < int(dict(start["headers"])[b"content-length"])


def test_lifespan_passes(issuer, lab):
    """The application starts and stops with the server."""
    emitted = []

    async def app(scope, receive, send):
        assert "lifespan" == scope["type"]
        for _ in range(2):
            message = await receive()
            emitted.append(message["type"])
            await send({"type": f"{message['type']}.complete"})

    with lab.uvicorn_serving(
        BearerGuard(app, issuer.verifier, scope=ANY_SCOPE), lifespan="on"
    ) as port:
        assert 401 == lab.ask(port).status

    assert ["lifespan.startup", "lifespan.shutdown"] == emitted


def test_a_connection_of_an_unknown_kind_is_not_let_through(issuer, lab):
    """What cannot be judged does not reach the application."""
    with pytest.raises(UsageError) as refused:
        lab.drive(BearerGuard(Seen(), issuer.verifier, scope=ANY_SCOPE), {"type": "webtransport"})

    assert "resource.connection" == refused.value.code


def test_what_an_application_raises_is_the_applications(issuer, lab):
    """Its exceptions go through the guard as they are, also errors of this library."""

    async def broken(_scope, _receive, _send):
        raise KeyError("the application's own")

    headers = [(b"Authorization", f"Bearer {issuer.read}".encode())]  # a server that keeps the case
    with pytest.raises(KeyError, match="the application's own"):
        lab.drive(
            BearerGuard(broken, issuer.verifier, scope=ANY_SCOPE),
            {"type": "http", "method": "GET", "headers": headers},
        )
    with pytest.raises(KeyError, match="the application's own"):
        guard = BearerGuard(broken, issuer.verifier, scope=ANY_SCOPE, open_paths=["/"])
        lab.drive(guard, {"type": "http", "method": "GET"})


def test_the_servers_own_scope_is_not_written_to(issuer):
    """The claims are in the application's copy alone, and none are there where a path is open."""
    scopes = []

    async def app(scope, _receive, _send):
        scopes.append(scope)

    given = {"type": "http", "method": "GET", "headers": [(b"authorization", f"Bearer {issuer.read}".encode())], "path": "/"}  # fmt: skip
    asyncio.run(BearerGuard(app, issuer.verifier, scope=ANY_SCOPE)(given, None, None))
    opened = BearerGuard(app, issuer.verifier, scope=ANY_SCOPE, open_paths=["/"])
    asyncio.run(opened(given, None, None))

    assert [True, False] == [KEY in each for each in scopes]
    assert KEY not in given


def test_a_verifier_that_breaks_lets_nobody_in(issuer, lab):
    """An exception that is none of ours is raised, and the application is not asked."""
    seen = Seen()

    class Broken:
        async def averify(self, token, *, required_scope):
            raise ZeroDivisionError

    headers = [(b"authorization", b"Bearer a")]
    with pytest.raises(ZeroDivisionError):
        lab.drive(
            BearerGuard(seen, Broken(), scope=ANY_SCOPE),
            {"type": "http", "method": "GET", "headers": headers},
        )

    assert [] == seen.paths


def test_the_loop_serves_others_while_keys_are_fetched(issuer, lab):
    """While twenty callers wait for the issuer's keys, an open path is answered; one fetch serves all."""
    fetches, began, release = [], threading.Event(), threading.Event()
    keys = json.dumps(issuer.sandbox.keys.published().as_dict(private=False)).encode()

    def publish(_environ, start_response):
        fetches.append("jwks")
        began.set()
        release.wait(9)
        start_response("200 OK", [("Content-Type", "application/json")])
        return [keys]

    with lab.wsgiref_serving(publish) as keys_port, TokenVerifier(
        issuer=issuer.sandbox.issuer, audience="partner-api", jwks_url=f"http://127.0.0.1:{keys_port}"
    ) as verifier:  # fmt: skip
        guarded = BearerGuard(Seen(), verifier, scope=ANY_SCOPE, open_paths=["/health"])
        with lab.uvicorn_serving(guarded) as port, ThreadPoolExecutor(20) as pool:
            waiting = [pool.submit(lab.ask, port, "/x", token=issuer.read) for _ in range(20)]
            assert began.wait(9)
            healthy = lab.ask(port, "/health").status
            ended = [each for each in waiting if each.done()]
            release.set()
            statuses = {each.result().status for each in waiting}

    assert (200, [], {200}) == (healthy, ended, statuses)
    assert ["jwks"] == fetches
