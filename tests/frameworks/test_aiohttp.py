"""An aiohttp.web application on real servers: who comes in, and who does not."""

from __future__ import annotations

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

pytestmark = pytest.mark.slow

APP = "aiohttp_service:app"
REALM = 'Bearer realm="api"'
READ, WRITE, BOTH = (401, 200, 403, 200), (401, 403, 200, 200), (401, 403, 403, 200)
OPEN, UNMARKED, LOST, NO_METHOD = (200,) * 4, (403,) * 4, (404,) * 4, (405,) * 4
# Of each request: the statuses without a token, and with one for reading, for writing, for both.
ROUTES = {
    "GET /health": OPEN,
    "GET /decisions/x": READ,
    "HEAD /decisions/x": READ,
    "OPTIONS /decisions/x": UNMARKED,  # a handler as any other
    "DELETE /decisions/x": NO_METHOD,
    "POST /applications": WRITE,
    "GET /unmarked": UNMARKED,
    "HEAD /unmarked": UNMARKED,
    "GET /borrowed": OPEN,
    "GET /by-method": READ,
    "POST /by-method": WRITE,
    "PUT /by-method": UNMARKED,
    "DELETE /by-method": UNMARKED,
    "POST /overriding": WRITE,  # what a method overrides demands its scope of the method too
    "PUT /overriding": UNMARKED,
    "GET /both": READ,
    "POST /both": BOTH,
    "PUT /both": (401, 405, 403, 405),
    "GET /open-base": OPEN,
    "GET /derived": UNMARKED,
    "GET /method": (401, 200, 200, 200),
    "GET /method-unmarked": UNMARKED,
    "GET /partial": READ,
    "GET /any": READ,
    "PROPFIND /any": READ,
    "GET /old": READ,
    "GET /static/page.txt": OPEN,
    "HEAD /static/page.txt": OPEN,
    "GET /private/page.txt": UNMARKED,
    "GET /sub/read": READ,
    "GET /sub/unmarked": UNMARKED,
    "GET /sub/files/page.txt": UNMARKED,
    "GET /sub/deep/read": READ,
    "GET /sub/deep/unmarked": UNMARKED,
    "GET /sub/nowhere": LOST,
    "POST /sub/read": NO_METHOD,
    "GET /nowhere": LOST,
    "GET /socket": (401, 400, 403, 400),  # of a handshake, nothing but the token is there
}


@pytest.fixture(scope="module", params=["aiohttp", "gunicorn-aiohttp"])
def port(request, lab, issuer):
    with lab.serving(request.param, APP, issuer.url) as port:
        yield port


def statuses(lab, port, row, issuer):
    """Send a request without a token and with each of three; return the statuses."""
    method, path = row.split(" ")
    tokens = (None, issuer.read, issuer.write, issuer.both)
    return tuple(lab.ask(port, path, method=method, token=token).status for token in tokens)


def test_every_handler_is_judged_by_its_mark(port, lab, issuer):
    """Functions, methods, views, static folders, and those of applications below."""
    assert ROUTES == {row: statuses(lab, port, row, issuer) for row in ROUTES}


def test_an_application_of_a_domain_is_judged_too(port, lab, issuer):
    """Its handlers are found by the Host header, and need a mark as others do."""
    host = [("Host", "domain.example")]
    found = [
        lab.ask(port, path, headers=host, token=token).status
        for path in ("/read", "/unmarked", "/nowhere")
        for token in (None, issuer.read)
    ]

    assert [401, 200, 403, 403, 404, 404] == found


def test_a_handler_knows_its_caller(port, lab, issuer):
    """`request["credicorp_auth.claims"]`, also in an application below; none if it is public."""
    paths = ["/decisions/x", "/by-method", "/sub/deep/read", "/health"]
    found = [lab.ask(port, path, token=issuer.read).json["client"] for path in paths]

    assert [issuer.client_id] * 3 + [None] == found


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


def test_a_websocket_is_judged_before_it_is_accepted(port, issuer):
    """401 or 403 instead of the handshake's 101; with the token it opens."""
    assert 401 == refused(port, "/socket", None)
    assert 403 == refused(port, "/socket", issuer.write)
    assert 403 == refused(port, "/socket-unmarked", issuer.both)
    with connect(f"ws://127.0.0.1:{port}/socket", additional_headers={"Authorization": f"Bearer {issuer.read}"}, proxy=None) as socket:  # fmt: skip
        assert "open" == socket.recv(20)


def refused(port, path, token) -> int:
    """Return the status of a refused handshake."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with pytest.raises(InvalidStatus) as refusal:
        connect(f"ws://127.0.0.1:{port}{path}", additional_headers=headers, proxy=None)
    return refusal.value.response.status_code
