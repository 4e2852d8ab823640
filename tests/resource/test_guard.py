"""The decision: whose fault a failure is, what is told to whom, and what stays secret."""

from __future__ import annotations

import asyncio
import email.message
import json
import logging
import pickle

import pytest
from multidict import CIMultiDict
from starlette.datastructures import Headers as StarletteHeaders
from werkzeug.datastructures import Headers as WerkzeugHeaders
from werkzeug.datastructures import MultiDict

from credicorp_auth import Scope, errors
from credicorp_auth.oauth.introspection import inactive
from credicorp_auth.resource import ANY_SCOPE, Guard, Refused
from credicorp_auth.resource.refusal import build_challenge

TOKEN = "a-token-that-nobody-may-see"
READ = Scope("decisions:read")
HEADERS = {"authorization": f"Bearer {TOKEN}", "x-request-id": "r1"}


class Raising:
    """A verifier that knows one answer."""

    def __init__(self, error):
        self.error = error

    def verify(self, token, *, required_scope):
        assert TOKEN == token
        raise self.error

    async def averify(self, token, *, required_scope):
        self.verify(token, required_scope=required_scope)


class Returning:
    """A verifier that always returns, and notes what was required."""

    def __init__(self, proof):
        self.proof, self.required = proof, []

    def verify(self, token, *, required_scope):
        self.required.append((token, required_scope))
        return self.proof

    async def averify(self, token, *, required_scope):
        return self.verify(token, required_scope=required_scope)


def refusals_of(guard, headers, required):
    """Have a guard refuse, as threads and as tasks do, which must be the same."""
    refused = []
    for require in (guard.require, lambda *given: asyncio.run(guard.arequire(*given))):
        with pytest.raises(Refused) as caught:
            require(headers, required)
        refused.append(caught.value)
    return refused


def decide(error, required=READ, realm="api"):
    one, other = refusals_of(Guard(Raising(error), realm=realm), HEADERS, required)
    assert (one.status, one.headers, one.body) == (other.status, other.headers, other.body)
    return one.status, dict(one.headers), json.loads(one.body)["error"]["code"]


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
        (errors.MalformedResponse("x"), FAULT),
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
    """Only a fault of the token is the caller's; on anything else, nobody is let in."""
    status, headers, code = decide(error)

    assert expected == (status, code)
    assert (status < 500) == ("WWW-Authenticate" in headers)
    assert ("8" if isinstance(error, errors.TokenEndpointBusy) else None) == headers.get(
        "Retry-After"
    )


@pytest.mark.parametrize("required", [READ, ANY_SCOPE])
@pytest.mark.parametrize("proof", [None, False, {}, inactive("introspection.exp")], ids=repr)
def test_a_verifier_that_says_no_instead_of_raising_is_understood(proof, required):
    """Nothing, and an answer that a token is not active, are a bad token and no proof."""
    refused = refusals_of(Guard(Returning(proof)), HEADERS, required)

    assert [401, 401] == [each.status for each in refused]
    assert "good" == Guard(Returning("good")).require(HEADERS, READ)
    assert "good" == asyncio.run(Guard(Returning("good")).arequire(HEADERS, READ))


class Unawaited:
    """A verifier whose methods return something that nobody has awaited."""

    def __init__(self):
        self.pending = []

    def verify(self, token, *, required_scope):
        self.pending.append(asyncio.sleep(0, "good"))
        return self.pending[-1]

    async def averify(self, token, *, required_scope):
        return self.verify(token, required_scope=required_scope)


def test_a_verifier_that_is_still_to_be_awaited_has_proved_nothing():
    """An `async def verify` behind a synchronous guard returns a coroutine, which is no proof."""
    verifier = Unawaited()
    refused = refusals_of(Guard(verifier), HEADERS, READ)
    for each in verifier.pending:
        each.close()

    assert [401, 401] == [each.status for each in refused]


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        ("a", "a"), (Scope("b a"), "a b"), ({"a"}, "a"), (frozenset({"a", "b"}), "a b"),
        (["a", "b"], "a b"), (("a",), "a"), (ANY_SCOPE, ""),
    ],
)  # fmt: skip
def test_a_scope_is_asked_of_the_verifier(scope, words):
    """Text, a `Scope` and a set of words are one; any scope is the empty one."""
    verifier = Returning("good")
    Guard(verifier).require(HEADERS, scope)

    assert [(TOKEN, Scope(words))] == verifier.required


NO_SCOPES = ["", " ", Scope(), None, 0, 7, True, set(), frozenset(), [], (), {}, {"a": "b"}, b"a", print, iter("a")]  # fmt: skip


@pytest.mark.parametrize("scope", NO_SCOPES, ids=lambda each: type(each).__name__)
def test_fault_350_a_scope_that_is_none_is_refused_when_the_guard_is_built(scope):
    """Nothing is never read as "any": it is found when the service is written, and when asked."""
    guard = Guard(Returning("good"))
    for build in (guard.requires, lambda scope: guard.require(HEADERS, scope)):
        with pytest.raises(errors.InvalidSetting) as refused:
            build(scope)

        assert "config.required_scope" == refused.value.code


def test_a_scope_that_cannot_be_read_is_a_bad_token():
    """Where no scope was required, a missing one is no 403 that would name nothing."""
    status, headers, _ = decide(errors.ScopeMissing("unreadable", required=()), ANY_SCOPE)

    assert 401 == status
    assert 'Bearer realm="api", error="invalid_token"' == headers["WWW-Authenticate"]


def mail(*pairs):
    message = email.message.Message()
    for name, value in pairs:
        message[name] = value
    return message


KINDS = {
    "pairs": list,
    "generator": lambda pairs: (each for each in pairs),
    "bytes": lambda pairs: [(name.encode(), value.encode()) for name, value in pairs],
    "starlette": lambda pairs: StarletteHeaders(raw=[(name.lower().encode(), value.encode()) for name, value in pairs]),
    "aiohttp": CIMultiDict,
    "werkzeug": WerkzeugHeaders,
    "multidict": MultiDict,
    "mail": lambda pairs: mail(*pairs),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_fault_354_headers_of_any_framework_are_read(kind):
    """Names in either case; a second `Authorization` header is a malformed request in all of them."""
    good, guard = ("AUTHorization", f"Bearer {TOKEN}"), Guard(Returning("good"))
    read = KINDS[kind]
    one = guard.require(read([("Host", "a"), good]), READ)
    none = refusals_of(guard, [("Host", "a")], READ)
    twice = []
    for second in (good, ("authorization", "Bearer other"), ("authorization", f"Bearer {TOKEN}")):
        with pytest.raises(Refused) as refused:
            guard.require(read([good, ("X-Request-Id", "r1"), second]), READ)
        twice.append((refused.value.status, dict(refused.value.headers)["Credicorp-Request-Id"]))

    assert "good" == one
    assert [401, 401] == [each.status for each in none]
    assert [(400, "r1")] * 3 == twice


@pytest.mark.parametrize("headers", [{}, [], {"Authorization": None}, {"HTTP_AUTHORIZATION": f"Bearer {TOKEN}"}], ids=str)  # fmt: skip
def test_headers_without_a_token_are_refused(headers):
    """An absent header is no token, also as None, as `headers.get` gives it."""
    assert {401} == {each.status for each in refusals_of(Guard(Returning("good")), headers, READ)}


@pytest.mark.parametrize("headers", [None, 7, "Bearer a", ["ab c"], [("a", 7), ("authorization", 7)], {7: "a"}, object()], ids=lambda each: type(each).__name__)  # fmt: skip
def test_what_are_no_headers_is_the_callers_mistake(headers):
    """It is an error of the service, and nobody is let in."""
    with pytest.raises(errors.UsageError) as refused:
        Guard(Returning("good")).require(headers, READ)

    assert "resource.headers" == refused.value.code
    assert None is refused.value.__cause__ is refused.value.__context__


def test_fault_354_a_refusal_is_a_response_that_can_be_pickled():
    """It holds the response and no token, also in what a traceback shows of our frames."""
    guard = Guard(Raising(errors.Expired(TOKEN)))
    refused, _ = refusals_of(guard, HEADERS, READ)
    copied = pickle.loads(pickle.dumps(refused))

    assert (401, "resource.refused") == (copied.status, copied.code)
    assert (refused.headers, refused.body) == (copied.headers, copied.body)
    assert "r1" in copied.body.decode()
    assert None is refused.__cause__ is refused.__context__
    trace = refused.__traceback__.tb_next  # without this test, which holds the headers
    while trace is not None:
        if "credicorp_auth" in trace.tb_frame.f_code.co_filename:
            assert TOKEN not in repr(trace.tb_frame.f_locals)
        trace = trace.tb_next
    assert TOKEN not in repr(refused) + str(refused) + repr(vars(refused)) + repr(refused.args)


def test_a_time_that_has_passed_is_a_second():
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


@pytest.mark.parametrize("verifier", [None, "https://credicorp.co.uk", Returning, len])
def test_fault_413_a_guard_without_a_verifier_is_refused(verifier):
    """413: what cannot verify is refused when the service starts; the hint says what to pass."""
    with pytest.raises(errors.InvalidSetting) as refused:
        Guard(verifier)

    assert "config.guard_verifier" == refused.value.code
    assert "TokenVerifier" in refused.value.hint


def test_no_token_is_told_to_log_or_caller(caplog):
    """Neither the answer nor the log, at its most talkative, holds the token."""
    caplog.set_level(logging.DEBUG)
    refused, _ = refusals_of(Guard(Raising(errors.Expired("x"))), HEADERS, READ)

    assert "guard.refused code='verify.exp' status=401 request_id='r1'" == caplog.messages[0]
    assert TOKEN not in repr(refused) + caplog.text + repr(vars(caplog.records[0]))
