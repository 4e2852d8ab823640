"""What an introspection or revocation endpoint may be asked and may answer, value by value."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credicorp_auth import errors
from credicorp_auth.http.messages import HttpResponse
from credicorp_auth.http.secret import Secret, SecretBytes
from credicorp_auth.oauth.introspection import (
    Introspection,
    IntrospectionPolicy,
    read_introspection,
    require_audience,
)
from credicorp_auth.oauth.scope import Scope
from credicorp_auth.oauth.token_query import (
    TokenQuery,
    build_query_request,
    read_revocation,
    read_shown_token,
)
from credicorp_auth_testing.scripted_runtime import response

NOW = 1_800_000_000.0
POLICY = IntrospectionPolicy("https://as.example", "api")
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
INQUIRY = TokenQuery(Secret("opaque-token"), "https://as.example/i", "c", Secret("hunter2"))
JWT_INQUIRY = TokenQuery(Secret(JWT), "https://as.example/i", "c", Secret("hunter2"))


def read(received, query=INQUIRY, policy=POLICY):
    """Read an answer; return it, or the code of the error."""
    try:
        return read_introspection(received, query, policy, now=NOW)
    except errors.CredicorpAuthError as error:
        assert "opaque-token" not in str(error) + repr(error) + repr(vars(error))
        assert "hunter2" not in str(error)
        return error.code


def raw(body, status=200, content_type="application/json"):
    """Build an answer with just that body."""
    types = [] if content_type is None else [("Content-Type", content_type)]
    return HttpResponse(status, types, SecretBytes(body.encode()))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("{}", id="272-missing"),
        pytest.param('{"active": "true"}', id="272-text"),
        pytest.param('{"active": 1}', id="272-number"),
        pytest.param('{"active": null}', id="272-null"),
        pytest.param('{"active": [true]}', id="272-list"),
        pytest.param('{"active": true, "active": true}', id="272-twice"),
        pytest.param('{"Active": true}', id="272-capital"),
        pytest.param("true", id="no-object"),
        pytest.param('[{"active": true}]', id="list"),
        pytest.param('{"active": true} x', id="more"),
        pytest.param('{"active": true}' + " " * 64 * 1024, id="too-long"),
        pytest.param('{"active": true, "exp": "soon"}', id="exp-text"),
        pytest.param('{"active": true, "exp": true}', id="exp-boolean"),
        pytest.param('{"active": true, "exp": -1}', id="exp-negative"),
        pytest.param('{"active": true, "exp": 1e300}', id="exp-beyond"),
        pytest.param('{"active": true, "nbf": "0"}', id="nbf-text"),
        pytest.param('{"active": true, "nbf": false}', id="nbf-boolean"),
        pytest.param('{"active": true, "scope": ["a", 7]}', id="scope-list"),
        pytest.param('{"active": true, "scope": "a\\tb"}', id="scope-tab"),
        pytest.param('{"active": true, "client_id": 7}', id="client-number"),
        pytest.param('{"active": true, "sub": {}}', id="sub-object"),
        pytest.param('{"active": true, "exp": false}', id="exp-false"),
        pytest.param('{"active": true, "sub": 0}', id="sub-zero"),
        pytest.param('{"active": true, "aud": {}}', id="aud-object"),
        pytest.param('{"active": true, "aud": 7}', id="aud-number"),
        pytest.param('{"active": true, "aud": ["api", 7]}', id="aud-mixed"),
    ],
)
def test_what_is_not_an_answer_is_malformed(body):
    """272: only a JSON boolean says whether a token counts; nothing else is taken for active."""
    assert "introspection.malformed" == read(raw(body))


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"scope": "admin", "client_id": "c", "sub": "s", "exp": NOW + 60},
        {"exp": "nonsense", "scope": 7},
    ],
    ids=["273-bare", "273-claims", "273-nonsense"],
)
def test_of_an_inactive_token_nothing_else_is_known(members):
    """273: active=false discards everything else the server says."""
    emitted = read(response(active=False, **members))

    assert ({"active": False}, "introspection.inactive") == (dict(emitted), emitted.code)
    assert (Scope(), None, None, None) == (
        emitted.scope,
        emitted.client_id,
        emitted.subject,
        emitted.expires_at,
    )
    assert not emitted
    assert not emitted.covers("")


@pytest.mark.parametrize(
    ("members", "code"),
    [
        pytest.param({"exp": NOW}, "introspection.exp", id="274-exp-now"),
        pytest.param({"exp": NOW - 1}, "introspection.exp", id="274-exp-past"),
        pytest.param({"exp": 0}, "introspection.exp", id="274-exp-zero"),
        pytest.param({"nbf": NOW + 61}, "introspection.nbf", id="274-nbf-future"),
        pytest.param({"iss": "https://as.example/"}, "introspection.iss", id="274-iss"),
        pytest.param({"iss": ["https://as.example"]}, "introspection.iss", id="274-iss-list"),
        pytest.param({"aud": "other"}, "introspection.aud", id="274-aud"),
        pytest.param({"aud": ["a", "b"]}, "introspection.aud", id="274-aud-list"),
        pytest.param({"aud": [""]}, "introspection.aud", id="274-aud-empty"),
        pytest.param({"cnf": {"x5t#S256": "x"}}, "introspection.cnf", id="375-bound-to-a-key"),
        pytest.param({"cnf": {}}, "introspection.cnf", id="375-bound-to-something"),
        pytest.param({"cnf": ""}, "introspection.cnf", id="375-cnf-empty"),
        pytest.param({"cnf": []}, "introspection.cnf", id="375-cnf-list"),
        pytest.param({"cnf": False}, "introspection.cnf", id="375-cnf-false"),
        *(
            pytest.param({name: value}, "introspection.token_type", id=f"375-{name}-{value}")
            for name, values in {
                "token_type": [
                    "refresh_token",
                    "DPoP",
                    "mac",
                    "PoP",
                    "N_A",
                    "id_token",
                    7,
                    ["Bearer"],
                ],
                "typ": ["Refresh", "Offline", "ID", "Logout", "DPoP", "logout+jwt", 7],
                "token_use": ["id", "refresh_token", "refresh", True],
                "nonce": ["n"],
                "at_hash": ["x"],
                "c_hash": ["x"],
                "events": [{"x": {}}],
                "granted_scopes": [["a"]],
            }.items()
            for value in values
        ),
        pytest.param(
            {"token_type": "Bearer", "typ": "Refresh"},
            "introspection.token_type",
            id="375-two-words",
        ),
    ],
)
def test_an_active_token_may_still_not_count_here(members, code):
    """274: a token the server calls active is inactive by policy, with a code and without claims."""
    emitted = read(response(active=True, **{"client_id": "c", "scope": "a", **members}))

    assert (code, False, {"active": False}) == (emitted.code, emitted.active, dict(emitted))


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"exp": None, "nbf": None, "aud": None, "iss": None, "scope": None, "cnf": None},
        {"exp": NOW + 1, "nbf": NOW + 60, "iss": "https://as.example", "aud": ["x", "api"]},
        {"scope": "", "client_id": "", "sub": "", "aud": "api"},
        {
            "iss": "",
            "aud": [],
            "exp": "",
            "nbf": [],
            "token_type": "",
            "typ": "",
            "token_use": None,
        },
        {"token_type": "Bearer", "typ": "Bearer", "token_use": "access_token"},
        {"token_type": "bearer", "typ": "at+jwt", "token_use": "access"},
        {"token_type": "urn:ietf:params:oauth:token-type:access_token", "typ": "JWT"},
        {"token_type": "access_token", "nonce": None},
    ],
    ids=["bare", "nulls", "all", "empty", "all-empty", "keycloak", "cognito", "urn", "salesforce"],
)
def test_what_the_server_leaves_out_is_not_asked_for(members):
    """A member that is absent or null holds nothing against an active token."""
    emitted = read(response(active=True, **members))

    assert (True, None, True) == (emitted.active, emitted.code, bool(emitted))


def test_fault_376_an_empty_audience_is_none():
    """Where an audience is required, null, empty text and an empty list do not name one."""
    policy = IntrospectionPolicy(audience="api", requires_audience=True)
    for members in ({}, {"aud": None}, {"aud": ""}, {"aud": []}):
        emitted = require_audience(read(response(active=True, **members), policy=policy), policy)
        assert ("introspection.aud_missing", False) == (emitted.code, emitted.active)
    named = read(response(active=True, aud="api"), policy=policy)
    gone = read(response(active=False), policy=policy)

    assert named is require_audience(named, policy)
    assert "introspection.inactive" == require_audience(gone, policy).code


def test_an_empty_scope_is_a_scope():
    """A response with an empty scope says that the token is good for nothing; null says nothing."""
    assert "scope" in read(response(active=True, scope=""))
    assert "scope" not in read(response(active=True, scope=None))


def test_where_nothing_is_set_nobody_is_wrong():
    """Without `issuer` and `audience` in the settings, any will do."""
    emitted = read(response(active=True, iss="https://x", aud="y"), policy=IntrospectionPolicy())

    assert emitted.active


def test_an_active_token_says_what_it_is():
    """Attributes for what is common, a read-only mapping for the rest."""
    emitted = read(
        response(active=True, scope="b a", client_id="c", sub="s", exp=NOW + 9, act={"sub": "t"})
    )

    assert isinstance(emitted, Introspection)
    assert (Scope("a b"), "c", "s", NOW + 9) == (
        emitted.scope,
        emitted.client_id,
        emitted.subject,
        emitted.expires_at,
    )
    assert (True, True, False) == (
        emitted.covers("a"),
        emitted.covers(Scope("a b")),
        emitted.covers("a c"),
    )
    assert ("t", 6, True) == (emitted["act"]["sub"], len(emitted), "act" in emitted)
    assert "sub'" not in repr(emitted)
    with pytest.raises(TypeError):
        emitted["act"]["sub"] = "x"


@pytest.mark.parametrize(
    "content_type",
    [
        pytest.param("application/token-introspection+jwt", id="279-jwt"),
        pytest.param("text/html", id="279-html"),
        pytest.param("application/jwt", id="279-other-jwt"),
        pytest.param("application/problem+json", id="279-problem"),
        pytest.param(None, id="279-none"),
    ],
)
def test_an_answer_is_json_or_none(content_type):
    """279: a signed answer (RFC 9701), or anything else than JSON, is not read."""
    assert "introspection.content_type" == read(raw('{"active": true}', content_type=content_type))


def test_a_charset_label_has_no_effect():
    """JSON is in UTF-8, no matter what its label says; a scope that is a list of texts is read as one."""
    labelled = "application/json; charset=utf-16"

    assert Scope("a b") == read(raw('{"active": true, "scope": ["a", "b"]}', 200, labelled)).scope


@pytest.mark.parametrize(
    ("received", "code"),
    [
        pytest.param(raw("", 401), "oauth.invalid_client", id="275-401"),
        pytest.param(raw("", 403), "introspection.client_error", id="275-403"),
        pytest.param(response(403, error="access_denied"), "oauth.access_denied", id="275-denied"),
        pytest.param(raw("", 429), "rate_limited", id="275-429"),
        pytest.param(raw("", 503), "rate_limited", id="275-503"),
        pytest.param(raw('{"active": true}', 500), "introspection.server_error", id="275-500"),
        pytest.param(raw('{"active": true}', 502), "introspection.server_error", id="275-502"),
        pytest.param(raw('{"active": true}', 201), "response.status_unexpected", id="275-201"),
        pytest.param(raw('{"active": true}', 302), "transport.redirect_refused", id="275-302"),
        pytest.param(raw("", 404), "endpoint.not_found", id="275-404"),
        pytest.param(response(400, error="invalid_request"), "oauth.invalid_request", id="400"),
    ],
)
def test_no_answer_is_an_error(received, code):
    """275: anything but a valid response is raised; a token is never active for want of one."""
    assert code == read(received)


@pytest.mark.parametrize(
    "received",
    [
        raw("", 400),
        raw("<html>", 415, "text/html"),
        raw("", 422),
        response(400, error="invalid_request"),
        response(400, error="unsupported_token_type"),
    ],
    ids=["400", "415", "422", "invalid_request", "unsupported"],
)
def test_a_server_that_takes_no_jwts_is_told_from_one_that_fails(received):
    """A JWT that the server takes for a bad request is an error of its own, with a cure."""
    with pytest.raises(errors.UnsupportedTokenType, match=r"auth\.verify") as refused:
        read_introspection(received, JWT_INQUIRY, POLICY, now=NOW)
    assert (received.status, False) == (refused.value.status, refused.value.retryable)
    assert JWT not in str(refused.value)


@pytest.mark.parametrize("error", ["invalid_client", "unauthorized_client", "invalid_grant"])
def test_a_refused_client_is_not_taken_for_a_refused_token(error):
    """Where the server refuses the client, or its right to the token, it says so for JWTs too."""
    assert f"oauth.{error}" == read(response(400, error=error), JWT_INQUIRY)


def test_an_echoed_token_is_scrubbed():
    """A server that repeats token and secret in its refusal has neither shown in a message."""
    refusal = response(400, error="invalid_request", error_description="opaque-token hunter2")

    assert "oauth.invalid_request" == read(refusal)


@pytest.mark.parametrize(
    ("received", "code"),
    [
        pytest.param(response(200), None, id="280-200"),
        pytest.param(raw("<html>", 200, "text/html"), None, id="280-body-means-nothing"),
        pytest.param(raw("", 200, None), None, id="280-empty"),
        pytest.param(raw("", 503), "rate_limited", id="280-503"),
        pytest.param(
            response(400, error="unsupported_token_type"),
            "oauth.unsupported_token_type",
            id="280-unsupported",
        ),
        pytest.param(response(401, error="invalid_client"), "oauth.invalid_client", id="280-401"),
        pytest.param(raw("", 500), "revocation.server_error", id="280-500"),
        pytest.param(raw("", 404), "endpoint.not_found", id="280-404"),
        pytest.param(raw("", 204), "response.status_unexpected", id="280-204"),
    ],
)
def test_revocation_succeeds_with_200_alone(received, code):
    """280: 200 is success, known token or not; anything else is an error with a code."""
    try:
        read_revocation(received, INQUIRY)
    except errors.CredicorpAuthError as error:
        assert code == error.code
        assert "revocation endpoint" in str(error)
    else:
        assert code is None


@pytest.mark.parametrize("method", ["client_secret_post", "client_secret_basic"])
def test_fault_278_the_token_is_in_the_body_alone(method):
    """278: the client proves itself as configured, never with a token, and the address stays bare."""
    request = build_query_request(
        TokenQuery(Secret("tok+en&x=/"), "https://as.example/i", "c", Secret("s"), method)
    )
    fields = parse_qs(request.body.reveal().decode(), strict_parsing=True)
    proven = {"client_id": ["c"], "client_secret": ["s"]} if method.endswith("post") else {}
    authorization = request.wire_headers().get("Authorization", "")

    assert ("POST", "https://as.example/i") == (request.method, request.url)
    assert {"token": ["tok+en&x=/"], "token_type_hint": ["access_token"], **proven} == fields
    assert authorization.startswith("Basic ") is (method == "client_secret_basic")
    assert "tok" not in repr(request)


@pytest.mark.parametrize(
    ("token", "code"),
    [
        pytest.param("", "token.format", id="277-empty"),
        pytest.param("a\r\nb", "token.format", id="277-crlf"),
        pytest.param("a\n", "token.format", id="277-line-end"),
        pytest.param("a b", "token.format", id="277-space"),
        pytest.param("a\x00", "token.format", id="277-null"),
        pytest.param("tök", "token.format", id="277-not-ascii"),
        pytest.param("\ud800", "token.format", id="277-surrogate"),
        pytest.param("a" * 1024 * 1024, "token.too_large", id="277-1-MiB"),
        pytest.param("a" * (64 * 1024 + 1), "token.too_large", id="277-64-KiB"),
        pytest.param(None, "token.format", id="277-none"),
        pytest.param(b"abc", "token.format", id="277-bytes"),
    ],
)
def test_what_can_be_no_token_is_refused_here(token, code):
    """277: it is refused before anybody is asked, and not repeated."""
    with pytest.raises(errors.MalformedToken) as refused:
        read_shown_token(token)

    assert code == refused.value.code
    assert len(str(refused.value)) < 300
    inside = refused.traceback[-1].locals
    assert not {"token", "shown"} & set(inside)


def test_the_longest_token_is_taken():
    """64 KiB are not too much."""
    assert 64 * 1024 == len(read_shown_token("a" * 64 * 1024).reveal())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
MEMBERS = st.dictionaries(
    st.sampled_from(["active", "exp", "nbf", "iss", "aud", "scope", "sub", "client_id", "cnf", "x"]),
    JSON,
)  # fmt: skip


@given(members=MEMBERS, status=st.sampled_from([200, 200, 400, 500]))
def test_only_true_is_active_whatever_else_there_is(members, status):
    """Any JSON at all gives an answer or an error of ours, and no active token without `true`."""
    emitted = read(raw(json.dumps(members), status))

    if members.get("active") is not True or status != 200:
        assert not emitted or isinstance(emitted, str)
    if isinstance(emitted, Introspection) and emitted.active:
        assert emitted.expires_at is None or NOW < emitted.expires_at
