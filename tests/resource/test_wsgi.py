"""The WSGI guard: open paths on the wire, mounts, streams, and what it leaves alone."""

from __future__ import annotations

import io

import pytest
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from credicorp_auth.engine.keys.verifying import NoVerifier
from credicorp_auth.errors import InvalidSetting
from credicorp_auth.resource import ANY_SCOPE
from credicorp_auth.resource.wsgi import BearerGuard

KEY = "credicorp_auth.claims"
SERVERS = ["waitress_serving", "wsgiref_serving", "werkzeug_serving"]

OTHERS = [
    b"/", b"/health/", b"/health/x", b"/HEALTH", b"//health", b"/./health", b"/x/../health", b"/x/%2e%2e/health",
    b"/health/../admin", b"/health%2f..%2fadmin", b"/health/..;/admin", b"/health;x", b"/health%00", b"/%EF%BD%88ealth",
    b"/admin?/health", b"/admin%3f/health", b"/%2568ealth", b"/health%20", b"/%ff/health",
]  # fmt: skip


def raised_in(environ, start_response):
    raise KeyError("the application's own")


@pytest.mark.parametrize("server", SERVERS)
def test_nothing_but_an_open_path_is_open(server, issuer, lab):
    """No other spelling reaches the application without a token; none is refused to one with it."""
    seen = []

    def app(environ, start_response):
        seen.append(environ["PATH_INFO"])
        return lab.plain_wsgi(environ, start_response)

    guarded = BearerGuard(app, issuer.verifier, scope="decisions:read", open_paths=["/health", "/sant\xe9"])  # fmt: skip
    with getattr(lab, server)(guarded) as port:

        def status(path, bearer=b"", method=b"GET"):
            head = method + b" " + path + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
            return lab.send_bytes(port, head + bearer + b"\r\n").status

        anonymous = {path: status(path) for path in OTHERS}
        posted = status(b"/health", b"Content-Length: 0\r\n", b"POST")
        opened = [status(b"/health"), status(b"/he%61lth?/admin"), status(b"/sant%c3%a9")]
        reached = len(seen)
        bearer = b"Authorization: Bearer " + issuer.read.encode() + b"\r\n"
        allowed = [status(path, bearer) for path in OTHERS]

    # Servers may read `//health` as `/health`: what the guard reads is what the application reads.
    assert {"/health", "/sant\xc3\xa9"} == set(seen[:reached])
    assert reached - 3 == [*anonymous.values()].count(200) <= 1
    assert ([200, 200, 200], 401) == (opened, posted)
    assert len(seen) - reached == allowed.count(200) >= len(OTHERS) - 2


def test_it_guards_what_is_mounted(issuer, lab):
    """Below a SCRIPT_NAME everything needs the token; a path is open if both readings are listed."""
    guarded = BearerGuard(lab.plain_wsgi, issuer.verifier, scope="decisions:read", open_paths=["/health", "/v1/health", "/v1/a"])  # fmt: skip
    app = DispatcherMiddleware(raised_in, {"/v1": guarded})
    with lab.waitress_serving(app) as port:
        statuses = [lab.ask(port, "/v1/decisions/a", token=each).status for each in (None, issuer.write, issuer.read)]  # fmt: skip
        paths = ["/v1/health", "/v1/a", "/v1/v1/health", "/v1/v1/a", "/v1", "/v1/"]
        anonymous = [lab.ask(port, path).status for path in paths]

    assert [401, 403, 200] == statuses
    assert [200, 401, 401, 401, 401, 401] == anonymous


@pytest.mark.parametrize("scope", ["", None, 7, {"/admin": "a"}])
def test_fault_350_a_scope_that_is_none_is_refused(scope):
    """Also a table of paths, which the first edition took."""
    with pytest.raises(InvalidSetting) as refused:
        BearerGuard(raised_in, NoVerifier(), scope=scope)

    assert "config.required_scope" == refused.value.code


def environ(**members):
    return {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "wsgi.input": io.BytesIO(), **members}


MOUNTED = [
    # SCRIPT_NAME, PATH_INFO, listed, whether it is open
    ("", "/health", ["/health"], True),
    ("/api", "/health", ["/health"], False),
    ("/api", "/health", ["/api/health"], False),
    ("/api", "/health", ["/api/health", "/health"], True),
    ("/health", "", ["/health"], False),
    ("/health", "", ["/health", "/"], False),
    ("", "/\xff", ["/\xff"], False),
    ("", "/a\u20ac", ["/a?", "/a\u20ac"], False),
    ("", "", ["/"], False),
]


@pytest.mark.parametrize(("mounted", "path", "listed", "opened"), MOUNTED)
def test_fault_346_a_path_is_open_if_both_readings_are(mounted, path, listed, opened):
    """Below a `SCRIPT_NAME`, the path with it and the path without it must be listed."""
    began = []
    guard = BearerGuard(lambda *_: [], NoVerifier(), scope=ANY_SCOPE, open_paths=listed)
    for method in ("GET", "HEAD", "POST"):
        given = environ(SCRIPT_NAME=mounted, PATH_INFO=path, REQUEST_METHOD=method)
        guard(given, lambda status, _headers: began.append(status))

    assert (["401 Unauthorized"] if opened else ["401 Unauthorized"] * 3) == began


def test_what_an_application_returns_is_passed_on_as_it_is(issuer):
    """Its iterable, `close` included, is handed to the server; nothing of it is read before."""

    class Pieces:
        closed = read = False

        def __iter__(self):
            self.read = True
            return iter([b"a"])

        def close(self):
            self.closed = True

    pieces = Pieces()
    guard = BearerGuard(lambda _environ, _start: pieces, issuer.verifier, scope=ANY_SCOPE)
    given = guard(environ(HTTP_AUTHORIZATION=f"Bearer {issuer.read}"), None)

    assert (True, False, False) == (given is pieces, pieces.read, pieces.closed)


def test_what_an_application_raises_is_the_applications(issuer):
    """Its exceptions go through the guard as they are."""
    with pytest.raises(KeyError, match="the application's own"):
        BearerGuard(raised_in, issuer.verifier, scope=ANY_SCOPE, open_paths=["/"])(environ(), None)
    with pytest.raises(KeyError, match="the application's own"):
        BearerGuard(raised_in, issuer.verifier, scope="decisions:read")(environ(HTTP_AUTHORIZATION=f"Bearer {issuer.read}"), None)  # fmt: skip


def test_an_open_path_knows_no_caller(issuer):
    """Where no token is asked for, none is looked at, however good."""
    seen = []

    def app(given, _start):
        seen.append(KEY in given)
        return []

    for paths in (["/"], []):
        guard = BearerGuard(app, issuer.verifier, scope=ANY_SCOPE, open_paths=paths)
        guard(environ(HTTP_AUTHORIZATION=f"Bearer {issuer.read}"), None)

    assert [False, True] == seen
