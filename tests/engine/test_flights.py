"""Calls: one for everyone who asks, and nobody's trouble is anybody else's."""

from __future__ import annotations

import asyncio
import math
import threading
import time

import pytest

from credicorp_auth import errors
from credicorp_auth.engine.clock import Clock
from credicorp_auth.engine.single_flight.in_flight import run_guarded
from credicorp_auth.engine.single_flight.waiter import ThreadWaiter
from credicorp_auth.http.challenge import Verdict
from credicorp_auth_testing.fakes import wait_idle
from credicorp_auth_testing.scripted_runtime import response

HERD = 1_000


def ask_in_threads(stage, count, outcomes):
    """Start threads that ask at once; each writes down what it got."""

    def ask():
        try:
            outcomes.append(stage.engine.get_token().value.reveal())
        except errors.CredicorpAuthError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=ask) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


def await_waiters(stage, count):
    """Wait until so many wait for the call of the default scope."""
    while (call := stage.call()) is None or len(call.waiters) < count:
        time.sleep(0.001)


async def ask_in_tasks(stage, count):
    """Ask in tasks of one loop."""
    tokens = await asyncio.gather(*(stage.engine.aget_token() for _ in range(count)))
    return [token.value.reveal() for token in tokens]


def test_fault_281_a_thousand_threads_cost_one_request(stage):
    """281: a cold start of 1,000 threads is exactly one POST."""
    play = stage(clock=Clock())
    play.transport.gate.clear()
    outcomes = []
    threads = ask_in_threads(play, HERD, outcomes)
    await_waiters(play, HERD)
    play.transport.gate.set()
    for thread in threads:
        thread.join()

    assert ["token-1"] * HERD == outcomes
    assert 1 == play.mints


def test_fault_282_a_thousand_tasks_cost_one_request(stage):
    """282: a cold start of 1,000 tasks is exactly one POST."""
    play = stage(clock=Clock())

    assert ["token-1"] * HERD == asyncio.run(ask_in_tasks(play, HERD))
    assert 1 == play.mints


def test_fault_282_threads_and_tasks_of_two_loops_share_one_request(stage):
    """282, 295: threads, and tasks of two loops, on one object: exactly one POST."""
    play = stage(clock=Clock())
    play.transport.gate.clear()
    outcomes = []
    threads = ask_in_threads(play, 200, outcomes)
    loops = [
        threading.Thread(target=lambda: outcomes.extend(asyncio.run(ask_in_tasks(play, 400))))
        for _ in range(2)
    ]
    for loop in loops:
        loop.start()
    await_waiters(play, HERD)
    play.transport.gate.set()
    for thread in [*threads, *loops]:
        thread.join()

    assert ["token-1"] * HERD == outcomes
    assert 1 == play.mints


def test_the_herd_shares_one_refusal_and_each_raises_its_own_copy(stage):
    """A refused call is one POST, and no two callers raise the same exception object."""
    play = stage([response(400, error="invalid_scope")], clock=Clock())
    play.transport.gate.clear()
    outcomes = []
    threads = ask_in_threads(play, 50, outcomes)
    await_waiters(play, 50)
    play.transport.gate.set()
    for thread in threads:
        thread.join()

    assert ["oauth.invalid_scope"] * 50 == [error.code for error in outcomes]
    assert 50 == len({id(error) for error in outcomes})
    assert 1 == play.mints


def test_fault_283_a_cancelled_task_harms_nobody(stage):
    """283: cancelling the caller who started the call leaves the call and all others alone."""
    play = stage(clock=Clock())
    play.transport.gate.clear()

    async def main():
        tasks = [asyncio.ensure_future(play.engine.aget_token()) for _ in range(10)]
        while play.mints == 0:
            await asyncio.sleep(0.001)
        tasks[0].cancel()
        await asyncio.sleep(0)
        play.transport.gate.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, *others = asyncio.run(main())

    assert isinstance(first, asyncio.CancelledError)
    assert ["token-1"] * 9 == [token.value.reveal() for token in others]
    assert 1 == play.mints


def test_fault_284_a_flight_that_everybody_left_still_lands(stage):
    """284: when all waiters are cancelled, the token is there for the next caller."""
    play = stage(clock=Clock())
    play.transport.gate.clear()

    async def main():
        task = asyncio.ensure_future(play.engine.aget_token())
        while play.mints == 0:
            await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())
    play.transport.gate.set()
    wait_idle()

    assert "token-1" == play.get().value.reveal()
    assert 1 == play.mints


def test_fault_285_an_impatient_caller_fails_alone(stage, waiting):
    """285: a deadline of 0.1 s ends that caller's wait and nobody else's."""
    play = stage(clock=Clock())
    play.transport.gate.clear()
    outcomes = []
    threads = ask_in_threads(play, 3, outcomes)
    await_waiters(play, 3)

    def impatient():
        if waiting.__name__ == "as_task":
            return asyncio.run(play.engine.aget_token(timeout=0.1))
        return play.engine.get_token(timeout=0.1)

    with pytest.raises(errors.DeadlinePassed):
        impatient()
    assert 3 == len(play.call().waiters)
    play.transport.gate.set()
    for thread in threads:
        thread.join()

    assert ["token-1"] * 3 == outcomes
    assert 1 == play.mints


@pytest.mark.parametrize("fate", ["blocked", "stopped", "closed"])
def test_the_first_callers_loop_may_die_in_mid_mint(stage, fate):
    """The first caller's loop is blocked, stopped or closed: all others get their token."""
    play = stage(clock=Clock())
    play.transport.gate.clear()
    release = threading.Event()
    loop = asyncio.new_event_loop()

    def first_caller():
        task = loop.create_task(play.engine.aget_token())
        loop.run_until_complete(asyncio.sleep(0))
        if fate == "blocked":
            release.wait()
            loop.run_until_complete(task)
        else:
            task.cancel()
            if fate == "stopped":
                release.wait()
            loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
        loop.close()
        if fate == "closed":
            release.wait()

    first = threading.Thread(target=first_caller)
    first.start()
    await_waiters(play, 1) if fate != "closed" else None
    while play.mints == 0:
        time.sleep(0.001)
    outcomes = []
    threads = ask_in_threads(play, 5, outcomes)
    await_waiters(play, 5)
    play.transport.gate.set()

    others = asyncio.run(ask_in_tasks(play, 5))
    for thread in threads:
        thread.join()
    release.set()
    first.join()

    assert ["token-1"] * 10 == [*outcomes, *others]
    assert 1 == play.mints


def test_a_task_of_a_closed_loop_is_not_waited_for(stage):
    """A loop that was closed with a task still waiting does not stop the others' wake-up."""
    play = stage(clock=Clock())
    play.transport.gate.clear()
    loop = asyncio.new_event_loop()
    coroutine = play.engine.aget_token()

    async def begin():
        coroutine.send(None)  # the task boards the call, and is then abandoned with its loop

    loop.run_until_complete(begin())
    loop.close()
    outcomes = []
    threads = ask_in_threads(play, 2, outcomes)
    await_waiters(play, 3)
    play.transport.gate.set()
    for thread in threads:
        thread.join()
    wait_idle()

    assert ["token-1"] * 2 == outcomes
    with pytest.raises(RuntimeError):
        coroutine.throw(RuntimeError())


def test_fault_019_a_failing_endpoint_sees_one_request_for_each_step(stage):
    """19: an hour of failures under constant demand costs one POST a step, not one a call."""
    play = stage([errors.TlsFailed("bad certificate")] * 10_000)
    # On a slow machine the short timeout may pass before the failure is told: either error will do.
    for _ in range(3600):
        with pytest.raises((errors.TlsFailed, errors.DeadlinePassed)):
            play.get(timeout=0.2)
        play.clock.advance(1.0)

    # Steps double from 1 s to 30 s, and jitter halves them on average.
    assert 3600 / 30 <= play.mints <= 3600 / 10


def test_callers_who_can_outlast_the_pause_wait_for_it(stage):
    """After a failure the next caller waits out the pause rather than fail at once."""
    play = stage([errors.TlsFailed("bad certificate")])
    with pytest.raises(errors.TlsFailed):
        play.get()

    assert "token-2" == play.get().value.reveal()
    assert 0.5 <= sum(play.clock.waited) <= 1.0


def test_fault_020_a_cool_down_is_waited_for_or_raised_at_once(stage):
    """20: a caller with time waits for the cool-down; one without hears so, and sends nothing."""
    play = stage([response(429, [("Retry-After", "20")])])
    with pytest.raises(errors.TokenEndpointBusy) as raised:
        play.get()
    play.clock.advance(12.0)
    with pytest.raises(errors.TokenEndpointBusy) as again:
        play.get(timeout=1.0)

    assert [20.0, 8.0] == [raised.value.retry_after, pytest.approx(again.value.retry_after)]
    assert 1 == play.mints
    assert "token-2" == play.get().value.reveal()


def test_fault_020_a_cool_down_holds_for_the_whole_process(stage):
    """20: a second object of the same client keeps the cool-down that the first one met."""
    first = stage([response(429, [("Retry-After", "20")])])
    second = stage(client_id=first.engine._client.client_id, clock=first.clock)
    with pytest.raises(errors.TokenEndpointBusy):
        first.get()
    with pytest.raises(errors.TokenEndpointBusy):
        second.get()

    assert 0 == second.mints


def test_fault_016_a_deadline_of_nothing_is_a_deadline(stage, waiting):
    """16: no time allowed is an error at once, without a request."""
    play = stage()
    with pytest.raises(errors.DeadlinePassed):
        waiting(play, timeout=0)

    assert 0 == play.mints


def test_fault_289_an_adapter_may_not_ask_for_the_token_it_helps_to_obtain(stage):
    """289: circular demand is an error at once; another scope's token may be asked for."""
    seen = []

    def greedy(_request):
        if len(seen) == 0:
            seen.append("first")
            seen.append(play.engine.get_token("other").value.reveal())
            try:
                play.engine.get_token()
            except errors.Reentrant as error:
                seen.append(error.code)
        return response(access_token=f"t-{len(seen)}", token_type="Bearer", expires_in=3600)

    play = stage()
    play.transport.responses.extend([greedy, greedy])

    assert "t-3" == play.get().value.reveal()
    assert ["first", "t-1", "concurrency.reentrant"] == seen


@pytest.mark.parametrize("crash", [MemoryError(), SystemExit(), KeyboardInterrupt()])
def test_fault_286_a_crash_in_an_adapter_reaches_the_callers_as_ours(stage, crash):
    """286, 288: whether a call ends by any exception, callers get an error of ours, and the next call mints."""
    play = stage([crash])
    with pytest.raises(errors.AdapterBroken) as raised:
        play.get()

    assert "single_flight.crashed" == raised.value.code
    assert "token-2" == play.get().value.reveal()


def test_fault_288_an_exception_of_a_plugins_own_is_a_breach_of_contract(stage):
    """336: what an adapter raises by mistake is named, without its text."""
    play = stage([ValueError("the secret is hunter2")])
    with pytest.raises(errors.AdapterBroken) as raised:
        play.get()

    assert "plugin.contract" == raised.value.code
    assert "hunter2" not in f"{raised.value}{raised.value!r}"


@pytest.mark.parametrize("failed", ["request", "secret"])
def test_fault_441_after_a_freeze_the_next_call_asks_at_once(stage, failed):
    """441: what failed because the process stood still starts no backoff; an ordinary failure does."""
    lost = errors.ConnectionFailed("cut", code="transport.reset", retryable=True)

    def thaw(_request=None):
        play.clock.advance(3600)
        raise lost

    play = stage([thaw] if failed == "request" else [], timeout=10)
    if failed == "secret":
        fetch, play.secrets.fetch = play.secrets.fetch, lambda _names, *, timeout: thaw()
    with pytest.raises(errors.ServerUnreachable):
        play.get()
    wait_idle()
    if failed == "secret":
        play.secrets.fetch = fetch

    before = play.clock.boot()
    assert play.get().value.reveal().startswith("token-")
    assert before == play.clock.boot()  # nothing was waited out


def test_fault_441_an_ordinary_failure_backs_off(stage):
    """441: a failure within the call's time is remembered as before."""
    lost = errors.ConnectionFailed("cut", code="transport.reset", retryable=True)
    play = stage([lost] * 3, timeout=10)
    with pytest.raises(errors.ServerUnreachable):
        play.get()
    wait_idle()

    assert play.engine._runtime.recall().cooldown_until > play.clock.boot()


def test_a_frozen_flight_is_abandoned_and_its_late_token_does_not_count(stage):
    """A call past its deadline is replaced; what it brings home late counts only if newer."""
    play = stage(timeout=10)
    play.transport.gate.clear()
    outcomes = []
    threads = ask_in_threads(play, 1, outcomes)
    await_waiters(play, 1)
    while play.mints == 0:
        time.sleep(0.001)
    play.clock.advance(11.0)
    second = ask_in_threads(play, 1, outcomes)
    while play.mints < 2:
        time.sleep(0.001)
    play.transport.gate.set()
    for thread in [*threads, *second]:
        thread.join()
    wait_idle()

    assert "single_flight.abandoned" in play.events
    assert 2 == play.mints
    assert "token-2" == play.get().value.reveal()


def test_fault_298_close_wakes_those_who_wait(stage):
    """298: closing in mid-mint ends every wait with `closed`; closing twice is fine."""
    play = stage(clock=Clock())
    play.transport.gate.clear()
    outcomes = []
    threads = ask_in_threads(play, 3, outcomes)
    await_waiters(play, 3)
    play.engine.close()
    play.engine.close()
    for thread in threads:
        thread.join()
    play.transport.gate.set()
    wait_idle()

    assert ["closed"] * 3 == [error.code for error in outcomes]
    assert (True, True, True) == (
        play.transport.closed,
        play.cache.closed,
        play.secrets.closed,
    )
    with pytest.raises(errors.Closed):
        play.get()


def test_close_ends_a_pause(stage):
    """A call that waits out a cool-down ends when the object is closed."""
    play = stage([response(429, [("Retry-After", "5")])], clock=Clock())
    outcomes = []
    threads = ask_in_threads(play, 1, outcomes)
    while "endpoint.cooldown" not in play.events:
        time.sleep(0.001)
    play.engine.close()
    for thread in threads:
        thread.join()
    wait_idle()

    assert ["closed"] == [error.code for error in outcomes]


def test_fault_294_the_same_object_serves_one_loop_after_another(stage):
    """294: asyncio.run twice with one object works, with an expiry in between."""
    play = stage()
    asyncio.run(ask_in_tasks(play, 3))
    play.clock.advance(3600)

    assert ["token-2"] * 3 == asyncio.run(ask_in_tasks(play, 3))


def test_a_flight_runs_here_where_no_thread_can_start(stage):
    """If the system has no thread left, the caller runs the call itself."""
    play = stage(clock=Clock())
    limit = threading.stack_size()
    threading.stack_size(2**46)  # no address space has room for such a stack: start() fails
    try:
        token = play.engine.get_token()
    finally:
        threading.stack_size(limit)

    assert "token-1" == token.value.reveal()


def test_fault_121_the_boot_clock_counts_sleep_where_the_system_can():
    """121: the second clock is the one that a suspended machine does not stop."""
    clock = Clock()
    before, boot, after = (
        time.clock_gettime(time.CLOCK_BOOTTIME),
        clock.boot(),
        time.clock_gettime(time.CLOCK_BOOTTIME),
    )

    assert before <= boot <= after


def test_who_comes_just_after_the_landing_needs_no_flight(stage):
    """A caller who found no token, and one when it wanted to join a call, takes it: no second request."""
    play = stage()
    token = play.get()
    found = play.engine._join(play.engine._default, math.inf, cache_only=False)

    assert token is found.held.token
    assert 1 == play.mints


def test_waking_twice_is_waking_once():
    """A waiter that was woken already may be woken again."""
    waiter = ThreadWaiter()
    waiter.wake()
    waiter.wake()
    waiter.wait(0.0)


def test_a_late_token_counts_only_if_it_is_newer(stage):
    """What comes home after its successor is not held, and cannot be forgotten in its stead."""
    play = stage()
    play.get()
    old = play.engine._default.held
    play.clock.advance(3600)
    play.get()
    entry = play.engine._default
    entry.hold(old)

    assert entry.held is not old
    assert not entry.forget(old)


def reject(engine, token):
    """Report a 401 to a token."""
    return engine.reports.reject(token, None, "https://as.example:443", first_pause=5.0)


@pytest.mark.parametrize(
    ("report", "expected"),
    [(reject, Verdict.REPLACED), (lambda engine, token: engine.invalidate(token), False)],
    ids=["reject", "invalidate"],
)
def test_bad_news_that_comes_second_changes_nothing(stage, report, expected):
    """Of two who bring the same bad news at once, the second finds it done."""
    play = stage()
    token = play.get()
    entry = play.engine._default
    play.engine.entries.holding = lambda _token: (entry, held)
    held = entry.held
    entry.drop()

    assert expected == report(play.engine, token)
    assert {} == entry.state.get().rejections._origins


def test_a_token_from_the_cache_says_so(stage):
    """An engine that finds a token in the cache mints none, and the token names the cache."""
    first = stage()
    first.get()
    second = stage(client_id=first.engine._client.client_id)
    second.cache.entries.update(first.cache.entries)
    token = second.get()

    assert (0, "cached") == (second.mints, token.provenance.source)
    assert not second.cache.discard("nothing", timeout=5)


def test_a_token_that_was_turned_away_while_it_landed_is_asked_for_again(stage, waiting):
    """Who wakes to find the token invalidated in the meantime gets the next one, not an error."""
    turned_away = []

    def turn_away(event):
        # The waiter itself tells this, between the landing and its look at what is held.
        if event.name == "token.waited" and not turned_away:
            held = late.engine._default.held
            turned_away.append(held.token.value.reveal())
            late.engine.invalidate(held.token)

    late = stage(observers=[turn_away])

    assert "token-2" == waiting(late).value.reveal()
    assert ["token-1"] == turned_away


def test_a_crash_shows_its_text_only_where_its_secrets_are_known():
    """The cause of a crash has type and place; its text only if the secrets to hide are known."""

    def crash():
        raise RuntimeError("text of the crash")

    hidden, shown = run_guarded(crash).__cause__, run_guarded(crash, lambda: ()).__cause__

    assert ("RuntimeError", "") == (hidden.raised, hidden.message)
    assert len(hidden.frames) == len(shown.frames) > 0
    assert "text of the crash" == shown.message
