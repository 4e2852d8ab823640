"""The table of token entries: bounded by least recent use, at no cost to a caller with a fresh token."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from contextlib import suppress
from functools import partial
from urllib.parse import parse_qs

import pytest
from attrs import evolve

from credicorp_auth import Scope, errors
from credicorp_auth.engine.fork import _renew_all
from credicorp_auth.engine.tokens.token_entries import TokenEntries
from credicorp_auth.http.challenge import Verdict
from credicorp_auth.http.messages import HttpResponse
from credicorp_auth.http.secret import SecretBytes
from credicorp_auth.settings.schema import Settings
from credicorp_auth.wiring.engines import build_engine
from credicorp_auth_testing.fakes import ScriptedTransport, wait_idle
from credicorp_auth_testing.scripted_runtime import token_response


def ask(play, *scopes):
    """Ask for the token of each scope, one after the other; return the tokens' texts."""
    return [play.get(scope).value.reveal() for scope in scopes]


def entries(max_entries, count):
    """Build a table with so many entries besides the default one."""
    table = TokenEntries(Scope("home"), max_entries)
    return table, [table.entry(f"scope-{number}") for number in range(count)]


def test_fault_385_each_call_marks_its_record_as_used(stage):
    """385: a scan for an entry to evict takes the mark away, and the next call sets it again."""
    play = stage(max_entries=8)
    ask(play, "a", "a")
    record = play.engine.entries.fresh_of("a")
    record.asked = False

    assert record is play.engine.entries.fresh_of("a")
    assert record.asked


def test_fault_385_what_is_used_stays(stage):
    """385: of 100 scopes in a table of 8, one that is asked for at every other call is minted once."""
    play = stage(max_entries=8)
    play.cache.down = True
    for number in range(100):
        ask(play, "often", f"once-{number}")

    assert 101 == play.mints
    assert "token.evicted" not in play.events


def test_fault_385_as_many_as_are_allowed_are_all_held(stage):
    """385: scopes up to the bound, the default one counted, are minted once, however often all are asked for."""
    play = stage(max_entries=300)
    play.cache.down = True
    scopes = [None, *(f"scope-{number}" for number in range(299))]
    first = ask(play, *scopes)

    assert first == ask(play, *scopes) == ask(play, *reversed(scopes))[::-1]
    assert 300 == play.mints


def test_fault_179_scopes_do_not_grow_the_engine(stage):
    """179: ten times as many scopes as are allowed do not grow the table; the default scope keeps its token."""
    play = stage(max_entries=40)
    play.get()
    ask(play, *(f"scope-{number}" for number in range(400)))

    assert 40 == len(play.engine.entries)
    assert 40 >= len(play.engine.entries._evicted)
    assert 4 * 40 >= len(play.engine.entries._fresh)
    assert ["token-1"] == ask(play, None)


def test_fault_386_an_eviction_that_costs_a_mint_is_told(stage):
    """386: the event comes with the mint that was not needed before, and not with the eviction."""
    emitted = []
    play = stage(max_entries=2, observers=[emitted.append])
    play.cache.down = True
    ask(play, "a", "b")
    assert "token.evicted" not in play.events
    ask(play, "a")

    fields = [dict(each.fields) for each in emitted if each.name == "token.evicted"]
    assert [{"scope": "a", "max_entries": 2}] == fields
    assert 3 == play.mints


def test_fault_386_an_eviction_that_costs_none_is_not_told(stage):
    """386: nothing is told if the cache still has the token, or the token had grown old anyway."""
    play = stage(max_entries=2)
    assert ["token-1", "token-2", "token-1"] == ask(play, "a", "b", "a")
    ask(play, "b")
    play.clock.advance(3600)
    assert ["token-3"] == ask(play, "a")

    assert "token.evicted" not in play.events


def test_fault_387_the_cache_in_memory_is_no_smaller_than_the_engine():
    """387: what an engine evicts is found in the cache `memory`, however small that was set."""
    transport = ScriptedTransport()
    settings = Settings(
        client_id="c", client_secret="s", transport=transport, cache_options={"max_entries": 1}, max_entries=20
    )  # fmt: skip
    engine = build_engine(settings)
    scopes = [f"scope-{number}" for number in range(20)]
    first = [engine.get_token(scope).value.reveal() for scope in scopes]
    wait_idle()

    # The default scope has a place of its own, so one of the twenty has made room for another.
    assert first == [engine.get_token(scope).value.reveal() for scope in scopes]
    assert 20 == len(transport.sent)
    engine.close()


@pytest.mark.parametrize("spelt", ["b a", ["a", "b"], Scope("a b"), "a  b", "a b a", " a b "])
def test_fault_385_one_scope_has_one_entry_however_it_is_spelt(stage, spelt):
    """385: order, repetition and form of a scope make no second entry, also once texts are remembered."""
    play = stage()

    assert ["token-1"] * 4 == ask(play, "a b", spelt, "a b", spelt)
    assert 2 == len(play.engine.entries)


def test_fault_385_spellings_are_bounded(stage):
    """385: a program that makes a new spelling at each call grows nothing."""
    play = stage()
    ask(play, *(f"a{' ' * number}b" for number in range(1, 50)))

    assert 4 == len(play.engine.entries._fresh)
    assert 1 == play.mints


def test_fault_386_an_entry_under_way_is_not_evicted(stage):
    """386: while tokens are being minted their entries stay, beyond the bound; afterwards the bound holds again."""
    play = stage(max_entries=4)
    play.transport.gate.clear()
    threads = [threading.Thread(target=play.engine.get_token, args=(f"slow-{number}",)) for number in range(10)]  # fmt: skip
    for thread in threads:
        thread.start()
    while len(play.transport.sent) < 10:
        threading.Event().wait(0.001)
    assert 11 == len(play.engine.entries)
    play.transport.gate.set()
    for thread in threads:
        thread.join()
    wait_idle()

    ask(play, "one-more")
    assert 4 == len(play.engine.entries)
    assert 11 == play.mints


def test_fault_386_a_flight_that_is_lost_keeps_no_place(stage):
    """386: an entry whose call is past its deadline can be evicted."""
    play = stage(max_entries=2)
    play.transport.gate.clear()

    def ask_for_it():
        with suppress(errors.DeadlinePassed):
            play.engine.get_token("lost")

    lost = threading.Thread(target=ask_for_it)
    lost.start()
    while not play.transport.sent:
        threading.Event().wait(0.001)
    play.clock.advance(11)
    play.engine.entries.entry("other")

    assert 2 == len(play.engine.entries)
    play.transport.gate.set()
    lost.join()
    wait_idle()


def test_fault_386_an_entry_that_was_evicted_meanwhile_is_looked_up_again(stage):
    """386: a call of who found an entry just before it was evicted brings its token to the table."""
    play = stage(max_entries=2)
    found = play.engine.entries.entry("a")
    play.engine.entries.entry("b")
    assert found.state.get().is_evicted
    play.engine._join(found, play.clock.boot() + 1, cache_only=False)
    wait_idle()

    assert found is play.engine.entries.known("a")  # back, with the token
    assert ["token-1"] == ask(play, "a")
    assert 1 == play.mints


def test_fault_386_adding_takes_a_bounded_number_of_steps():
    """386: if all were used, one of them goes all the same, and no more than 64 lose their mark."""
    table, table_entries = entries(201, 200)
    for entry in table_entries:
        entry.fresh.asked = True
    table.entry("one-more")

    assert 1 == sum(entry.state.get().is_evicted for entry in table_entries)
    assert 65 >= sum(not entry.fresh.asked for entry in table_entries)
    assert 201 == len(table)


def test_fault_386_what_was_not_used_goes_first():
    """386: an entry goes only after every one that was not used since the table looked last."""
    table, table_entries = entries(11, 10)
    for number in range(1, 10, 2):
        table.entry(f"scope-{number}")
    for number in range(5):
        table.entry(f"more-{number}")

    assert [entry.state.get().is_evicted for entry in table_entries] == [True, False] * 5


def test_fault_385_a_table_of_two_has_room_for_one(stage):
    """385: the default scope stays no matter what else is asked for."""
    play = stage(max_entries=2)

    assert ["token-1", "token-2", "token-3", "token-1"] == ask(play, None, "a", "b", None)
    assert 2 == len(play.engine.entries)


def test_fault_386_a_rejection_outlasts_an_eviction(stage):
    """386: a token that a resource refused is not read again from the cache, and 401s gain no mints."""
    play = stage(max_entries=2)
    play.cache.discard = lambda *_args, **_keywords: False  # so that the cache still has it
    rejected = play.get("a")
    origin = "https://as.example:443"
    reject = partial(play.engine.reports.reject, scope="a", origin=origin, first_pause=5.0)
    assert Verdict.DROPPED is reject(rejected)
    wait_idle()
    ask(play, "b")  # evicts a
    assert ["token-3"] == ask(play, "a")
    ask(play, "b")

    second = play.get("a")
    assert Verdict.KEPT is reject(second)
    assert [second.value.reveal()] == ask(play, "a")


def test_fault_386_a_refusal_outlasts_an_eviction(stage):
    """386: a scope that the server refused is not asked for again because its entry made room."""
    refusal = HttpResponse(400, (), SecretBytes(b'{"error": "invalid_scope"}'))
    play = stage([refusal], max_entries=2)
    for scope in ("a", "b", "c", "a"):
        if scope == "a":
            with pytest.raises(errors.CredicorpAuthError, match="invalid_scope"):
                ask(play, scope)
        else:
            ask(play, scope)

    assert 3 == play.mints


def report(play, token, scope):
    """Report that a replay with the token was served."""
    origin = "https://as.example:443"
    play.engine.reports.report_replay(token, scope, origin, first_pause=None)


def test_fault_385_a_response_is_no_use(stage):
    """385: that a resource answered keeps no entry in the table, and makes none."""
    play = stage(max_entries=3)
    once = play.get("once")
    for scope in ("once", ["on", "ce"]):
        report(play, once, scope)
    assert not play.engine.entries.known("once").fresh.asked
    assert not play.engine.entries.known(Scope("once")).fresh.asked
    ask(play, "once")
    assert play.engine.entries.known("once") is play.engine.entries.known(Scope("once"))
    play.engine.entries.known("once").fresh.asked = False
    ask(play, "b", "c")
    report(play, once, "once")

    assert play.engine.entries.known("once") is None
    rejected = play.engine.reports.reject(once, "once", "https://as.example:443", first_pause=5.0)
    assert Verdict.REPLACED is rejected


def test_fault_385_one_token_for_several_scopes_is_dropped_everywhere(stage):
    """385: if a server gives one token for every request, a revoked one is held by no entry."""
    play = stage([token_response("same"), token_response("same"), token_response("other")])
    first, second = play.get("a"), play.get("b")
    assert first.value == second.value
    other = evolve(first, expires_at=1.0)
    assert not play.engine.invalidate(other)
    assert play.engine.windows_of(second) is play.engine.entries.entry("b").held.windows
    play.engine.drop(first.value)
    wait_idle()

    assert [None, None] == [play.engine.entries.entry(each).held for each in "ab"]
    assert [] == play.engine.entries.held_tokens(first.value)


def test_fault_386_threads_that_evict_at_once(stage):
    """386: under threads no scope is minted by two at once, and the table stays what it is."""
    play, under_way, twice = stage(max_entries=16), Counter(), []
    guard = threading.Lock()

    def response(request):
        scope = parse_qs(request.wire_body().decode())["scope"][0]
        with guard:
            under_way[scope] += 1
            twice.extend([scope] * (under_way[scope] > 1))
        threading.Event().wait(0.001)
        with guard:
            under_way[scope] -= 1
        return token_response(f"token-{scope}")

    play.cache.down = True
    play.transport.responses.extend([response] * 20_000)

    def work(seed):
        for number in range(150):
            wanted = f"scope-{(seed * 7 + number * number) % 48}"
            assert f"token-{wanted}" == play.engine.get_token(wanted).value.reveal()

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_idle()
    table = play.engine.entries

    assert [] == twice
    assert {*table._queue, table.default} == {*table.all()}
    assert len(table._queue) + 1 == len(table)
    assert not any(entry.state.get().is_evicted for entry in table.all())
    ask(play, *(f"more-{number}" for number in range(16)))
    assert 16 == len(table)


def steps_of(call):
    """Count the bytecode instructions that a call executes in our own modules."""
    counted = 0

    def trace(frame, event, _argument):
        nonlocal counted
        frame.f_trace_opcodes = True
        counted += event == "opcode"
        return trace

    before = sys.gettrace()
    # Python 3.12 reports instructions only if a frame wants them before tracing starts.
    sys._getframe().f_trace_opcodes = True
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return counted


@pytest.mark.parametrize("kind", [str, Scope])
def test_fault_385_a_call_takes_as_many_steps_with_a_thousand_scopes_as_with_one(stage, kind):
    """385: what a fresh call does is the same however many scopes are held; so is adding one more."""
    play = stage()

    def steps(scope):
        play.engine.get_token(scope)  # from the second call on it is known by its text
        play.engine.get_token(scope)
        return steps_of(lambda: play.engine.get_token(scope))

    def adding(scope):
        return steps_of(lambda: play.engine.entries.entry(scope))

    wanted = kind("first")
    first, one_more = steps(wanted), adding("new-1")
    ask(play, *(f"scope-{number}" for number in range(1000)))

    assert 0 < first == steps(wanted) == steps(kind("last"))
    assert 0 < one_more == adding("new-2")


def test_fault_386_a_child_goes_on_with_the_table_of_its_parent():
    """386: an entry that a thread of the parent was moving is in the queue of a forked child again."""
    table, table_entries = entries(4, 3)
    taken = table._queue.popleft()
    _renew_all()
    table.entry("more")

    assert {*table._queue, table.default} == {*table.all()}
    assert (4, 3) == (len(table), len(table._queue))
    assert table_entries[0] is taken
