"""Revocation as a client meets it: the token is gone here, no matter what the server does."""

from __future__ import annotations

import asyncio
import threading

import pytest

from credicorp_auth import Scope, errors
from credicorp_auth.http.messages import HttpResponse
from credicorp_auth.http.secret import SecretBytes
from credicorp_auth_testing.fakes import wait_idle
from credicorp_auth_testing.scripted_runtime import response

LOST = errors.ConnectionFailed("nobody is there")
BUSY = HttpResponse(503, [("Retry-After", "30")], SecretBytes(b""))

OUTCOMES = {
    "280-200": ([response()], type(None)),
    "280-503": ([BUSY], errors.TokenEndpointBusy),
    "280-unsupported": (
        [response(400, error="unsupported_token_type")],
        errors.UnsupportedTokenType,
    ),
    "280-down": ([LOST, LOST], errors.ConnectionFailed),
    "280-timeout": ([errors.DeadlinePassed("x")], errors.DeadlinePassed),
    "280-401": ([response(401, error="invalid_client")], errors.InvalidClient),
}


@pytest.mark.parametrize("shown", ["token", "text"])
@pytest.mark.parametrize(("responses", "outcome"), OUTCOMES.values(), ids=OUTCOMES)
def test_a_revoked_token_is_gone_here_in_any_case(scene, wait, active, responses, outcome, shown):
    """280: engine, cache and what introspection remembers drop it, no matter what the server does."""
    stage = scene(wait=wait, scope="a")
    token = stage.auth.get_token()
    stage.transport.responses.extend([active(), *responses])
    stage.introspect(token)
    assert 1 == len(stage.cache.entries)
    emitted = stage.revoke(token if shown == "token" else token.value.reveal())
    assert type(emitted) is outcome
    records = [each for each in stage.cache.entries.values() if b"access_token" in each]
    assert [] == records
    stage.transport.responses.clear()
    assert stage.auth.get_token() != token
    stage.transport.responses.append(response(active=False))

    assert not stage.introspect(token)


def test_fault_280_a_cool_down_of_revocation_is_obeyed(scene):
    """280: after 503 and Retry-After no revocation is sent for so long, and each is an error."""
    stage = scene([BUSY, response()])
    assert 30.0 == stage.revoke("one").retry_after
    stage.clock.advance(29)
    assert type(stage.revoke("two")) is errors.TokenEndpointBusy
    assert 1 == stage.sent
    stage.clock.advance(1)

    assert stage.revoke("two") is None


def test_a_cool_down_of_revocation_stops_no_introspection(scene, active):
    """The two endpoints are left alone each for itself."""
    stage = scene([BUSY, active()])
    stage.revoke("one")

    assert stage.introspect("two").active


@pytest.mark.parametrize("shown", ["token", "text"])
def test_a_token_that_only_the_cache_has_is_dropped_there(scene, shown):
    """A process that never held the token, such as the command line, empties the cache of it."""
    first = scene(scope="a", client_id="inquirer-sharing")
    scope = "b" if shown == "token" else "a"
    token = first.auth.get_token(scope)
    second = scene(
        [response()], scope="a", client_id="inquirer-sharing", cache=first.cache
    )  # the same cache
    assert 1 == len(first.cache.entries)
    assert second.revoke(token if shown == "token" else token.value.reveal()) is None

    assert {} == first.cache.entries


def test_a_token_that_is_read_while_it_is_revoked_is_dropped_as_well(scene, active):
    """What somebody asks or reads in the meantime does not outlive the revocation."""
    stage = scene(scope="a")
    token = stage.auth.get_token()

    def meanwhile(_request):
        stage.transport.responses.append(active())
        assert stage.auth.introspect(token)
        return response()

    stage.transport.responses.append(meanwhile)
    stage.revoke(token)
    stage.transport.responses.append(response(active=False))

    assert not stage.introspect(token)


def test_revoking_twice_at_once_is_one_request(scene):
    """Threads and tasks that revoke the same token share the request, and all hear the end."""
    stage = scene([BUSY])
    stage.transport.gate.clear()
    emitted = []

    def revoke():
        try:
            stage.auth.revoke("opaque-canary")
        except errors.TokenEndpointBusy as busy:
            emitted.append(busy)

    async def revoke_all():
        threading.Timer(0.2, stage.transport.gate.set).start()
        calls = [stage.auth.arevoke("opaque-canary") for _ in range(5)]
        emitted.extend(await asyncio.gather(*calls, return_exceptions=True))

    threads = [threading.Thread(target=revoke) for _ in range(5)]
    for thread in threads:
        thread.start()
    asyncio.run(revoke_all())
    for thread in threads:
        thread.join()
    wait_idle()

    assert (1, 10) == (stage.sent, len({id(each) for each in emitted}))


def test_a_mended_secret_lets_revocation_be_tried_at_once(scene):
    """`forget_secrets` ends the silence that a refused client earned."""
    stage = scene([response(401, error="invalid_client"), response()])
    stage.revoke()
    stage.auth.forget_secrets()

    assert stage.revoke() is None


def test_other_tokens_stay(scene):
    """Revoking one token drops no other, held or cached."""
    stage = scene(scope="a")
    kept, gone = stage.auth.get_token("a"), stage.auth.get_token("b")
    stage.transport.responses.append(response())
    stage.revoke(gone)

    assert kept is stage.auth.get_token("a")
    assert (1, Scope("a")) == (len(stage.cache.entries), kept.scope)


def test_an_error_reaches_no_token(scene, wait):
    """Neither traceback nor text of an error leads to the token or the secret."""
    stage = scene([BUSY], wait=wait)
    for each in (stage.revoke(), stage.revoke("mal formed-canary")):
        traceback, held = each.__traceback__, []
        while traceback is not None:
            if "credicorp_auth/engine" in traceback.tb_frame.f_code.co_filename:
                held.append(repr(traceback.tb_frame.f_locals))
            traceback = traceback.tb_next
        assert held
        assert "canary" not in repr(held) + str(each) + repr(vars(each))
    assert "canary" not in repr(stage.events)
