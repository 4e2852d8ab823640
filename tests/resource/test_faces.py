"""Each face on a real server, asked by real clients: who comes in, and what the others hear."""

from __future__ import annotations

import json
import logging
import re
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from credicorp_auth import CredicorpAuth, TokenVerifier
from credicorp_auth_urllib3 import BearerPoolManager

pytestmark = pytest.mark.slow

ALL = ["asgi", "wsgi", "wsgiref", "by_hand", "fastapi", "starlette", "flask", "quart"]
REALM = 'Bearer realm="api"'


@pytest.fixture(params=ALL)
def port(request, serving):
    return serving(request.param)


@pytest.fixture
def refusals(caplog):
    """List event, code and request id of each refusal that the log was told."""
    caplog.set_level(logging.INFO, "credicorp_auth")

    def list_them():
        events = [each.credicorp_event for each in caplog.records if each.msg == "%s"]
        emitted = [event for event in events if event.name.startswith("guard.")]
        return [(each.name, each.fields["code"], each.fields["request_id"]) for each in emitted]

    return list_them


def test_a_token_with_the_scope_is_let_in(port, issuer, lab):
    """200, and the application knows the caller."""
    reply = lab.ask(port, token=issuer.read)

    assert (200, {"client": issuer.sandbox.client_id}) == (reply.status, json.loads(reply.body))


def test_a_client_of_ours_is_let_in_and_told_its_scope(port, issuer):
    """The bearer of this library gets in with one scope, and with the other one elsewhere."""
    with CredicorpAuth(
        base_url=issuer.sandbox.base_url,
        client_id=issuer.sandbox.client_id,
        client_secret=issuer.sandbox.client_secret,
        allowed_origins=[f"http://127.0.0.1:{port}"],
    ) as auth:
        with BearerPoolManager(auth) as http:
            url = f"http://127.0.0.1:{port}"
            read = http.request("GET", f"{url}/decisions/dec_1", scope="decisions:read")
            wrote = http.request("POST", f"{url}/applications", scope="applications:write")
            refused = http.request("POST", f"{url}/applications", scope="decisions:read")

    assert [200, 200, 403] == [read.status, wrote.status, refused.status]


def test_no_token_is_a_challenge_without_an_error(port, lab, refusals):
    """401, and a challenge that names no error (RFC 6750 section 3.1)."""
    reply = lab.ask(port)

    assert 401 == reply.status
    assert [REALM] == reply.headers.get_all("WWW-Authenticate")
    assert ("authentication_error", "invalid_token") == (reply.error["type"], reply.error["code"])
    assert [("guard.refused", "resource.no_token", reply.error["request_id"])] == refusals()


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (lambda issuer: issuer.expired, "verify.exp"),
        (lambda issuer: f"{issuer.read[:-8]}AAAAAAAA", "verify.signature"),
        (lambda _: "opaque", "verify.format"),
        (lambda _: "a" * 30_000, "verify.too_large"),
        (lambda issuer: issuer.read + "=", "verify.format"),
    ],
    ids=["expired", "forged", "opaque", "huge", "padded"],
)
def test_a_bad_token_is_told_no_more_than_that(port, issuer, lab, refusals, token, code):
    """401 invalid_token, word for word the same for every fault; the log alone has the code."""
    named = [("Credicorp-Request-Id", "req_7")]
    shown = token(issuer)
    reply = lab.ask(port, token=shown, headers=named)

    assert 401 == reply.status
    assert [f'{REALM}, error="invalid_token"'] == reply.headers.get_all("WWW-Authenticate")
    assert reply.error == {
        "type": "authentication_error",
        "code": "invalid_token",
        "message": "the request needs a valid access token",
        "request_id": "req_7",
    }
    assert "no-store" == reply.headers["Cache-Control"]
    assert "application/json" == reply.headers["Content-Type"]
    assert [("guard.refused", code, "req_7")] == refusals()


def test_a_token_without_the_scope_is_told_which(port, issuer, lab, refusals):
    """403 insufficient_scope, and the challenge names what is needed."""
    reply = lab.ask(port, token=issuer.write)

    assert (403, "insufficient_scope") == (reply.status, reply.error["code"])
    challenge = f'{REALM}, error="insufficient_scope", scope="decisions:read"'
    assert [challenge] == reply.headers.get_all("WWW-Authenticate")
    assert [("guard.refused", "verify.scope", reply.error["request_id"])] == refusals()


def test_a_path_that_was_left_open_asks_for_nothing(port, lab):
    """Without a token, and with a bad one, the health of the service can be asked for."""
    assert [200, 200] == [lab.ask(port, "/health", token=each).status for each in (None, "x")]


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("", 401), ("Basic eDp5", 401), ("Negotiate", 401), ("Bearerx y", 401),
        ("Bearer", 400), ("Bearer ", 400), ("Bearer a b", 400), ("Bearer a,b", 400),
        ("Bearer a, Bearer b", 400), ("Bearer,a", 400), ("Bearer\ta", 400), ("bearer =", 400),
        ('Bearer "a"', 400), ("Bearer ä", 400), ("Bearer a;b", 400), ("Bearer a%20b", 400),
    ],
    ids=repr,
)  # fmt: skip
def test_a_header_of_another_form_is_not_read(port, lab, value, status):
    """Another scheme is no token at all; a Bearer header of another form is a bad request."""
    reply = lab.ask(port, headers=[("Authorization", value.encode("latin-1"))])

    assert status == reply.status
    error = "" if status == 401 else ', error="invalid_request"'
    assert [f"{REALM}{error}"] == reply.headers.get_all("WWW-Authenticate")


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "bEaReR  "])
def test_the_scheme_is_read_in_either_case(port, issuer, lab, scheme):
    """RFC 9110: the scheme is case-insensitive, and one or more spaces follow."""
    assert 200 == lab.ask(port, headers=[("authorization", f"{scheme} {issuer.read}")]).status


def test_two_headers_are_refused_though_one_is_good(port, issuer, lab):
    """A second `Authorization` header spoils the first, in either order, the same one included."""
    good, other = f"Bearer {issuer.read}", f"Bearer {issuer.write}"
    replies = [
        lab.ask(port, headers=[("Authorization", first), ("Authorization", second)]).status
        for first, second in [(good, other), (other, good), (good, good), (good, "Bearer x")]
    ]

    assert {400} == set(replies)


def test_a_token_in_query_or_body_is_not_looked_at(port, issuer, lab):
    """Only the header counts (RFC 6750 sections 2.2 and 2.3 are not offered)."""
    body = f"access_token={issuer.write}".encode()
    form = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Content-Length", str(len(body))),
    ]

    assert 401 == lab.ask(port, f"/decisions/dec_1?access_token={issuer.read}").status
    assert 401 == lab.ask(port, "/applications", method="POST", headers=form, body=body).status


def test_head_has_the_headers_and_no_body(port, lab):
    """A refused HEAD is answered like GET, without the body."""
    path = "/decisions/dec_1"
    raw = f"HEAD {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(raw)
        received = connection.makefile("rb").read()

    assert received.startswith((b"HTTP/1.1 401 ", b"HTTP/1.0 401 "))
    assert received.endswith(b"\r\n\r\n")
    assert f"WWW-Authenticate: {REALM}\r\n".lower().encode() in received.lower()


@pytest.mark.parametrize("name", ["Credicorp-Request-Id", "X-Request-Id"])
def test_a_request_keeps_the_name_it_came_with(port, lab, name):
    """The caller's name for the request is in the answer's header and body."""
    reply = lab.ask(port, headers=[(name, "a.B_c-9")])

    assert ("a.B_c-9", "a.B_c-9") == (
        reply.headers["Credicorp-Request-Id"],
        reply.error["request_id"],
    )


@pytest.mark.parametrize("name", ["", "a b", "a" * 65, "-a", "a\tb", "<b>", "ä", "a,b"], ids=ascii)
def test_a_name_that_may_spoil_a_log_is_replaced(port, lab, name):
    """What is long, or has other characters than names have, is not repeated."""
    reply = lab.ask(port, headers=[("X-Request-Id", name.encode("latin-1"))])

    assert re.fullmatch("req_[0-9a-f]{32}", reply.error["request_id"])


def test_many_callers_at_once_are_each_judged_alone(port, issuer, lab):
    """A hundred requests with four kinds of token, all at once: each hears its own verdict."""
    kinds = [(issuer.read, 200), (issuer.expired, 401), (issuer.write, 403), (None, 401)] * 25
    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda kind: lab.ask(port, token=kind[0]).status, kinds))

    assert [status for _, status in kinds] == statuses


@pytest.mark.parametrize("face", ALL)
def test_keys_that_cannot_be_had_are_nobodys_fault(face, orphan, lab, refusals):
    """503 server_error without a challenge: nobody is let in, and no token is called bad."""
    with lab.FACES[face](orphan.verifier) as port:
        reply = lab.ask(port, token=orphan.read)

    assert (503, "server_error") == (reply.status, reply.error["code"])
    assert reply.headers["WWW-Authenticate"] is None
    assert [("guard.failed", "jwks.unavailable", reply.error["request_id"])] == refusals()


@pytest.mark.parametrize("face", ALL)
def test_a_verifier_that_was_closed_lets_nobody_in(face, issuer, lab, refusals):
    """503 once it is closed, also for a token that it has verified before."""
    verifier = TokenVerifier(issuer=issuer.sandbox.issuer, audience="partner-api")
    with lab.FACES[face](verifier) as port:
        assert 200 == lab.ask(port, token=issuer.read).status
        verifier.close()
        assert 503 == lab.ask(port, token=issuer.read).status
        assert 401 == lab.ask(port).status

    assert ["closed", "resource.no_token"] == [code for _, code, _ in refusals()]


@pytest.mark.parametrize("face", ALL)
def test_a_setting_that_is_missing_is_ours(face, issuer, lab, refusals):
    """500 server_error where a client without `issuer` is asked to verify; the log says what."""
    with CredicorpAuth(client_id="c", client_secret="s") as auth:
        with lab.FACES[face](auth) as port:
            reply = lab.ask(port, token=issuer.read)

    assert (500, "server_error") == (reply.status, reply.error["code"])
    assert "issuer" not in reply.body.decode()
    assert [("guard.failed", "config.verifier", reply.error["request_id"])] == refusals()
