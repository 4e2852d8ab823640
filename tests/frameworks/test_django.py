"""A Django project, with Django REST framework, on real servers: who comes in, and who does not."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

pytestmark = pytest.mark.slow

ASGI = dict.fromkeys(("uvicorn", "hypercorn", "daphne"), "django_apps:asgi_app")
WSGI = dict.fromkeys(("gunicorn", "gunicorn-threads", "waitress"), "django_apps:wsgi_app")
REALM = 'Bearer realm="api"'
READ, WRITE, BOTH = (401, 200, 403, 200), (401, 403, 200, 200), (401, 403, 403, 200)
OPEN, UNMARKED, LOST = (200,) * 4, (403,) * 4, (404,) * 4
# Of each request: the statuses without a token, and with one for reading, for writing, for both.
ROUTES = {
    "GET /": OPEN,
    "GET /health": OPEN,
    "GET /decisions/x": READ,
    "HEAD /decisions/x": READ,
    "POST /decisions/x": READ,  # which Django's check of CSRF tokens would refuse
    "GET /decisions/a%2Fb": LOST,
    "GET /decisions/%2e%2e": READ,
    "POST /applications": WRITE,
    "GET /unmarked": UNMARKED,
    "OPTIONS /unmarked": UNMARKED,  # a function's OPTIONS is the function's
    "OPTIONS /decisions/x": READ,
    "POST /form": UNMARKED,  # by Django: a public view is not exempt from its check
    "GET /form": OPEN,
    "GET /borrowed": OPEN,
    "GET /lender": UNMARKED,
    "GET /wrapped": READ,
    "GET /never": READ,
    "GET /partial": READ,
    "GET /by-method": READ,
    "HEAD /by-method": READ,
    "POST /by-method": WRITE,
    "PUT /by-method": (401, 405, 405, 405),
    "PROPFIND /by-method": (401, 405, 405, 405),
    "OPTIONS /by-method": OPEN,  # Django's own
    "POST /overriding": WRITE,  # what a method overrides demands its scope of the method too
    "GET /overriding": READ,
    "PURGE /offering": WRITE,  # a method that only `as_view()` offers
    "GET /partial-class": READ,
    "POST /partial-class": BOTH,
    "GET /some-methods": READ,
    "HEAD /some-methods": READ,
    "POST /some-methods": UNMARKED,
    "OPTIONS /some-methods": OPEN,
    "GET /decorated": READ,
    "POST /decorated": READ,
    "GET /plain": UNMARKED,
    "GET /as-view": WRITE,
    "GET /open-base": OPEN,
    "GET /derived": UNMARKED,
    "GET /mixed": READ,
    "OPTIONS /mixed": READ,
    "OPTIONS /as-view": OPEN,
    "GET /own-dispatch": WRITE,
    "OPTIONS /own-dispatch": WRITE,
    "GET /one/deep/": READ,
    "GET /one/bare/": UNMARKED,
    "GET /two/k/x": READ,
    "GET /admin/": (302,) * 4,
    "GET /admin/login/": OPEN,
    "GET /admin/anything": (302,) * 4,
    "GET /nowhere": LOST,
    "GET /rest/": READ,
    "GET /rest/decisions/": READ,
    "HEAD /rest/decisions/": READ,
    "POST /rest/decisions/": READ,
    "GET /rest/decisions/7/": READ,
    "OPTIONS /rest/decisions/": READ,
    "PUT /rest/decisions/": (401, 405, 403, 405),
    "POST /rest/decisions/apply/": WRITE,
    "GET /rest/decisions/forgotten/": UNMARKED,
    "GET /rest-either": UNMARKED,
    "GET /rest-both": WRITE,
    "GET /rest-opened": UNMARKED,
    "GET /rest-denied": UNMARKED,
    "GET /rest-sometimes": UNMARKED,
    "GET /rest-marked": READ,
    "GET /rest-loosened": UNMARKED,
    "GET /rest-tightened": UNMARKED,  # it has permissions of its own
    "GET /rest-writes": WRITE,
    "GET /rest-cached": UNMARKED,  # a cache might respond in place of its permissions
    "GET /rest-marked-cached": READ,
    "GET /paged": READ,
    "GET /paged-outside": READ,
    "GET /rest-paged": READ,
    "GET /rest-changed": UNMARKED,
    "GET /rest-set-up": UNMARKED,
    "GET /rest-computed": UNMARKED,
    "GET /rest-apply": WRITE,
    "POST /rest-apply": WRITE,
}


@pytest.fixture(scope="module", params=[*ASGI, *WSGI])
def port(request, lab, issuer):
    with lab.serving(request.param, {**ASGI, **WSGI}[request.param], issuer.url) as port:
        yield port


def statuses(lab, port, row, issuer, headers=()):
    """Send a request without a token and with each of three; return the statuses."""
    method, path = row.split(" ")
    tokens = (None, issuer.read, issuer.write, issuer.both)
    return tuple(
        lab.ask(port, path, method=method, token=token, headers=headers).status for token in tokens
    )


def test_every_view_is_judged_by_its_mark(port, lab, issuer):
    """Functions, classes, methods, included and wrapped views, and those of REST framework."""
    found = {row: statuses(lab, port, row, issuer) for row in ROUTES}

    assert ROUTES == found


def test_a_view_knows_its_caller(port, lab, issuer):
    """`request.claims`, and in REST framework `request.auth` and `request.user`."""
    plain = lab.ask(port, "/decisions/x", token=issuer.read)
    rest = lab.ask(port, "/rest/decisions/", token=issuer.read)
    health = lab.ask(port, "/health", token=issuer.read)

    assert [{"client": issuer.client_id}, {"client": None}] == [plain.json, health.json]
    assert {"client": issuer.client_id, "user": issuer.client_id} == rest.json


@pytest.mark.parametrize("path", ["/decisions/x", "/rest/decisions/"])
def test_what_the_refused_are_told(port, lab, issuer, path):
    """The same challenges and codes from a view's mark and from a permission."""
    headers = [("Credicorp-Request-Id", "req_7")]
    replies = [
        lab.ask(port, path, headers=headers),
        lab.ask(port, path, token="opaque", headers=headers),
        lab.ask(port, path, token=issuer.write, headers=headers),
        lab.ask(port, path, headers=[("Authorization", "Bearer a b"), *headers]),
        lab.ask(port, path, headers=[("Authorization", "Basic eDp5"), *headers]),
    ]

    assert [401, 401, 403, 400, 401] == [each.status for each in replies]
    assert ["invalid_token", "invalid_token", "insufficient_scope", "bad_request", "invalid_token"] == [each.error for each in replies]  # fmt: skip
    assert {"req_7"} == {each.json["error"]["request_id"] for each in replies}
    assert [
        REALM,
        f'{REALM}, error="invalid_token"',
        f'{REALM}, error="insufficient_scope", scope="decisions:read"',
        f'{REALM}, error="invalid_request"',
        REALM,
    ] == [each.headers["WWW-Authenticate"] for each in replies]


@pytest.mark.parametrize("path", ["/decisions/x", "/rest/decisions/"])
def test_two_authorization_headers_are_malformed(port, lab, issuer, path):
    """400, whichever of the two is good."""
    for values in [(issuer.read, "opaque"), ("opaque", issuer.read), (issuer.read, issuer.read)]:
        headers = [("Authorization", f"Bearer {value}") for value in values]

        assert 400 == lab.ask(port, path, headers=headers).status


def test_a_refusal_of_head_has_no_body(port, lab):
    """The bytes of the response end with its headers."""
    assert b"\r\n\r\n" == lab.send_head(port, "/decisions/x")[-4:]
    assert b"\r\n\r\n" == lab.send_head(port, "/unmarked")[-4:]


def test_an_unmarked_view_is_told_apart(port, lab, issuer):
    """403 with a code of its own, and no challenge: no token would help."""
    reply = lab.ask(port, "/unmarked", token=issuer.both)

    assert ("guard.unmarked", None) == (reply.error, reply.headers["WWW-Authenticate"])


def test_the_browsable_api_is_refused_and_shown_alike(port, lab, issuer):
    """HTML without a token is a refusal; with one the page shows what that token may do."""
    wanted = [("Accept", "text/html")]
    refused = lab.ask(port, "/rest/decisions/", headers=wanted)
    shown = lab.ask(port, "/rest/decisions/", headers=wanted, token=issuer.read)

    assert (401, REALM) == (refused.status, refused.headers["WWW-Authenticate"])
    assert (200, True) == (shown.status, b"<html" in shown.body)


def test_fault_358_no_cache_responds_in_place_of_the_guard(port, lab, issuer):
    """Django's site-wide cache, which responds before any view is found, holds no guarded page."""
    asked = ["/decisions/cached", "/rest/decisions/9/"]
    first = [lab.ask(port, path, token=issuer.read).status for path in asked]
    again = [lab.ask(port, path) for path in asked]
    private = [lab.ask(port, path, token=issuer.read).headers["Cache-Control"] for path in asked]

    assert ([200, 200], [401, 401]) == (first, [each.status for each in again])
    assert ["private", "private"] == private
    assert "max-age=600" in lab.ask(port, "/health").headers["Cache-Control"]


def test_many_callers_at_once_get_their_own(port, lab, issuer):
    """Nobody is given the claims or the refusal of another."""
    asked = [("/decisions/x", issuer.read), ("/decisions/x", None), ("/applications", issuer.write)] * 20  # fmt: skip
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda each: lab.ask(port, each[0], token=each[1]), asked))

    assert [200, 401, 200] * 20 == [each.status for each in replies]
    assert {issuer.client_id} == {json.loads(each.body)["client"] for each in replies if each.status == 200}  # fmt: skip


PREFIXED = [
    ("uvicorn", "django_apps:asgi_app", {"SERVICE_FORCE_SCRIPT_NAME": "/api"}, "/api", ()),
    ("daphne", "django_apps:asgi_app", {"SERVICE_FORCE_SCRIPT_NAME": "/api"}, "/api", ()),
    ("gunicorn", "django_apps:wsgi_app", {"SERVICE_FORCE_SCRIPT_NAME": "/api"}, "", ()),
    ("gunicorn", "django_apps:wsgi_app", {"SCRIPT_NAME": "/api"}, "/api", ()),
    ("uvicorn-root-path", "django_apps:asgi_app", {}, "", ()),
    ("hypercorn-root-path", "django_apps:asgi_app", {}, "/mounted", ()),
    ("daphne-root-path", "django_apps:asgi_app", {}, "/mounted", ()),
    ("daphne", "django_apps:asgi_app", {}, "/x", (("Daphne-Root-Path", "/x"),)),
    ("daphne", "django_apps:asgi_app", {}, "/health", (("Daphne-Root-Path", "/health"),)),
]


@pytest.mark.parametrize(("server", "app", "environment", "prefix", "headers"), PREFIXED)
def test_fault_355_no_prefix_opens_a_view(lab, issuer, server, app, environment, prefix, headers):
    """No matter who sets a prefix, also the client: a view demands what its mark says, wherever it is."""
    rows = ["GET /decisions/x", "POST /applications", "GET /unmarked", "GET /rest/decisions/", "GET /some-methods"]  # fmt: skip
    with lab.serving(server, app, issuer.url, **environment) as port:
        found = {
            row: statuses(lab, port, row.replace(" ", f" {prefix}"), issuer, headers)
            for row in rows
        }
        elsewhere = [
            lab.ask(port, path, headers=headers).status
            for path in ("/decisions/x", "/unmarked", "//unmarked", "/x/unmarked", "/api/unmarked", "/mounted/unmarked", "/health/unmarked")
        ]  # fmt: skip

    assert {row: ROUTES[row] for row in rows} == found
    assert 400 <= min(elsewhere)


def test_fault_355_a_guard_around_django_demands_its_scope_of_everything(lab, issuer):
    """FORCE_SCRIPT_NAME once led GET /api/admin past the guard's table of paths."""
    environment = {"SERVICE_FORCE_SCRIPT_NAME": "/api"}
    with lab.serving("uvicorn", "django_apps:wrapped", issuer.url, **environment) as port:
        paths = ["/unmarked", "/api/unmarked", "/api/decisions/x", "/api", "/"]
        found = [lab.ask(port, path).status for path in paths]
        served = lab.ask(port, "/api/decisions/x", token=issuer.read)

    assert [401, 401, 401, 401, 200] == found
    assert 200 == served.status
