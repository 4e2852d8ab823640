"""Introspection as a service meets it: what is remembered, what is asked, and what is refused."""

from __future__ import annotations

import asyncio
import threading
import traceback
from hashlib import sha256
from urllib.parse import parse_qs
from uuid import uuid4

import pytest

from credicorp_auth import CredicorpAuth, Introspection, errors
from credicorp_auth.engine.single_flight.driver import drive
from credicorp_auth.engine.single_flight.in_flight import Mark
from credicorp_auth.engine.tokens.introspector import (
    MAX_RESPONSES,
    IntrospectionCache,
    IntrospectionEntry,
)
from credicorp_auth.http.messages import HttpResponse
from credicorp_auth.http.secret import SecretBytes
from credicorp_auth.lifecycle.windows import Instant
from credicorp_auth_testing.fakes import wait_idle
from credicorp_auth_testing.sandbox import Sandbox, SandboxSettings
from credicorp_auth_testing.scripted_runtime import response
from forks import holds_in_a_child

NOW = 1_800_000_000.0
LOST = errors.ConnectionFailed("nobody is there")
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("members", "seconds"),
    [
        pytest.param({}, 60, id="276-no-exp"),
        pytest.param({"exp": NOW + 3600}, 60, id="276-exp-far"),
        pytest.param({"exp": NOW + 30}, 30, id="276-exp-near"),
    ],
)
def test_an_active_token_is_remembered(scene, wait, active, members, seconds):
    """276: an answer serves for a minute, and never past the token's end."""
    stage = scene([active(**members)] * 2, wait=wait)
    first = stage.introspect()
    stage.clock.advance(seconds - 0.5)
    assert first is stage.introspect()
    assert 1 == stage.sent
    stage.clock.advance(0.5)
    later = stage.introspect()

    assert (2, seconds == 60) == (stage.sent, later.active)


def test_fault_276_an_inactive_token_is_remembered_for_five_seconds(scene, wait, inactive, active):
    """276: a token that does not count is asked about again after five seconds."""
    stage = scene([inactive, active()], wait=wait)
    assert not stage.introspect()
    stage.clock.advance(4.5)
    assert not stage.introspect()
    assert 1 == stage.sent
    stage.clock.advance(0.5)

    assert (True, 2) == (stage.introspect().active, stage.sent)


def test_an_answer_is_as_old_as_its_question(scene, active):
    """A minute counts from before the request, so a revoked token lives no longer than that."""
    stage = scene()

    def slowly(_request):
        stage.clock.advance(9)
        return active()

    stage.transport.responses.extend([slowly, active()])
    assert stage.introspect().active
    stage.clock.advance(51)
    stage.introspect()

    assert 2 == stage.sent


@pytest.mark.parametrize(("jump", "passed"), [(-3600, 60), (61, 0)], ids=["back", "ahead"])
def test_fault_276_both_clocks_must_agree(scene, active, jump, passed):
    """276: a wall clock that jumps makes no answer live longer."""
    stage = scene([active()] * 2)
    stage.introspect()
    stage.clock.jump_wall(jump)
    stage.clock.advance(passed)
    stage.introspect()

    assert 2 == stage.sent


@pytest.mark.parametrize("way", ["all", "one", "token"])
def test_fault_276_what_is_remembered_can_be_forgotten(scene, active, inactive, way):
    """276: on demand, one token or all of them are asked about again."""
    stage = scene([active(), inactive])
    stage.introspect()
    if way == "all":
        stage.auth.forget_introspections()
        assert not stage.introspect()
    elif way == "one":
        stage.auth._queries.introspector.forget("opaque-canary")
        assert not stage.introspect()
    else:
        stage.transport.responses.clear()
        token = stage.auth.get_token()
        stage.transport.responses.extend([active(), inactive])
        assert stage.introspect(token).active
        stage.auth.invalidate(token)
        assert not stage.introspect(token)


def test_fault_276_tokens_are_remembered_by_their_hash(scene, active):
    """276: the memory holds SHA-256 digests, and no token."""
    stage = scene([active()])
    stage.introspect()
    cache = stage.auth._queries.introspector._cache._remembered

    assert [sha256(b"opaque-canary").digest()] == list(cache)


def test_whoever_finds_an_answer_marks_it(scene, active):
    """An answer that was asked for again is not among the first to be forgotten."""
    stage = scene([active()])
    stage.introspect()
    (kept,) = stage.auth._queries.introspector._cache._remembered.values()
    assert not kept.used
    stage.introspect()
    assert kept.used


def test_memory_is_bounded_and_keeps_what_is_used():
    """276: a flood of tokens that are shown once washes out no token that is used."""
    cache = IntrospectionCache()
    call, then = Mark(None, None), Instant(0.0, 0.0)
    emitted = IntrospectionEntry(errors.MalformedResponse("x"), then, 60.0, call)
    cache.keep(b"used", emitted)
    for number in range(3 * MAX_RESPONSES):
        cache.find(b"used").used = True
        cache.keep(b"%d" % number, IntrospectionEntry(emitted.outcome, then, 5.0, call))

    assert (MAX_RESPONSES, emitted) == (len(cache), cache.find(b"used"))
    assert cache.find(b"0") is None


def status_response(status, *, retry_after=None):
    """Build an answer that is none."""
    headers = [] if retry_after is None else [("Retry-After", str(retry_after))]
    return HttpResponse(status, headers, SecretBytes(b""))


@pytest.mark.parametrize(
    ("failures", "kind", "sent"),
    [
        pytest.param([status_response(429)], errors.TokenEndpointBusy, 1, id="275-429"),
        pytest.param([status_response(503)], errors.TokenEndpointBusy, 1, id="275-503"),
        pytest.param([status_response(502)], errors.ServerFailed, 1, id="275-502"),
        pytest.param([errors.DeadlinePassed("x")], errors.DeadlinePassed, 1, id="275-timeout"),
        pytest.param([LOST, LOST], errors.ConnectionFailed, 2, id="275-down"),
        pytest.param([errors.TlsFailed("x")], errors.TlsFailed, 1, id="275-tls"),
        pytest.param([ValueError("x")], errors.AdapterBroken, 1, id="275-adapter"),
    ],
)
def test_no_answer_is_an_error_and_leaves_the_endpoint_alone(
    scene, wait, active, failures, kind, sent
):
    """275: it is raised, never taken for an answer, and nobody asks again for a moment."""
    stage = scene([*failures, *[active()] * 9], wait=wait)
    for token in ("opaque-canary", "opaque-canary", "another"):
        assert type(stage.introspect(token)) is kind
    assert sent == stage.sent
    assert 1 == len(stage.emitted("introspection.failed"))
    stage.clock.advance(2)

    assert (True, sent + 1) == (stage.introspect().active, stage.sent)


def new_address():
    """Return an address that has never answered in this process."""
    return f"https://{uuid4()}.example/introspect"


@pytest.mark.parametrize(
    "refusal",
    [status_response(401), response(401, error="unauthorized"), status_response(403)],
    ids=["401", "code", "403"],
)
@pytest.mark.parametrize("lift", ["rotation", "a minute", "forget_secrets"])
def test_fault_394_a_refused_client_is_refused_for_every_token(scene, wait, active, refusal, lift):
    """394: nobody asks again until the secret has changed, a minute has passed, or it is forgotten."""
    stage = scene([refusal, *[active()] * 9], wait=wait, introspection_url=new_address())
    first = stage.introspect("opaque-canary")
    others = [stage.introspect(token) for token in ("opaque-canary", "another", "third")]
    assert ({first.code}, 1) == ({each.code for each in others}, stage.sent)
    assert not first.retryable
    if lift == "rotation":
        stage.settings.secrets.secrets.append("canary-2")
        stage.settings.secrets.secrets.popleft()
        stage.clock.advance(2)
    elif lift == "a minute":
        stage.clock.advance(60)
    else:
        stage.auth.forget_secrets()

    assert (True, 2) == (stage.introspect("another").active, stage.sent)


@pytest.mark.parametrize(
    "refusal",
    [response(403, error="access_denied"), response(400, error="unauthorized_client"), response(403, error="what_now")],
    ids=["access_denied", "unauthorized_client", "unknown"],
)  # fmt: skip
def test_fault_394_a_refusal_of_one_token_silences_nobody(scene, active, refusal):
    """394: what is not said of the client as a whole is remembered for its token alone."""
    stage = scene([refusal, active(), active()])
    first, again = stage.introspect("bad"), stage.introspect("bad")

    assert (first.code, 1) == (again.code, stage.sent)
    assert stage.introspect("good").active


def test_fault_392_a_500_that_asks_to_be_left_alone_is_heeded(scene, active):
    """392: Retry-After is asked of everybody, also by a server that choked on one token."""
    stage = scene([status_response(500, retry_after=20), active()])
    first, other = stage.introspect("bad"), stage.introspect("good")

    assert (20.0, 1) == (first.retry_after, stage.sent)
    assert "introspection.server_error" == other.code
    stage.clock.advance(20)
    assert stage.introspect("good").active


@pytest.mark.parametrize(
    "failure",
    [status_response(500), response(active=1), response(400, error="invalid_request")],
    ids=["275-500", "272-malformed", "400"],
)
def test_a_token_that_a_server_chokes_on_silences_nobody(scene, active, failure):
    """275: the failure of one token is repeated for five seconds; others are asked about."""
    stage = scene([failure, active(), active()])
    first = stage.introspect("bad")
    again = stage.introspect("bad")
    assert (type(first), 1) == (type(again), stage.sent)
    assert first is not again
    assert isinstance(first, errors.CredicorpAuthError)
    assert stage.introspect("good").active
    stage.clock.advance(5)

    assert stage.introspect("bad").active


@pytest.mark.parametrize("status", [302, 307, 403, 404, 405, 406, 410, 413, 414, 431, 451, 501])
def test_fault_398_a_token_that_a_firewall_blocks_silences_nobody(scene, active, status):
    """398: once the endpoint has answered, a refusal that says nothing of OAuth is of one token."""
    stage = scene([active(), status_response(status), active(), active()])
    assert stage.introspect("good").active
    blocked, again = (stage.introspect("../../etc/passwd") for _ in range(2))

    assert isinstance(blocked, errors.CredicorpAuthError)
    assert (blocked.code, 2) == (again.code, stage.sent)
    assert stage.introspect("another").active
    assert stage.introspect("third").active


@pytest.mark.parametrize("status", [302, 403, 404, 406, 501])
def test_an_endpoint_that_never_answered_is_left_alone_after_such_a_refusal(scene, active, status):
    """Before, the same is a wrong address, or a client that may not ask."""
    stage = scene([status_response(status), active()], introspection_url=new_address())
    first, other = stage.introspect("first"), stage.introspect("second")

    assert (first.code, 1) == (other.code, stage.sent)


def test_fault_275_a_cool_down_is_obeyed(scene, active):
    """275: after Retry-After the endpoint is left alone just so long, no matter who asks."""
    stage = scene([status_response(503, retry_after=30), active()])
    assert 30.0 == stage.introspect().retry_after
    stage.clock.advance(29)
    other = stage.introspect("another")
    assert (errors.TokenEndpointBusy, 1.0, 1) == (type(other), other.retry_after, stage.sent)
    stage.clock.advance(1)

    assert stage.introspect().active


def test_a_cool_down_is_meant_for_the_client(scene, active):
    """Another object of the same client and process leaves the endpoint alone as well."""
    first = scene([status_response(429, retry_after=30)], client_id="inquirer-of-two")
    second = scene([active()], client_id="inquirer-of-two")
    first.introspect()

    assert type(second.introspect()) is errors.TokenEndpointBusy
    assert 0 == second.sent


def test_pauses_grow_while_a_server_is_down(scene):
    """275: a server that stays away is asked less and less often."""
    stage = scene([LOST] * 100)
    for _ in range(120):
        assert isinstance(stage.introspect(), errors.ConnectionFailed)
        stage.clock.advance(0.5)

    assert stage.sent < 30


def test_a_mended_secret_is_tried_at_once(scene, active):
    """`forget_secrets` ends the silence that a refused client earned, and no other."""
    stage = scene([status_response(401), active()])
    stage.introspect()
    stage.auth.forget_secrets()
    assert stage.introspect().active
    for failure, kind in (
        (status_response(503), errors.TokenEndpointBusy),
        (status_response(502), errors.ServerFailed),
    ):
        stage = scene([failure, active()])
        stage.introspect()
        stage.auth.forget_secrets()
        assert type(stage.introspect()) is kind


def test_a_rotated_secret_is_read_again(scene, wait, active):
    """A client that is refused shows the secret that its source has now, once."""
    stage = scene([status_response(401), active()], wait=wait, secrets=["old", "new"])

    assert (True, 2) == (stage.introspect().active, stage.sent)
    assert 1 == len(stage.emitted("secret.rotated"))


def test_a_secret_source_that_fails_is_an_error(scene, active):
    """Without a secret nothing is sent, and the source is left alone for a moment."""
    away = errors.SecretUnavailable("sealed", retryable=True)
    stage = scene([active()], secrets=[away, "secret"])
    assert type(stage.introspect()) is errors.SecretUnavailable
    assert type(stage.introspect()) is errors.SecretUnavailable
    assert 0 == stage.sent
    stage.clock.advance(2)

    assert stage.introspect().active


@pytest.mark.parametrize("token", ["", "a\r\nb", "a" * 1024 * 1024, None, b"x"], ids=["277-empty", "277-crlf", "277-1-MiB", "277-none", "277-bytes"])  # fmt: skip
def test_nobody_is_asked_about_what_can_be_no_token(scene, wait, token):
    """277: it is refused with not one request, for introspection and revocation alike."""
    stage = scene(wait=wait)

    assert type(stage.introspect(token)) is errors.MalformedToken
    assert type(stage.revoke(token)) is errors.MalformedToken
    assert 0 == stage.sent


def test_fault_278_our_own_token_is_shown_and_proves_nothing(scene, active):
    """278: asking about an own access token, the client proves itself with its secret."""
    stage = scene()
    token = stage.auth.get_token()
    stage.transport.responses.append(active())
    assert stage.introspect(token).active
    request = stage.transport.sent[-1]
    fields = parse_qs(request.body.reveal().decode())

    assert "https://as.example/oauth/introspect" == request.url
    assert ([token.value.reveal()], ["canary-secret"]) == (
        fields["token"],
        fields["client_secret"],
    )
    assert "Authorization" not in request.wire_headers()


@pytest.mark.parametrize(
    "failure", [status_response(400), status_response(415)], ids=["400", "415"]
)
def test_a_server_that_takes_no_jwts_is_survived(scene, wait, failure):
    """A JWT it refuses is a named error with a cure: no loop, no silence, never active."""
    stage = scene([failure], wait=wait)
    emitted = [stage.introspect(JWT) for _ in range(5)]

    assert {errors.UnsupportedTokenType} == {type(each) for each in emitted}
    assert 1 == stage.sent


def test_threads_and_tasks_share_one_question(scene, active):
    """A caller that asks about the same token meanwhile waits for the same request."""
    stage = scene([active()])
    stage.transport.gate.clear()
    responses = []

    def ask():
        responses.append(stage.auth.introspect("opaque-canary"))

    async def ask_all():
        asking = [asyncio.create_task(stage.auth.aintrospect("opaque-canary")) for _ in range(20)]
        asking[0].cancel()
        await asyncio.sleep(0)
        threading.Timer(0.2, stage.transport.gate.set).start()
        responses.extend(await asyncio.gather(*asking, return_exceptions=True))

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    asyncio.run(ask_all())
    for thread in threads:
        thread.join()
    wait_idle()

    assert 1 == stage.sent
    assert 39 == sum(isinstance(each, Introspection) and each.active for each in responses)
    assert 1 == len({id(each) for each in responses if isinstance(each, Introspection)})


def test_whoever_comes_between_two_looks_asks_nobody(scene, active):
    """A caller who found nothing just before the answer was kept finds it now, without a request."""
    stage = scene([active()])
    introspector = stage.auth._queries.introspector
    question = introspector._prepare("opaque-canary")
    first = stage.introspect()

    assert first is drive(introspector._obtain(question)).response
    assert 1 == stage.sent


def test_what_was_forgotten_meanwhile_is_not_remembered(scene, active, inactive):
    """An answer that was asked for before `forget_introspections` does not count after it."""
    stage = scene([active(), inactive])
    stage.transport.gate.clear()
    asking = threading.Thread(target=stage.introspect)
    asking.start()
    while not stage.sent:
        pass
    stage.auth.forget_introspections()
    stage.transport.gate.set()
    asking.join()

    assert not stage.introspect()


def test_a_closed_client_asks_nobody(scene, wait, active):
    """After closing there is an error, for what was remembered too."""
    stage = scene([active()], wait=wait)
    stage.introspect()
    stage.auth.close()

    assert type(stage.introspect()) is errors.Closed
    assert type(stage.revoke()) is errors.Closed


def test_a_client_that_was_closed_before_its_first_query_asks_nobody(scene, wait):
    """Introspection and revocation, which are loaded when they are first used, begin closed then."""
    stage = scene([], wait=wait)
    stage.auth.close()

    assert [errors.Closed, errors.Closed] == [type(stage.introspect()), type(stage.revoke())]
    assert 0 == stage.sent


def test_closing_wakes_whoever_waits(scene):
    """A caller who waits for an answer gets `Closed`, also where it was forgotten meanwhile."""
    stage = scene()
    stage.transport.gate.clear()
    emitted = []

    def ask():
        try:
            stage.auth.introspect("opaque-canary")
        except errors.CredicorpAuthError as error:
            emitted.append(error.code)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    threads[0].start()
    while stage.sent < 1:
        pass
    stage.auth.forget_introspections()
    threads[1].start()
    while stage.sent < 2:
        pass
    stage.auth.close()
    for thread in threads:
        thread.join()

    assert ["closed", "closed"] == emitted


def test_an_answer_that_comes_after_closing_is_not_kept(scene, active):
    """What was under way when the client was closed makes no token active afterwards."""
    stage = scene([active()])
    stage.transport.gate.clear()
    asking = threading.Thread(target=stage.introspect)
    asking.start()
    while not stage.sent:
        pass
    stage.auth.close()
    stage.transport.gate.set()
    asking.join()

    assert type(stage.introspect()) is errors.Closed


def test_a_child_process_asks_for_itself(scene, active):
    """In the child of a fork what is known stays known, and the parent's questions are nobody's."""
    stage = scene([active(), active(), active()])
    stage.introspect("known")
    stage.transport.gate.clear()
    asking = threading.Thread(target=stage.introspect, args=["asked"])
    asking.start()
    while stage.sent < 2:
        pass

    def check():
        stage.transport.gate.set()
        known = stage.auth.introspect("known").active, stage.sent
        return (True, 2, True, 3) == (*known, stage.auth.introspect("asked").active, stage.sent)

    assert holds_in_a_child(check)
    stage.transport.gate.set()
    asking.join()


def test_an_adapter_cannot_ask_what_it_is_asked_for(scene):
    """A transport that introspects within its request is told so, and does not hang."""
    stage = scene()
    stage.transport.responses.append(lambda _request: stage.auth.introspect("another"))

    assert type(stage.introspect()) is errors.Reentrant


@pytest.mark.slow
def test_a_question_without_an_answer_ends(scene, wait):
    """A caller waits as long as `timeout`; what comes later is not waited for."""
    stage = scene(wait=wait, timeout=0.05)
    stage.transport.send = lambda _request, *, timeout: threading.Event().wait(20 * timeout)

    assert "transport.deadline" == stage.introspect().code


def test_a_lost_question_is_asked_again(scene, active):
    """After the deadline of a question the next caller asks again."""
    stage = scene([active(), active()])
    stage.transport.gate.clear()
    asking = threading.Thread(target=stage.introspect)
    asking.start()
    while not stage.sent:
        pass
    stage.clock.advance(11)
    threading.Timer(0.1, stage.transport.gate.set).start()

    assert (True, 2) == (stage.introspect().active, stage.sent)
    asking.join()


@pytest.mark.slow
def test_questions_about_many_tokens_queue(scene, active):
    """At most 32 requests are under way at once, and every question is answered."""
    stage = scene([active()] * 100)
    stage.transport.gate.clear()
    under_way = []

    def let_go():
        while stage.sent < 32:
            pass
        threading.Event().wait(0.2)  # as long as a 33rd may need
        under_way.append(stage.sent)
        stage.transport.gate.set()

    async def ask_all():
        return await asyncio.gather(*[stage.auth.aintrospect(f"t-{n}") for n in range(100)])

    threading.Thread(target=let_go).start()

    assert all(each.active for each in asyncio.run(ask_all()))
    assert ([32], 100) == (under_way, stage.sent)


def test_questions_that_fail_together_are_one_failure(scene, active):
    """A moment's trouble that 32 questions meet at once silences the endpoint no longer than one."""
    stage = scene([LOST] * 64)

    async def ask_all():
        asking = [stage.auth.aintrospect(f"t-{n}") for n in range(32)]
        return await asyncio.gather(*asking, return_exceptions=True)

    stage.transport.gate.clear()
    threading.Timer(0.2, stage.transport.gate.set).start()
    emitted = asyncio.run(ask_all())
    wait_idle()
    assert {errors.ConnectionFailed} == {type(each) for each in emitted}
    stage.transport.responses.clear()
    stage.transport.responses.append(active())
    stage.clock.advance(2)

    assert stage.introspect().active


def test_a_question_that_queued_too_long_is_not_asked(scene):
    """No request is sent for a question whose time is over, and the endpoint is not blamed."""
    stage = scene()
    introspector = stage.auth._queries.introspector
    question = introspector._prepare("opaque-canary")

    with pytest.raises(errors.DeadlinePassed):
        question.ask(stage.clock.boot())
    assert (0, 0) == (stage.sent, introspector._runtime.recall().failures)


def test_an_error_reaches_no_token(scene, wait):
    """Neither traceback nor text of an error leads to the token or the secret."""
    stage = scene([status_response(500)], wait=wait)
    error = stage.introspect()
    again = stage.introspect()  # out of the memory
    malformed = stage.introspect("mal formed-canary")
    for each in (error, again, malformed):
        frames = traceback.walk_tb(each.__traceback__)
        held = [
            repr(frame.f_locals)
            for frame, _line in frames
            if "credicorp_auth/engine" in frame.f_code.co_filename
        ]
        assert held
        assert "canary" not in repr(held) + str(each) + repr(each) + repr(vars(each))
        assert (None, None) == (each.__cause__, each.__context__)
    assert "canary" not in repr(stage.events)


@pytest.mark.parametrize("discovery", ["off", "on"])
def test_a_real_server_is_asked(discovery):
    """Against a real server, set or discovered: active, then revoked, then inactive."""
    with Sandbox(SandboxSettings(token_rate=10**4, token_burst=10**4)) as sandbox:
        with CredicorpAuth(
            base_url=sandbox.base_url,
            client_id=sandbox.client_id,
            client_secret=sandbox.client_secret,
            client_authentication="client_secret_basic",
            scope="decisions:read",
            discovery=discovery,
        ) as auth:
            token = auth.get_token()
            emitted = auth.introspect(token)
            assert (sandbox.client_id, True) == (
                emitted.client_id,
                emitted.covers("decisions:read"),
            )
            auth.revoke(token)
            assert not auth.introspect(token.value.reveal())
            assert not auth.introspect("unknown")
            assert auth.get_token() != token
            assert auth.introspect(auth.get_token())
        assert (1, 4) == (sandbox.counters["revocations"], sandbox.counters["introspections"])
        assert (discovery == "on") == sandbox.counters["metadata_requests"]


@pytest.mark.parametrize("endpoint", ["introspection_endpoint", "revocation_endpoint"])
def test_metadata_that_name_no_endpoint_are_an_error(endpoint):
    """Where the metadata name none, the error says so, and what to set."""
    with Sandbox() as sandbox:
        sandbox.switches.unnamed = (endpoint,)
        with CredicorpAuth(
            base_url=sandbox.base_url,
            client_id=sandbox.client_id,
            client_secret=sandbox.client_secret,
            discovery="on",
        ) as auth:
            call = auth.introspect if endpoint.startswith("intro") else auth.revoke
            for _ in range(2):
                with pytest.raises(errors.MalformedResponse, match=endpoint) as missing:
                    call("opaque-token")
        assert "discovery.endpoint" == missing.value.code
        counters = sandbox.counters
        assert (0, 0) == (counters["introspection_requests"], counters["revocation_requests"])


def test_a_discovered_endpoint_inside_is_not_believed(scene, active):
    """A discovered name that was bent into another network gives no answer."""
    metadata = {
        "issuer": "https://as.example",
        "introspection_endpoint": "https://as.example/introspect",
    }
    named = response(**metadata)
    public = HttpResponse(200, named.headers, named.body, "93.184.216.34")
    emitted = active()
    bent = HttpResponse(200, emitted.headers, emitted.body, "10.0.0.7")
    stage = scene([public, bent], discovery="on")

    assert "discovery.ssrf" == stage.introspect().code
    assert "https://as.example/introspect" == stage.transport.sent[-1].url
