"""Guards on servers that read paths in their own way: no request gets round them, on any."""

from __future__ import annotations

import sys

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

pytestmark = pytest.mark.slow

GUNICORN = ("gunicorn", "--bind", "fd://SOCKET", "--workers", "1", "--threads", "4")
DAPHNE = ("daphne", "--fd", "SOCKET")
ASGI = ["quart_marked", "quart_wrapped", "starlette_marked", "fastapi_marked", "fastapi_marked_root", "fastapi_wrapped_root"]  # fmt: skip

PATHS = ["/admin", "/sub/admin", "/sub/in/admin", "/mounted/admin", "/files/page.txt"]
SPELLINGS = [
    *PATHS, *(f"/api{path}" for path in PATHS), *(f"/x{path}" for path in PATHS), *(f"/api/api{path}" for path in PATHS),
    "/xadmin", "/apiadmin", "//admin", "/admin/", "/./admin", "/x/../admin", "/%61dmin", "/admin%2f", "/ADMIN", "/sub//admin", "/sub/../admin",
]  # fmt: skip
HEADERS = [[], *([each] for each in [("Daphne-Root-Path", "/x"), ("Daphne-Root-Path", "/api"), ("Daphne-Root-Path", "x"), ("SCRIPT_NAME", "/x"), ("X-Forwarded-Prefix", "/x")])]  # fmt: skip


# How each server is started: an option of it, or the command that imports the application.
SERVERS = {
    "uvicorn": ("uvicorn_serving", {}),
    "uvicorn below /x": ("uvicorn_serving", {"root_path": "/x"}),
    "uvicorn without lifespan": ("uvicorn_serving", {"lifespan": "off"}),
    "hypercorn": ("hypercorn_serving", {}),
    "hypercorn below /x": ("hypercorn_serving", {"root_path": "/x"}),
    "waitress": ("waitress_serving", {}),
    "daphne": DAPHNE,
    "daphne below /x": (*DAPHNE, "--root-path", "/x"),
    "gunicorn": GUNICORN,
}


def serving(lab, issuer, server, name):
    """Serve an application by a server."""
    if server.startswith(("daphne", "gunicorn")) and sys.platform == "win32":
        pytest.skip("no socket can be handed to it")
    start, *options = SERVERS[server]
    if start in {"daphne", "gunicorn"}:
        command = (start, *options, f"served:{name}")
        return lab.command_serving(*command, issuer=issuer.sandbox.issuer)
    return getattr(lab, start)(lab.served.BUILD[name](issuer.verifier), **options[0])


SERVED = [
    *(("uvicorn", name) for name in ASGI),
    *(("uvicorn below /x", name) for name in ASGI if not name.endswith("root")),
    ("uvicorn without lifespan", "fastapi_marked"),
    ("uvicorn without lifespan", "starlette_marked"),
    *(("hypercorn", name) for name in ("quart_marked", "fastapi_marked")),
    *(("hypercorn below /x", name) for name in ("quart_wrapped", "starlette_marked")),
    *(("daphne", name) for name in ("quart_marked", "fastapi_marked_root", "starlette_marked")),
    ("daphne below /x", "quart_marked"),
    *((server, name) for server in ("gunicorn", "waitress") for name in ("flask_marked", "flask_wrapped")),
]  # fmt: skip


@pytest.mark.parametrize(("server", "name"), SERVED)
def test_fault_347_no_header_and_no_spelling_gets_round_a_guard(server, name, issuer, lab):
    """Without the token nothing is served, no matter what the caller makes the server believe of paths."""
    with serving(lab, issuer, server, name) as port:
        through = []
        for headers in HEADERS:
            for path in SPELLINGS:
                for token in (None, issuer.read)[: 1 if headers else 2]:
                    reply = lab.ask(port, path, headers=headers, token=token)
                    if (
                        b"CLASSIFIED" in reply.body
                        or lab.served.STATIC in reply.body
                        or reply.status < 300
                    ):
                        through.append((headers, path, token is not None, reply.status))
        paths = [path for path in SPELLINGS if "/files/" not in path]
        replies = {path: lab.ask(port, path, token=issuer.write) for path in paths}
        reached = {path for path, reply in replies.items() if b"CLASSIFIED" in reply.body}
        home = {lab.ask(port, path).status for path in ("/", "/x/", "/api/", "/x", "/api")}

    assert [] == through
    assert len(reached) >= 2
    assert "/admin" in {path.removeprefix("/api").removeprefix("/x") for path in reached}
    assert home <= {200, 401, 403, 404, 307, 308}


@pytest.mark.parametrize(
    ("name", "path"),
    [("quart_marked", "/xadmin"), ("quart_wrapped", "/xadmin"), ("quart_marked", "/x/admin")],
)
def test_fault_347_a_caller_who_names_the_root_path_is_refused(name, path, issuer, lab):
    """Daphne takes `root_path` from a header of the caller: the route is found, and demands its token."""
    headers = [("Daphne-Root-Path", "/x")]
    with serving(lab, issuer, "daphne", name) as port:
        replies = [lab.ask(port, path, headers=headers, token=each) for each in (None, issuer.read, issuer.write)]  # fmt: skip

    assert [401, 403, 200] == [each.status for each in replies]
    assert b"CLASSIFIED" == replies[2].body


@pytest.mark.parametrize("name", ["fastapi_wrapped_root", "fastapi_marked_root"])
def test_fault_346_an_application_that_sets_its_root_path_is_guarded(name, issuer, lab):
    """`/api/admin` and `/admin` lead to one route, which demands its token of both."""
    with serving(lab, issuer, "uvicorn without lifespan", name) as port:
        for path in ("/admin", "/api/admin"):
            replies = [lab.ask(port, path, token=each) for each in (None, issuer.read, issuer.write)]  # fmt: skip

            assert [401, 403, 200] == [each.status for each in replies]
            assert b"CLASSIFIED" in replies[2].body


SOCKETS = {
    "quart_marked": "/sub/socket",
    "quart_wrapped": "/sub/socket",
    "fastapi_marked": "/sub/socket",
    "starlette_marked": "/sub/in/socket",
}


@pytest.mark.parametrize(
    ("server", "name"),
    [
        (server, name)
        for server in ("uvicorn", "hypercorn", "daphne")
        for name in SOCKETS
        # Daphne states no `scheme` for WebSockets, without which Quart fails.
        if server != "daphne" or not name.startswith("quart")
    ],
)
def test_fault_352_a_websocket_is_judged_before_it_is_accepted(server, name, issuer, lab):
    """Without the token, and with one in the query, the handshake is refused; with it, it opens."""
    with serving(lab, issuer, server, name) as port:

        def knock(token, query=""):
            headers = None if token is None else {"Authorization": f"Bearer {token}"}
            url = f"ws://127.0.0.1:{port}{SOCKETS[name]}{query}"
            try:
                with connect(url, additional_headers=headers, proxy=None) as socket:
                    return socket.recv()
            except InvalidStatus as refused:
                return refused.response.status_code

        refused = [knock(None), knock(issuer.read), knock(None, f"?access_token={issuer.write}")]
        opened = knock(issuer.write)

    # A server without the denial extension makes a 403 of every refusal.
    assert refused in ([401, 403, 401], [403, 403, 403])
    assert "CLASSIFIED" == opened
