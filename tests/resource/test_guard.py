"""The decision: whose fault a failure is, what is told to whom, and what stays secret."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

from credicorp_auth import Scope, errors
from credicorp_auth.oauth.introspection import inactive
from credicorp_auth.resource import ANY_TOKEN, CLOSED
from credicorp_auth.resource.guard import Guard
from credicorp_auth.resource.refusal import Answer, build_challenge

TOKEN = "a-token-that-nobody-may-see"
READ = Scope("decisions:read")


class Raising:
    """A verifier that knows one answer."""

    def __init__(self, error):
        self.error = error

    def verify(self, token, *, required_scope):
        assert TOKEN == token
        raise self.error

    async def averify(self, token, *, required_scope):
        self.verify(token, required_scope=required_scope)


def find(name):
    return {"authorization": [f"Bearer {TOKEN}"], "x-request-id": ["r1"]}.get(name, [])


def decide(error, required=READ, realm="api"):
    """Decide as threads and as tasks do, which must be the same."""
    guard = Guard(Raising(error), realm=realm)
    answers = [guard.admit(required, find), asyncio.run(guard.aadmit(required, find))]
    assert answers[0] == answers[1]
    assert isinstance(answers[0], Answer)
    return answers[0].status, dict(answers[0].headers), json.loads(answers[0].body)["error"]["code"]


UNAVAILABLE, FAULT, INVALID = (503, "server_error"), (500, "server_error"), (401, "invalid_token")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errors.KeysUnavailable("x", retryable=False), UNAVAILABLE),
        (errors.ConnectionFailed("x"), UNAVAILABLE),
        (errors.DeadlinePassed("x"), UNAVAILABLE),
        (errors.TokenEndpointBusy("x", retry_after=7.2), UNAVAILABLE),
        (errors.ServerFailed("x", status=502), UNAVAILABLE),
        (errors.Closed("x"), UNAVAILABLE),
        (errors.MissingSetting("x"), FAULT),
        (errors.InvalidClient("x", error="invalid_client", status=401), FAULT),
        (errors.MalformedAnswer("x"), FAULT),
        (errors.TlsFailed("x"), FAULT),
        (errors.SecretUnavailable("x"), FAULT),
        (errors.CredicorpAuthError("x"), FAULT),
        (errors.Expired("x"), INVALID),
        (errors.BadSignature("x"), INVALID),
        (errors.WrongAudience("x"), INVALID),
        (errors.VerificationFailed("x"), INVALID),
        (errors.ScopeMissing("x", required=["other"]), (403, "insufficient_scope")),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Exception) else str(each),
)
def test_whose_fault_it_is(error, expected):
    """Only a fault of the token is the caller's; whatever else happens, nobody is let in."""
    status, headers, code = decide(error)

    assert expected == (status, code)
    assert (status < 500) == ("WWW-Authenticate" in headers)
    assert ("8" if isinstance(error, errors.TokenEndpointBusy) else None) == headers.get(
        "Retry-After"
    )


class Returning:
    """A verifier that returns, whatever it is shown."""

    def __init__(self, proof):
        self.proof = proof

    def verify(self, token, *, required_scope):
        return self.proof

    async def averify(self, token, *, required_scope):
        return self.proof


@pytest.mark.parametrize("required", [READ, ANY_TOKEN, CLOSED])
@pytest.mark.parametrize("proof", [None, False, {}, inactive("introspection.exp")], ids=repr)
def test_a_verifier_that_says_no_instead_of_raising_is_understood(proof, required):
    """Nothing, and an answer that a token is not active, are a bad token and no proof."""
    guard = Guard(Returning(proof), realm="api")
    answers = [guard.admit(required, find), asyncio.run(guard.aadmit(required, find))]

    assert [401, 401] == [each.status for each in answers]
    assert "good" == Guard(Returning("good"), realm="api").admit(READ, find)


@pytest.mark.parametrize("required", [ANY_TOKEN, CLOSED])
def test_a_scope_that_cannot_be_read_is_a_bad_token(required):
    """Where no scope was required, a missing one is no 403 that would name nothing."""
    status, headers, _ = decide(errors.ScopeMissing("unreadable", required=()), required)

    assert 401 == status
    assert 'Bearer realm="api", error="invalid_token"' == headers["WWW-Authenticate"]


def test_a_time_that_has_passed_is_a_second(issuer):
    """`Retry-After` is a whole number of seconds, and at least one."""
    assert "1" == decide(errors.TokenEndpointBusy("x", retry_after=0.0))[1]["Retry-After"]


def test_what_is_required_is_sorted_in_the_challenge():
    """Several scopes are named in one quoted string."""
    challenge = decide(errors.ScopeMissing("x", required=()), Scope("b:x a#$%'()*,/=?@[]^`{|}~"))[1]

    assert 'scope="a#$%\'()*,/=?@[]^`{|}~ b:x"' in challenge["WWW-Authenticate"]


def test_quoted_strings_are_escaped():
    """Quotes and backslashes of a realm stay inside its string (RFC 9110 section 5.6.4)."""
    realm = 'a "b" \\ c", error="none'
    challenge = decide(errors.Expired("x"), realm=realm)[1]["WWW-Authenticate"]

    assert r'Bearer realm="a \"b\" \\ c\", error=\"none", error="invalid_token"' == challenge
    assert 'Bearer realm="a"' == build_challenge("a", {})


@pytest.mark.parametrize("realm", ["", "a\r\nSet-Cookie: b", "ü", "a\x00"])
def test_a_realm_that_cannot_stand_in_a_header_is_refused(realm):
    """It is found when the service starts, and not by the first caller."""
    with pytest.raises(errors.InvalidSetting) as refused:
        Guard(Raising(None), realm=realm)

    assert "config.value" == refused.value.code


def test_no_token_is_told_to_log_or_caller(caplog):
    """Neither the answer nor the log, at its most talkative, holds the token."""
    caplog.set_level(logging.DEBUG)
    answer = Guard(Raising(errors.Expired("x")), realm="api").admit(READ, find)

    assert "guard.refused code='verify.exp' status=401 request_id='r1'" == caplog.messages[0]
    assert TOKEN not in repr(answer) + caplog.text + repr(vars(caplog.records[0]))
