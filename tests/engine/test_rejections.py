"""What a 401 costs: one mint, and never one for each call."""

from __future__ import annotations

import threading

import pytest

from credicorp_auth.bearer import BearerCall
from credicorp_auth.engine.slot import Rejections
from credicorp_auth.errors import OriginNotAllowed
from credicorp_auth.oauth.destinations import Destinations
from credicorp_auth.testing.stand_ins import settle

URL = "https://as.example/decisions/1"
ORIGINS = Destinations(frozenset({"https://as.example:443"}))


def call_once(play, resource, url=URL):
    """Send one request the way every stack's bearer does; return the status the caller sees."""
    call = BearerCall(play.engine, ORIGINS, url)
    status = resource(call.header())
    while call.answered(status, [], replayable=True):
        status = resource(call.header())
    settle()
    return status


def test_a_revoked_token_costs_one_mint_and_no_401(stage):
    """The caller of a revoked token sees a success, at the price of one mint."""
    play = stage()
    play.get()
    revoked = {"Bearer token-1"}

    assert 200 == call_once(play, lambda header: 401 if header in revoked else 200)
    assert 2 == play.mints
    assert 1 == play.notebook.count("cache discard")


def test_a_resource_that_refuses_everything_costs_a_handful_of_mints(stage):
    """100 calls that are all answered 401 cost two mints, and a few more over the next hour."""
    play = stage()

    assert [401] * 100 == [call_once(play, lambda _header: 401) for _ in range(100)]
    assert 2 == play.mints

    for _ in range(60):
        play.clock.advance(60)
        call_once(play, lambda _header: 401)
    # 5, 10, 20 … 300 s: an hour of trying is some fifteen mints, the expiry of the token included.
    assert 5 < play.mints < 20


def test_fifty_parallel_401s_cost_one_mint(stage):
    """108: fifty callers who meet the same dead token share the mint of its successor."""
    play = stage()
    play.get()
    at_once = threading.Barrier(50)
    statuses = []

    def resource(header):
        if header == "Bearer token-1":
            at_once.wait()
            return 401
        return 200

    def caller():
        call = BearerCall(play.engine, ORIGINS, URL)
        status = resource(call.header())
        if call.answered(status, [], replayable=True):
            status = resource(call.header())
        statuses.append(status)

    threads = [threading.Thread(target=caller) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [200] * 50 == statuses
    assert 2 == play.mints


def test_a_second_401_is_final(stage):
    """109: a request is sent twice at most."""
    play = stage()
    call = BearerCall(play.engine, ORIGINS, URL)
    call.header()

    assert call.answered(401, [], replayable=True)
    call.header()
    assert not call.answered(401, [], replayable=True)


def test_a_request_that_cannot_be_sent_again_is_not_but_its_token_is_forgotten(stage):
    """110: a one-shot body is never replayed; the next call has a new token."""
    play = stage()
    call = BearerCall(play.engine, ORIGINS, URL)
    call.header()

    assert not call.answered(401, [], replayable=False)
    assert "token-2" == play.get().value.reveal()


@pytest.mark.parametrize(
    ("status", "challenges"),
    [
        pytest.param(403, ['Bearer error="insufficient_scope"'], id="112"),
        pytest.param(401, ['Bearer error="insufficient_scope"'], id="401 for want of scope"),
        pytest.param(401, ["Basic realm=x"], id="401 of another scheme"),
        pytest.param(200, [], id="success"),
    ],
)
def test_an_answer_that_another_token_cannot_cure_costs_nothing(stage, status, challenges):
    """112: only a 401 that speaks of the token, or of nothing, costs a mint."""
    play = stage()
    call = BearerCall(play.engine, ORIGINS, URL)
    call.header()

    assert not call.answered(status, challenges, replayable=True)
    assert "token-1" == play.get().value.reveal()


def test_an_answer_to_a_request_without_our_token_does_not_count(stage):
    """A 401 counts only if the request that got it carried our token."""
    play = stage()
    play.get()

    assert not BearerCall(play.engine, ORIGINS, URL).answered(401, [], replayable=True)
    assert "token-1" == play.get().value.reveal()


def test_a_token_revoked_twice_is_cured_twice(stage):
    """After a success the next 401 is taken at its word again."""
    play = stage()
    revoked = set()
    for number in range(1, 5):
        revoked.add(f"Bearer token-{number}")
        assert 200 == call_once(play, lambda header: 401 if header in revoked else 200)

    assert 5 == play.mints


def test_one_route_that_refuses_everything_does_not_mint_whenever_another_answers(stage):
    """A resource with one broken route costs a mint every few seconds at most, not each call."""
    play = stage()
    for _ in range(50):
        assert 401 == call_once(play, lambda _header: 401)
        assert 200 == call_once(play, lambda _header: 200)

    assert 2 == play.mints


def test_pauses_between_mints_that_401s_may_cause_double_up_to_five_minutes():
    """After the first, a 401 may cause a mint after 5, 10, 20 … 300 s."""
    rejections, moment, pauses = Rejections(), 0.0, []
    assert rejections.allow_mint(moment)
    for _ in range(8):
        assert not rejections.allow_mint(moment)
        pauses.append(rejections.quiet_until - moment)
        moment = rejections.quiet_until
        assert rejections.allow_mint(moment)

    assert [5, 10, 20, 40, 80, 160, 300, 300] == pauses


def test_invalidating_forgets_only_the_very_token(stage):
    """Compare-and-forget: an older token's bad news does not cost the newer one."""
    play = stage()
    old = play.get()
    assert play.engine.invalidate(old)
    settle()
    new = play.get()

    assert not play.engine.invalidate(old)
    assert new is play.get()
    assert 2 == play.mints


def test_another_scopes_token_is_found_by_its_own_bad_news(stage):
    """A rejected token of one scope leaves the others alone."""
    play = stage()
    first, other = play.get(), play.get("other")

    assert play.engine.invalidate(other)
    assert play.engine.reject(first)
    assert play.engine.reject(first)
    settle()
    assert 2 == play.mints


def test_the_token_stays_at_home(stage):
    """111: a call that starts at a foreign origin is refused before a token is asked for."""
    play = stage()
    for url in ("https://evil.example/x", "http://as.example/x", "https://as.example:444/x"):
        with pytest.raises(OriginNotAllowed) as raised:
            BearerCall(play.engine, ORIGINS, url)
        assert "origin.refused" == raised.value.code
    home = BearerCall(play.engine, ORIGINS, URL)

    assert home.allows("https://AS.example:443/elsewhere?q=1")
    assert not home.allows("https://as.example.evil.test/")
    assert 0 == play.mints


async def _aheader(play):
    return await BearerCall(play.engine, ORIGINS, URL, "decisions:read").aheader()


def test_a_call_has_a_scope_of_its_own(stage):
    """A call may ask for another scope, awaiting its token, and takes note of its success."""
    import asyncio

    play = stage()
    assert "Bearer token-1" == asyncio.run(_aheader(play))
    assert 200 == call_once(play, lambda _header: 200)
    assert 2 == play.mints
