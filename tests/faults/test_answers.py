"""What the token endpoint may answer, row by row: statuses (B2) and bodies (B3)."""

from __future__ import annotations

import gzip
import json

import pytest

from credicorp_auth import AccessToken, errors
from credicorp_auth_testing.sandbox import Fault
from credicorp_auth_testing.sandbox.responses import GRANT, grant, raw

pytestmark = pytest.mark.slow

HTML = "<html>hunter2-canary</html>"
DEEP = "[" * 100_000
JSON = json.dumps(GRANT)

# (id: number of the row and what is special, answer, code of the error, requests)
REFUSED = [
    ("026-500-html", raw(HTML, status=500, content_type="text/html"), "token_endpoint.server_error", 3),
    ("026-502-html", raw(HTML, status=502, content_type="text/html"), "token_endpoint.server_error", 3),
    ("026-504-html", raw(HTML, status=504, content_type="text/html"), "token_endpoint.server_error", 3),
    ("027-500-json", raw('{"error":"server_error"}', status=500), "token_endpoint.server_error", 3),
    ("028-408", raw("", status=408), "token_endpoint.server_error", 3),
    ("028-425", raw("", status=425), "token_endpoint.server_error", 3),
    ("029-html", raw(HTML, content_type="text/html"), "response.content_type", 1),
    ("030-text", raw(JSON, content_type="text/plain"), "response.content_type", 1),
    ("030-no-type", raw(JSON, content_type=None), "response.content_type", 1),
    ("031-vendor-json", raw(JSON, content_type="application/vnd.x+json"), "response.content_type", 1),
    ("032-utf-16", raw(JSON.encode("utf-16")), "response.json", 1),
    ("032-bom", raw(b"\xef\xbb\xbf" + JSON.encode()), "response.json", 1),
    ("033-202", grant(status=202), "response.status_unexpected", 1),
    ("033-204", Fault(204), "response.status_unexpected", 1),
    ("033-206", grant(status=206), "response.status_unexpected", 1),
    ("034-error-in-200", grant(error="invalid_scope"), "oauth.invalid_scope", 1),
    ("035-bare-401", raw("", status=401, headers={"WWW-Authenticate": "Basic"}), "oauth.invalid_client", 1),
    *[(f"036-{s}", raw(HTML, status=s), "token_endpoint.client_error", 1) for s in (403, 410)],
    ("039-300", raw("", status=300), "response.status_unexpected", 1),
    ("039-304", Fault(304), "response.status_unexpected", 1),
    *[(f"040-{s}", raw("", status=s), "token_endpoint.client_error", 1) for s in (421, 426)],
    ("040-511", raw("", status=511), "token_endpoint.server_error", 3),
    *[(f"390-{s}", raw("", status=s), "token_endpoint.server_error", 1) for s in (501, 505)],
    *[(f"390-{s}", raw("", status=s), "token_endpoint.server_error", 3) for s in (506, 520, 599)],
    *[(f"041-{n}", raw(body), "response.json", 1) for n, body in enumerate(["{", "", "null", "[]", '"x"', "1"])],
    ("042-duplicate", raw(JSON[:-1] + ', "access_token": "x"}'), "response.duplicate_member", 1),
    ("043-deep", raw(DEEP), "response.json", 1),
    ("043-deep-object", raw('{"a":' * 40 + "1" + "}" * 40), "response.json", 1),
    ("044-digits", raw('{"a": ' + "9" * 5_000 + "}"), "response.json", 1),
    ("044-1e999", raw('{"a": 1e999}'), "response.json", 1),
    ("044-nan", raw('{"a": NaN}'), "response.json", 1),
    ("044-infinity", raw('{"a": -Infinity}'), "response.json", 1),
    ("045-too-large", raw(" " * (1024 * 1024 + 1)), "response.too_large", 1),
    ("046-gzip", raw(gzip.compress(JSON.encode()), headers={"Content-Encoding": "gzip"}), "response.content_encoding", 1),
    ("047-stacked", raw(JSON, headers={"Content-Encoding": "gzip, gzip, br"}), "response.content_encoding", 1),
    ("048-garbage", raw(JSON + "x"), "response.json", 1),
    *[(f"051-{v}", grant(expires_in=v), "response.expires_in", 1) for v in (0, -1, 0.5)],
    *[(f"053-{n}", grant(expires_in=v), "response.expires_in", 1) for n, v in enumerate(["3600 ", "0x10", "1e3", "٣٦٠٠", ""])],
    ("055-true", grant(expires_in=True), "response.expires_in", 1),
    ("059-missing", grant(without=["token_type"]), "response.token_type", 1),
    *[(f"059-{v!r}", grant(token_type=v), "response.token_type", 1) for v in (None, 7, "")],
    *[(f"061-{v}", grant(token_type=v), "response.token_type_unsupported", 1) for v in ("mac", "N_A", "Basic")],
    ("062-dpop", grant(token_type="DPoP"), "response.token_type_unsupported", 1),
    ("063-missing", grant(without=["access_token"]), "response.access_token", 1),
    *[(f"063-{n}", grant(access_token=v), "response.access_token", 1) for n, v in enumerate([None, "", 1, []])],
    *[(f"064-{n}", grant(access_token=v), "response.access_token", 1) for n, v in enumerate(["a\rb", "a\nb", "a\0b", "a b", "é", "\ud800"])],
    ("065-64k", grant(access_token="x" * (64 * 1024 + 1)), "response.access_token", 1),
    ("070-narrowed", grant(scope="a"), "response.scope_insufficient", 1),
    *[(f"072-list-{n}", grant(scope=v), "response.scope", 1) for n, v in enumerate([["a", 7], [["a"]], {"a": 1}, 7, True])],
    ("072-control", grant(scope="a \x07"), "response.scope", 1),
    *[(f"076-{e}", raw(f'{{"error":"{e}"}}', status=400), f"oauth.{e}", 1) for e in ("invalid_request", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope")],
    ("081-invalid_target", raw('{"error":"invalid_target"}', status=400), "oauth.invalid_target", 1),
    ("081-slow_down", raw('{"error":"slow_down"}', status=400), "oauth.slow_down", 1),
    ("081-temporarily", raw('{"error":"temporarily_unavailable"}', status=400), "oauth.temporarily_unavailable", 1),
    ("081-nonce", raw('{"error":"use_dpop_nonce"}', status=400), "oauth.use_dpop_nonce", 1),
    ("081-unknown", raw('{"error":"what_now"}', status=400), "oauth.what_now", 1),
    *[(f"082-{n}", raw(json.dumps({"error": v}), status=400), "oauth.malformed_error", 1) for n, v in enumerate([7, None, [], "x" * 1_000_000, 'a"b', "é"])],
    ("082-object", raw('{"error":{"code":"invalid_client","message":"m"}}', status=401), "oauth.invalid_client", 1),
]  # fmt: skip


@pytest.mark.parametrize(
    ("response", "code", "requests"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_fault_answers_that_are_refused(lab, response, code, requests):
    """An answer that cannot be used has its own code, its own number of requests, and no leak."""
    outcome, sent = lab.meet(*[response] * 3)

    assert (code, requests) == (getattr(outcome, "code", outcome), sent)
    assert "hunter2" not in f"{outcome}{outcome!r}{vars(outcome)}"


# (id, answer, what the token looks like, event told)
ACCEPTED = [
    ("031-charset", raw(JSON, content_type="application/json; charset=utf-8"), {}, None),
    ("032-charset", raw(JSON, content_type="application/json; charset=utf-16"), {}, None),
    ("033-201", grant(status=201), {}, None),
    ("034-error-null", grant(error=None), {}, None),
    ("031-charset-quoted", raw(JSON, content_type='Application/JSON; charset="UTF-8"'), {}, None),
    ("049-missing", grant(without=["expires_in"]), {"lifetime": 300.0}, "token.expiry_assumed"),
    ("050-null", grant(expires_in=None), {"lifetime": 300.0}, "token.expiry_assumed"),
    ("052-text", grant(expires_in="3600"), {"lifetime": 3600.0}, "token.expiry_as_text"),
    ("054-float", grant(expires_in=3600.0), {"lifetime": 3600.0}, None),
    ("054-fraction", grant(expires_in=3599.9), {"lifetime": 3599.0}, None),
    ("056-huge", grant(expires_in=10**12), {"lifetime": 86_400.0}, "token.expiry_clamped"),
    *[(f"044-{n}", grant(expires_in=v), {"lifetime": 86_400.0}, "token.expiry_clamped") for n, v in enumerate([10**20 - 1, 10**300, "9" * 20, "9" * 300, 1e300])],
    *[(f"060-{v}", grant(token_type=v), {"token_type": "Bearer"}, None) for v in ("bearer", "BEARER", "Bearer")],
    ("066-refresh-token", grant(refresh_token="r", id_token="i"), {}, None),
    ("067-unknown-members", grant(**{f"m{n}": n for n in range(10_000)}), {}, None),
    ("068-scope-absent", grant(), {"scope": "a b"}, None),
    ("068-scope-empty", grant(scope=""), {"scope": "a b"}, None),
    ("069-scope-reordered", grant(scope="b  a a "), {"scope": "a b"}, None),
    ("072-list", grant(scope=["b", "a"]), {"scope": "a b"}, None),
    ("072-list-empty", grant(scope=[]), {"scope": "a b"}, None),
    ("071-scope-broader", grant(scope="a b c"), {"scope": "a b c"}, "token.scope_broader"),
    ("065-60k", grant(access_token="x" * 60 * 1024), {}, None),
    ("074-no-cache-control", grant(headers={"Cache-Control": "public"}), {}, None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("response", "expected", "emitted"),
    [row[1:] for row in ACCEPTED],
    ids=[row[0] for row in ACCEPTED],
)
def test_fault_answers_that_are_accepted(lab, response, expected, emitted):
    """An answer that is merely odd gives a token, and an event where it is worth one."""
    token, sent = lab.meet(response)

    assert isinstance(token, AccessToken), token
    seen = {
        "lifetime": token.lifetime,
        "token_type": token.token_type,
        "scope": str(token.scope),
    }
    assert expected.items() <= seen.items()
    assert 1 == sent
    assert emitted is None or emitted in lab.events


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("target", ["other", "same", "plain"])
def test_fault_037_038_redirects_are_refused(lab, open_other, status, target):
    """37, 38: a redirect of the token request is refused; the target hears nothing."""
    other = open_other()
    location = {
        "other": f"{other.base_url}/oauth/token",
        "same": f"{lab.sandbox.base_url}/oauth/elsewhere",
        "plain": "http://as.example/token",
    }[target]
    outcome, sent = lab.meet(Fault(status, {"Location": location}))

    assert ("transport.redirect_refused", 1) == (outcome.code, sent)
    assert 0 == other.counters["token_requests"]


@pytest.fixture
def open_other():
    """Open a second server, to which nothing may come."""
    from contextlib import ExitStack

    from credicorp_auth_testing.sandbox import Sandbox

    with ExitStack() as stack:
        yield lambda: stack.enter_context(Sandbox())


def test_fault_070_narrowed_scope_may_be_accepted(lab):
    """70: where the user says so, less scope is handed out, and named."""
    token, _ = lab.meet(grant(scope="a"), narrowed_scope="accept")

    assert "a" == str(token.scope)
    assert "token.scope_narrowed" in lab.events


def test_fault_070_the_error_names_both_scopes(lab):
    """70: the error carries what was asked for, what was granted, and what is missing."""
    outcome, _ = lab.meet(grant(scope="a"))

    assert isinstance(outcome, errors.ScopeNotGranted)
    assert ({"a", "b"}, {"a"}, {"b"}) == (outcome.asked, outcome.granted, outcome.missing)


def test_fault_073_a_scope_that_cannot_be_asked_for_is_refused_before_any_request(lab):
    """73: quotes, backslashes, tabs and letters beyond ASCII are no scope."""
    for scope in ('a"b', "a\\b", "a\tb", "é"):
        with pytest.raises(errors.InvalidSetting) as raised:
            lab.engine(scope=scope)
        assert "config.scope" == raised.value.code


def test_fault_057_short_lives_are_not_minted_for_each_call(lab):
    """57: a token of 5 s is reused until its windows say otherwise."""
    before = lab.sandbox.counters["token_requests"]
    lab.sandbox.switches.fail_next([grant(expires_in=5)])
    engine = lab.engine()
    for _ in range(35):
        lab.ask(engine)
        lab.clock.advance(0.1)

    assert 1 == lab.sandbox.counters["token_requests"] - before


def test_fault_083_echoed_credentials_are_scrubbed(lab):
    """83: a server that echoes the secret or a token does not get it into our messages."""
    jwt = "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2ln"
    said = f"hunter2-canary is wrong, {jwt} too"
    outcome, _ = lab.meet(
        raw(json.dumps({"error": "invalid_request", "error_description": said}), status=400)
    )

    shown = f"{outcome}{outcome!r}{outcome.args}{vars(outcome)}"
    assert "hunter2" not in shown
    assert jwt not in shown
    assert "*** is wrong" in outcome.description


def test_fault_084_085_strangers_text_stays_on_one_line(lab):
    """84, 85: escapes, newlines and long texts are shown escaped and cut."""
    said = "\x1b[31mred\nnext\u202e" + "y" * 5_000
    outcome, _ = lab.meet(
        raw(
            json.dumps({"error": "invalid_request", "error_description": said, "error_uri": "x"}),
            status=400,
        )
    )

    assert str(outcome).isprintable()
    assert len(outcome.description) <= 201


def test_the_servers_request_id_is_named(lab):
    """The request id that a support desk asks for is in the message."""
    outcome, _ = lab.meet(
        raw('{"error":"invalid_scope"}', status=400, headers={"Credicorp-Request-Id": "req_7"})
    )

    assert "req_7" in str(outcome)


@pytest.mark.parametrize("status", [404, 405])
def test_fault_036_391_an_address_that_is_not_there(fresh_bench, status):
    """36, 391: final until that address has answered once, with a hint; retryable from then on."""
    gone = raw('{"error": "invalid_client", "error_description": "hunter2-canary"}', status=status)
    lab = fresh_bench
    first, sent = lab.meet(gone)
    url = f"{lab.sandbox.base_url}/oauth/token"

    assert ("endpoint.not_found", False, 1) == (first.code, first.retryable, sent)
    assert isinstance(first, errors.ServerUnreachable)
    assert (status, "invalid_client") == (first.status, first.error)
    assert url in first.hint
    assert "`base_url`" in first.hint
    assert "hunter2" not in f"{first}{vars(first)}"

    assert isinstance(lab.meet(grant())[0], AccessToken)
    later, sent = lab.meet(*[gone] * 3)
    assert ("endpoint.not_found", True, 3) == (later.code, later.retryable, sent)
    token, sent = lab.meet(gone, grant())
    assert ("granted", 2) == (token.value.reveal(), sent)


BODIES = {
    "html": HTML,
    "empty": "",
    "refusal": '{"error": "invalid_client", "error_description": "d"}',
    "final": '{"error": "invalid_scope"}',
    "number": '{"error": 502}',
    "object": '{"error": {"code": 502, "message": "down", "status": "UNAVAILABLE"}}',
    "sentence": json.dumps({"error": "we are sorry " * 20}),
    "null": '{"error": null}',
    "list": '{"code": 900967, "error": []}',
    "boolean": '{"error": true}',
    "broken": '{"error": ',
}


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("body", BODIES)
def test_fault_390_what_is_retried_is_told_by_the_status_alone(lab, status, body):
    """390: one such response, no matter what it holds, costs a second request; the secret is not read again."""
    token, sent = lab.meet(raw(BODIES[body], status=status), grant())

    assert ("granted", 2) == (token.value.reveal(), sent)
    assert "secret.rotated" not in lab.events
    assert 1 == lab.events.count("secret.fetched")


def test_fault_390_the_error_of_such_a_response_is_kept(lab):
    """390: what the server says in its 5xx is in the exception, and in the message."""
    said = raw('{"error": "invalid_client", "error_description": "no hunter2-canary"}', status=500)
    outcome, sent = lab.meet(*[said] * 3)

    assert ("token_endpoint.server_error", 3, 500) == (outcome.code, sent, outcome.status)
    assert ("invalid_client", "no ***") == (outcome.error, outcome.description)
    assert "invalid_client (no ***)" in str(outcome)
