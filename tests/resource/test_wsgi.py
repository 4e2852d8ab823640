"""The WSGI guard: paths on the wire, mounts, streams, and what it leaves alone."""

from __future__ import annotations

import io

import pytest
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from credicorp_auth.resource import ANY_TOKEN, OPEN
from credicorp_auth.resource.wsgi import BearerGuard

KEY = "credicorp_auth.claims"
ADMIN = {"/": ANY_TOKEN, "/admin": "applications:write", "/health": OPEN}
SERVERS = ["waitress_serving", "wsgiref_serving", "werkzeug_serving"]

TRICKS = [
    b"/admin", b"/admin/", b"/adm%69n", b"/ADMIN", b"//admin", b"///admin", b"/./admin", b"/%2e/admin", b"/x/../admin",
    b"/x/%2e%2e/admin", b"/health/../admin", b"/health%2f..%2fadmin", b"/health/..;/admin", b"/%5cadmin", b"/%252e%252e/admin",
    b"/admin%2fusers", b"/admin%00", b"/admin%20", b"/admin;x", b"/%EF%BD%81dmin", b"/admin?x=/health", b"/%ff/admin",
    b"/admin%3f/../health", b"/admin#/health", b"/admin%23",
]  # fmt: skip


def raised_in(environ, start_response):
    raise KeyError("the application's own")


@pytest.mark.parametrize("server", SERVERS)
def test_no_spelling_of_a_path_gets_round_the_table(server, issuer, bench):
    """A token for reading reaches /admin by none of these spellings; no token reaches anything."""
    seen = []

    def app(environ, start_response):
        seen.append(environ["PATH_INFO"])
        return bench.plain_wsgi(environ, start_response)

    with getattr(bench, server)(BearerGuard(app, issuer.verifier, ADMIN)) as port:
        statuses = {}
        for path in TRICKS:
            for bearer in (b"Authorization: Bearer " + issuer.read.encode() + b"\r\n", b""):
                raw = (
                    b"GET "
                    + path
                    + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                    + bearer
                    + b"\r\n"
                )
                statuses[path, bool(bearer)] = bench.send_bytes(port, raw).status
        allowed = bench.ask(port, "/%61dmin/x", token=issuer.write).status

    assert {} == {
        each: status for each, status in statuses.items() if status not in {400, 401, 403}
    }
    assert (200, ["/admin/x"]) == (allowed, seen)


@pytest.mark.parametrize("method", ["POST", "post", "DELETE", "X"])
def test_a_method_that_is_not_in_the_table_is_closed(method, issuer, bench):
    """Methods count in either case, and those that are not named are closed."""
    table = {"/": {"GET": OPEN, "POST": "applications:write"}}
    with bench.wsgiref_serving(BearerGuard(bench.plain_wsgi, issuer.verifier, table)) as port:
        tokens = [None, issuer.read, issuer.write]
        statuses = [bench.ask(port, "/", method=method, token=each).status for each in tokens]

    assert [401, 403, 200 if method in {"POST", "post"} else 403] == statuses


def test_a_closed_path_names_no_scope(issuer, bench):
    """Where no token is enough, 403 names none, and a bad token is still a 401."""
    with bench.waitress_serving(BearerGuard(bench.plain_wsgi, issuer.verifier, {})) as port:
        good, bad = bench.ask(port, token=issuer.read), bench.ask(port, token=issuer.expired)

    assert (403, 401) == (good.status, bad.status)
    assert 'Bearer realm="api", error="insufficient_scope"' == good.headers["WWW-Authenticate"]


def test_a_table_begins_where_the_application_is_mounted(issuer, bench):
    """Below a SCRIPT_NAME, paths are those that the guarded application sees."""
    table = {"/decisions": "decisions:read", "/admin": "applications:write"}
    guarded = BearerGuard(bench.plain_wsgi, issuer.verifier, table)
    app = DispatcherMiddleware(raised_in, {"/v1": guarded})
    with bench.waitress_serving(app) as port:
        paths = ["/v1/decisions/a", "/v1/admin", "/v1/v1/decisions/a", "/v1"]
        statuses = [bench.ask(port, path, token=issuer.read).status for path in paths]

    assert [200, 403, 403, 403] == statuses


def environ(**members):
    return {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "wsgi.input": io.BytesIO(), **members}


@pytest.mark.parametrize("path", ["/\xff", "/a\xe9", "/\u20ac"])
def test_a_path_that_is_no_text_is_refused(path, issuer):
    """Bytes that are not UTF-8, and what WSGI does not allow, are a bad request."""
    began = []
    guard = BearerGuard(raised_in, issuer.verifier, {"/": OPEN})
    guard(environ(PATH_INFO=path), lambda status, _headers: began.append(status))

    assert ["400 Bad Request"] == began


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
    guard = BearerGuard(lambda _environ, _start: pieces, issuer.verifier, ANY_TOKEN)
    given = guard(environ(HTTP_AUTHORIZATION=f"Bearer {issuer.read}"), None)

    assert (True, False, False) == (given is pieces, pieces.read, pieces.closed)


def test_what_an_application_raises_is_the_applications(issuer):
    """Its exceptions go through the guard as they are."""
    with pytest.raises(KeyError, match="the application's own"):
        BearerGuard(raised_in, issuer.verifier, OPEN)(environ(), None)
    with pytest.raises(KeyError, match="the application's own"):
        BearerGuard(raised_in, issuer.verifier, "decisions:read")(environ(HTTP_AUTHORIZATION=f"Bearer {issuer.read}"), None)  # fmt: skip


def test_an_open_path_knows_no_caller(issuer):
    """Where no token is asked for, none is looked at, however good."""
    seen = []

    def app(given, _start):
        seen.append(KEY in given)
        return []

    for asked in (OPEN, ANY_TOKEN):
        guard = BearerGuard(app, issuer.verifier, asked)
        guard(environ(HTTP_AUTHORIZATION=f"Bearer {issuer.read}"), None)

    assert [False, True] == seen
