"""Faces that ask the authorization server: revoked and opaque tokens, and servers that are away."""

from __future__ import annotations

import asyncio
import json

import pytest

from credicorp_auth import Claims, CredicorpAuth, errors
from credicorp_auth.http.messages import HttpResponse
from credicorp_auth.http.secret import SecretBytes
from credicorp_auth.oauth.introspection import Introspection
from credicorp_auth.resource import IntrospectingVerifier
from credicorp_auth_testing.fakes import ScriptedTransport


def client(sandbox, **settings):
    return CredicorpAuth(
        base_url=sandbox.base_url,
        **{
            "client_id": sandbox.client_id,
            "client_secret": sandbox.client_secret,
            "issuer": sandbox.issuer,
            "audience": "partner-api",
            **settings,
        },
    )


def verdict(verifier, token, required=None):
    """Verify as threads and as tasks do; return the class, or the code of the error."""
    outcomes = []
    for verify in (verifier.verify, lambda *a, **k: asyncio.run(verifier.averify(*a, **k))):
        try:
            outcomes.append(type(verify(token, required_scope=required)))
        except errors.CredicorpAuthError as error:
            outcomes.append(error.code)
    assert outcomes[0] == outcomes[1]
    return outcomes[0]


@pytest.mark.parametrize("locally_first", [True, False])
@pytest.mark.parametrize(
    "face", ["asgi", "wsgi", "by_hand", "fastapi", "starlette", "flask", "quart"]
)
def test_a_revoked_token_is_refused(face, locally_first, issuer, lab):
    """A token whose signature is good is refused once its issuer has revoked it, and only it."""
    gone, living = lab.mint(issuer.sandbox), issuer.read
    issuer.sandbox.tokens.revoke(gone)
    with client(issuer.sandbox) as auth:
        verifier = IntrospectingVerifier(auth, locally_first=locally_first)
        with lab.FACES[face](verifier) as port:
            statuses = [lab.ask(port, token=each).status for each in (living, gone, issuer.write)]
            known = json.loads(lab.ask(port, token=living).body)

    assert [200, 401, 403] == statuses
    assert {"client": issuer.sandbox.client_id} == known


def test_rubbish_costs_no_request_where_tokens_are_read_locally_first(issuer):
    """Only a token that its issuer has signed, for this service and for enough, is asked about."""
    asked = issuer.sandbox.counters["introspections"]
    with client(issuer.sandbox) as auth:
        verifier = IntrospectingVerifier(auth)
        codes = [
            verdict(verifier, issuer.read[:-8] + "AAAAAAAA"),
            verdict(verifier, issuer.expired),
            verdict(verifier, "opaque"),
            verdict(verifier, issuer.write, "decisions:read"),
        ]
        assert asked == issuer.sandbox.counters["introspections"]
        assert Claims is verdict(verifier, issuer.read, "decisions:read")

    assert ["verify.signature", "verify.exp", "verify.format", "verify.scope"] == codes
    assert asked + 1 == issuer.sandbox.counters["introspections"]


def test_without_it_the_server_alone_says_what_counts(issuer):
    """Opaque tokens are asked about; what nobody can have issued is not."""
    with client(issuer.sandbox, issuer=None) as auth:
        verifier = IntrospectingVerifier(auth, locally_first=False)

        assert Introspection is verdict(verifier, issuer.read)
        assert Introspection is verdict(verifier, issuer.read, "decisions:read")
        assert "verify.scope" == verdict(verifier, issuer.read, "applications:write")
        assert "introspection.inactive" == verdict(verifier, "opaque")
        assert "token.format" == verdict(verifier, "a b")


def test_a_scope_that_was_narrowed_at_the_server_counts(issuer):
    """Where server and token differ in scope, the token is good for no more than the server says."""
    for response, expected in [
        ({"active": True, "scope": "other"}, "verify.scope"),
        ({"active": True, "scope": ""}, "verify.scope"),
        ({"active": True}, Claims),
        ({"active": True, "scope": "decisions:read other"}, Claims),
        ({"active": False, "scope": "decisions:read"}, "introspection.inactive"),
    ]:
        keys = json.dumps(issuer.sandbox.keys.published().as_dict(private=False))
        transport = ScriptedTransport([reply(keys), reply(json.dumps(response))])
        with client(issuer.sandbox, transport=transport) as auth:
            verifier = IntrospectingVerifier(auth)
            assert expected == verdict(verifier, issuer.read, "decisions:read")


def reply(text, status=200):
    return HttpResponse(status, [("Content-Type", "application/json")], SecretBytes(text.encode()))


@pytest.mark.parametrize(("locally_first", "kind"), [(True, errors.UnsupportedTokenType), (False, errors.TokenInactive)])  # fmt: skip
def test_a_jwt_that_the_server_does_not_take(locally_first, kind, issuer):
    """Of a token that was verified before, it is a fault of ours; else the token is none of theirs."""
    keys = json.dumps(issuer.sandbox.keys.published().as_dict(private=False))
    refusal = reply('{"error": "unsupported_token_type"}', 400)
    transport = ScriptedTransport([reply(keys), refusal] if locally_first else [refusal])
    with client(issuer.sandbox, transport=transport) as auth:
        verifier = IntrospectingVerifier(auth, locally_first=locally_first)
        for verify in (verifier.verify, lambda token: asyncio.run(verifier.averify(token))):
            with pytest.raises(kind) as refused:
                verify(issuer.read)
            assert "oauth.unsupported_token_type" == refused.value.code
            assert None is refused.value.__cause__ is refused.value.__context__


def test_no_answer_is_no_token(issuer, orphan, lab):
    """A server that is away, busy, or will not be asked by us: nobody is let in, nobody is blamed."""
    with client(orphan.sandbox, timeout=2) as auth:
        verifier = IntrospectingVerifier(auth, locally_first=False)
        with lab.FACES["wsgi"](verifier) as port:
            away = lab.ask(port, token=issuer.read)
    with client(issuer.sandbox, client_secret="wrong") as auth:
        verifier = IntrospectingVerifier(auth, locally_first=False)
        with lab.FACES["asgi"](verifier) as port:
            denied = lab.ask(port, token=issuer.read)
    busy = HttpResponse(429, [("Retry-After", "7")], SecretBytes(b""))
    # A client of its own: what one is told, all of that name in the process obey.
    alone = {"client_id": "alone", "transport": ScriptedTransport([busy] * 9), "timeout": 2}
    with client(issuer.sandbox, **alone) as auth:
        verifier = IntrospectingVerifier(auth, locally_first=False)
        with lab.FACES["wsgi"](verifier) as port:
            waits = lab.ask(port, token=issuer.read)

    assert [503, 500, 503] == [each.status for each in (away, denied, waits)]
    assert [None, None] == [away.headers["Retry-After"], denied.headers["Retry-After"]]
    assert 6 <= int(waits.headers["Retry-After"]) <= 7
    assert {None} == {each.headers["WWW-Authenticate"] for each in (away, denied, waits)}


def test_no_frame_of_a_refusal_holds_the_token(issuer, lab):
    """A caller that shows an error with all that lies around it shows no token."""
    gone = lab.mint(issuer.sandbox)
    issuer.sandbox.tokens.revoke(gone)
    with client(issuer.sandbox) as auth:
        for locally_first, token in [(True, issuer.expired), (True, gone), (False, gone), (False, "a" * 70_000)]:  # fmt: skip
            verifier = IntrospectingVerifier(auth, locally_first=locally_first)
            try:
                verifier.verify(token)
            except errors.VerificationFailed as error:
                trace = error.__traceback__.tb_next  # without this test, which holds it
            while trace is not None:
                assert token not in repr(trace.tb_frame.f_locals)
                trace = trace.tb_next


def emitted(members, *, locally_first, required=None, **settings):
    """Introspect with such a response, as threads and tasks do; return all that came of it."""
    issuer = settings.pop("issuer_of")
    keys = json.dumps(issuer.sandbox.keys.published().as_dict(private=False))
    replies = [reply(keys)] if locally_first else []
    transport = ScriptedTransport([*replies, reply(json.dumps({"active": True, **members}))])
    with client(issuer.sandbox, transport=transport, **settings) as auth:
        verifier = IntrospectingVerifier(auth, locally_first=locally_first)
        outcome = verdict(verifier, issuer.read, required)
        direct = auth.introspect(issuer.read)
        assert direct.code == asyncio.run(auth.aintrospect(issuer.read)).code
    return outcome, direct.code, len(transport.sent) - len(replies)


@pytest.mark.parametrize("locally_first", [True, False])
@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"token_type": "refresh_token"}, "introspection.token_type"),
        ({"token_type": "DPoP"}, "introspection.token_type"),
        ({"typ": "Refresh"}, "introspection.token_type"),
        ({"typ": "ID"}, "introspection.token_type"),
        ({"token_use": "id"}, "introspection.token_type"),
        ({"cnf": {"jkt": "x"}}, "introspection.cnf"),
        ({"aud": "other"}, "introspection.aud"),
        ({"iss": "https://other.example"}, "introspection.iss"),
    ],
)
def test_fault_375_a_response_about_something_else_is_no_access(
    members, code, locally_first, issuer
):
    """What is no bearer access token of this issuer, for this audience, is refused everywhere alike."""
    said = emitted(members, locally_first=locally_first, issuer_of=issuer)

    assert (code, code, 1) == said


@pytest.mark.parametrize("members", [{}, {"aud": None}, {"aud": []}, {"aud": ""}])
def test_fault_376_an_audience_may_be_required(members, issuer):
    """Without one in the response a token is refused, unless its own was verified before."""
    asked = {"issuer_of": issuer, "introspection_audience": "required"}

    assert (Introspection, None, 1) == emitted(members, locally_first=False, issuer_of=issuer)
    missing = "introspection.aud_missing"
    assert (missing, missing, 1) == emitted(members, locally_first=False, **asked)
    assert (Claims, missing, 1) == emitted(members, locally_first=True, **asked)
    narrowed = {**members, "scope": "other"}
    said = emitted(narrowed, locally_first=True, required="decisions:read", **asked)
    assert ("verify.scope", missing, 1) == said
    named = {**members, "aud": ["x", "partner-api"]}
    assert (Introspection, None, 1) == emitted(named, locally_first=False, **asked)


def test_fault_376_the_hint_names_the_setting(issuer):
    """Who meets a server that names no audience reads what to set."""
    transport = ScriptedTransport([reply('{"active": true}')])
    required = {"introspection_audience": "required", "transport": transport}
    with client(issuer.sandbox, **required) as auth:
        verifier = IntrospectingVerifier(auth, locally_first=False)
        with pytest.raises(errors.TokenInactive, match="introspection_audience"):
            verifier.verify("opaque")
    with pytest.raises(errors.MissingSetting, match="introspection_audience") as refused:
        client(issuer.sandbox, audience=None, introspection_audience="required")
    assert "config.verifier" == refused.value.code
