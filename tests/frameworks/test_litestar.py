"""A Litestar application on real servers: who comes in, and who does not."""

from __future__ import annotations

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

pytestmark = pytest.mark.slow

APP = "litestar_service:app"
SERVERS = ["uvicorn", "uvicorn-without-lifespan", "hypercorn", "daphne"]
REALM = 'Bearer realm="api"'
READ, WRITE, BOTH = (401, 200, 403, 200), (401, 403, 200, 200), (401, 403, 403, 200)
MADE, BOTH_MADE = (401, 403, 201, 201), (401, 403, 403, 201)
OPEN, UNMARKED, LOST = (200,) * 4, (403,) * 4, (404,) * 4
# Of each request: the statuses without a token, and with one for reading, for writing, for both.
ROUTES = {
    "GET /health": OPEN,
    "GET /decisions/x": READ,
    "HEAD /decisions/x": READ,
    "OPTIONS /decisions/x": (204,) * 4,  # Litestar's own
    "DELETE /decisions/x": (405,) * 4,
    "POST /applications": MADE,
    "GET /threaded": READ,
    "GET /cached": READ,
    "GET /unmarked": UNMARKED,
    "HEAD /unmarked": UNMARKED,
    "OPTIONS /own-options": UNMARKED,
    "DELETE /own-options": UNMARKED,
    "GET /pages": READ,
    "POST /pages": BOTH_MADE,  # the demands of a controller and its handler add up
    "GET /pages/public": READ,
    "POST /overriding": BOTH_MADE,  # what a handler overrides demands its scope of the handler too
    "GET /overriding/public": READ,
    "GET /controller": UNMARKED,
    "GET /controller/marked": READ,
    "GET /open-base": OPEN,
    "GET /derived": UNMARKED,
    "GET /routed/inner": READ,
    "GET /routed/inner-public": READ,
    "GET /outer/deep/routed/inner": BOTH,
    "GET /outer/inner": UNMARKED,
    "GET /mount-marked/x": READ,
    "GET /mount-unmarked/x": UNMARKED,
    "GET /mount-wrapped/x": WRITE,
    "GET /schema": OPEN,
    "GET /schema/openapi.json": OPEN,
    "GET /schema/nothing": LOST,
    "GET /static/page.txt": OPEN,
    "HEAD /static/page.txt": OPEN,
    "GET /private/page.txt": UNMARKED,
    "GET /late": UNMARKED,
    "GET /late-marked": READ,
    "GET /nowhere": LOST,
}


@pytest.fixture(scope="module", params=SERVERS)
def port(request, lab, issuer):
    with lab.serving(request.param, APP, issuer.url) as port:
        yield port


@pytest.fixture(scope="module")
def on_uvicorn(lab, issuer):
    with lab.serving("uvicorn", APP, issuer.url) as port:
        yield port


def statuses(lab, port, row, issuer, headers=()):
    """Send a request without a token and with each of three; return the statuses."""
    method, path = row.split(" ")
    tokens = (None, issuer.read, issuer.write, issuer.both)
    return tuple(
        lab.ask(port, path, method=method, token=token, headers=headers).status for token in tokens
    )


def test_every_handler_is_judged_by_its_marks(port, lab, issuer):
    """Functions, controllers, routers, mounts and static files; also without lifespan events."""
    assert ROUTES == {row: statuses(lab, port, row, issuer) for row in ROUTES}


def test_a_handler_knows_its_caller(port, lab, issuer):
    """`request.auth`, and the claims in the connection's scope; a mounted application as well."""
    read = lab.ask(port, "/decisions/x", token=issuer.read)
    mounted = lab.ask(port, "/mount-marked/x", token=issuer.read)

    assert ({"client": issuer.client_id}, b"known") == (read.json, mounted.body)


def test_what_the_refused_are_told(port, lab, issuer):
    """Status, challenge and code of the envelope; two headers are malformed."""
    path, twice = "/decisions/x", [("Authorization", f"Bearer {issuer.read}")] * 2
    replies = [
        lab.ask(port, path),
        lab.ask(port, path, token="opaque"),
        lab.ask(port, path, token=issuer.write),
        lab.ask(port, path, headers=twice),
        lab.ask(port, "/unmarked", token=issuer.both),
    ]

    assert [
        (401, "invalid_token", REALM),
        (401, "invalid_token", f'{REALM}, error="invalid_token"'),
        (403, "insufficient_scope", f'{REALM}, error="insufficient_scope", scope="decisions:read"'),
        (400, "bad_request", f'{REALM}, error="invalid_request"'),
        (403, "guard.unmarked", None),
    ] == [(each.status, each.error, each.headers["WWW-Authenticate"]) for each in replies]
    assert b"\r\n\r\n" == lab.send_head(port, path)[-4:]


@pytest.mark.parametrize("path", ["/socket", "/listener", "/listener-class", "/pages/stream"])
def test_a_websocket_is_judged_before_it_is_accepted(port, issuer, path):
    """401 or 403 instead of the handshake's 101; with the token it opens."""
    tokens = [None, issuer.both if path == "/pages/stream" else issuer.read]

    assert [False, True] == [opens(port, path, token) for token in tokens]
    if path == "/pages/stream":  # its controller demands one scope, it another
        assert not opens(port, path, issuer.read)


@pytest.mark.parametrize("path", ["/socket-unmarked", "/listener-unmarked", "/mount-unmarked/x"])
def test_an_unmarked_websocket_is_refused(port, issuer, path):
    """No token opens it, nor a token in the query."""
    assert not opens(port, path, issuer.both)
    assert not opens(port, f"/socket?access_token={issuer.read}", None)


def opens(port, path, token) -> bool:
    """Say whether a WebSocket is accepted; a refusal has the status of a refusal."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with connect(f"ws://127.0.0.1:{port}{path}", additional_headers=headers, proxy=None) as socket:  # fmt: skip
            socket.send("x")
            socket.recv(10)
    except ConnectionClosed:
        pass
    except InvalidStatus as refused:
        assert refused.response.status_code in {401, 403}
        return False
    return True


def test_a_cached_response_is_judged_as_any_other(port, lab, issuer):
    """Litestar's cache lies behind the guard."""
    asked = [(issuer.read, 200), (None, 401), (issuer.write, 403), (issuer.read, 200)]

    assert [each for _, each in asked] == [lab.ask(port, "/cached", token=token).status for token, _ in asked]  # fmt: skip


def test_start_up_lists_what_is_not_marked(lab, issuer, capsys):
    """One warning names every handler that is refused to everybody."""
    with lab.serving("uvicorn", APP, issuer.url) as port:
        lab.ask(port, "/health")
    said = [line for line in capsys.readouterr().out.splitlines() if "handlers=" in line]

    assert 1 == len(said)
    for name in ("service.unmarked", "service.Unmarked.index", "ListenerUnmarked.on_receive", "mount_unmarked", "private/head", "service.late"):  # fmt: skip
        assert name in said[0]
    for name in ("service.read", "options_handler", "_openapi", "marked,"):
        assert f"service.{name}" not in said[0].replace("unmarked,", "")


def test_a_preflight_gets_its_response_in_front_of_the_guard(on_uvicorn, lab):
    """Litestar's own CORS needs no token, and refusals can be read by the page that it allows."""
    origin = ("Origin", "https://pages.example")
    asked = [origin, ("Access-Control-Request-Method", "GET"), ("Access-Control-Request-Headers", "authorization")]  # fmt: skip
    preflight = lab.ask(on_uvicorn, "/decisions/x", method="OPTIONS", headers=asked)
    refused = lab.ask(on_uvicorn, "/decisions/x", headers=[origin])

    assert (204, 401) == (preflight.status, refused.status)
    assert {"https://pages.example"} == {each.headers["Access-Control-Allow-Origin"] for each in (preflight, refused)}  # fmt: skip


PREFIXED = [
    ("daphne", "/x", (("Daphne-Root-Path", "/x"),)),
    ("daphne", "/health/x", (("Daphne-Root-Path", "/x"),)),
    ("daphne-root-path", "/mounted", ()),
    ("hypercorn-root-path", "/mounted", ()),
    ("uvicorn-root-path", "", ()),
]


@pytest.mark.parametrize(("server", "prefix", "headers"), PREFIXED)
def test_fault_356_no_prefix_opens_a_handler(lab, issuer, server, prefix, headers):
    """Litestar cuts `root_path` out of the path, which a client sets at daphne: marks still hold."""
    rows = ["GET /decisions/x", "POST /applications", "GET /unmarked", "GET /mount-unmarked/x", "GET /pages"]  # fmt: skip
    with lab.serving(server, APP, issuer.url) as port:
        found = {
            row: statuses(lab, port, row.replace(" ", f" {prefix}"), issuer, headers)
            for row in rows
        }

    assert {row: ROUTES[row] for row in rows} == found


def test_fault_356_a_guard_around_litestar_demands_its_scope_of_everything(lab, issuer):
    """Once the client's header led /public/x/admin to /admin, past the guard's table of paths."""
    with lab.serving("daphne", "litestar_service:wrapped", issuer.url) as port:
        paths = ["/admin", "/public/x/admin", "/public/admin", "/x/admin"]
        found = [
            lab.ask(port, path, headers=headers).status
            for path in paths
            for headers in [(), (("Daphne-Root-Path", "/x"),), (("Daphne-Root-Path", "/public"),)]
        ]
        served = lab.ask(port, "/admin", token=issuer.read)

    assert [401] * 12 == found
    assert (200, b"ADMIN SECRET") == (served.status, served.body)
