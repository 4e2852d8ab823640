"""What a 401 costs: one mint, and never one for each call."""

from __future__ import annotations

import asyncio
import threading

import pytest

from credicorp_auth.bearer.call import BearerCall
from credicorp_auth.engine.tokens.rejections import Rejections
from credicorp_auth.errors import OriginNotAllowed
from credicorp_auth.http.allowed_origins import AllowedOrigins
from credicorp_auth.http.challenge import Verdict
from credicorp_auth.oauth.token import CarriedTokens
from credicorp_auth_testing.fakes import wait_idle

URL = "https://as.example/decisions/1"
OTHER_URL = "https://api.example/decisions/1"
ORIGIN = "https://as.example:443"
ORIGINS = AllowedOrigins(frozenset({ORIGIN, "https://api.example:443"}))
BASIC = ["Basic realm=x"]


def call_once(play, resource, url=URL, *, challenges=(), replayable=True, scope=None):
    """Send one request the way every stack's bearer does; return the status the caller sees."""
    call = BearerCall(play.engine, ORIGINS, url, scope)
    status = resource(call.header())
    while call.on_response(status, challenges, replayable=replayable):
        status = resource(call.header())
    wait_idle()
    return status


def refuse(_header):
    """Refuse every token."""
    return 401


def serve(_header):
    """Serve every token."""
    return 200


def test_a_revoked_token_costs_one_mint_and_no_401(stage):
    """The caller of a revoked token sees a success, at the price of one mint."""
    play = stage()
    play.get()
    revoked = {"Bearer token-1"}

    assert 200 == call_once(play, lambda header: 401 if header in revoked else 200)
    assert 2 == play.mints
    assert 1 == play.calls.count("cache discard")


def test_a_resource_that_refuses_everything_costs_a_handful_of_mints(stage):
    """100 calls that are all answered 401 cost two mints, and a few more over the next hour."""
    play = stage()

    assert [401] * 100 == [call_once(play, refuse) for _ in range(100)]
    assert 2 == play.mints

    for _ in range(60):
        play.clock.advance(60)
        call_once(play, refuse)
    # 5, 10, 20 … 300 s: an hour of trying is some fifteen mints, the expiry of the token included.
    assert 5 < play.mints < 20


def test_fault_365_a_route_that_refuses_everything_beside_one_that_works(stage):
    """365: ten minutes of a call to each every second: the route that works ends no pause."""
    play = stage()
    for _ in range(600):
        assert (401, 200) == (call_once(play, refuse), call_once(play, serve))
        play.clock.advance(1)

    assert play.mints == 8


def test_fault_364_another_challenge_pauses_for_longer(stage):
    """364: a 401 that does not blame the token costs one mint, then at most one a minute."""
    play = stage()
    for _ in range(600):
        call_once(play, refuse, challenges=BASIC)
        play.clock.advance(1)

    # At the first call, and 60, 180 and 420 seconds later.
    assert play.mints == 5


def test_fault_108_fifty_parallel_401s_cost_one_mint(stage):
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
        if call.on_response(status, [], replayable=True):
            status = resource(call.header())
        statuses.append(status)

    threads = [threading.Thread(target=caller) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [200] * 50 == statuses
    assert 2 == play.mints


def test_fault_108_success_of_those_who_found_the_successor_ends_no_pause(stage):
    """108: only the request whose 401 cost the mint shows whether the mint helped."""
    play = stage()
    late = BearerCall(play.engine, ORIGINS, URL)
    late.header()
    assert 401 == call_once(play, refuse)
    assert late.on_response(401, [], replayable=True)
    assert "Bearer token-2" == late.header()
    assert not late.on_response(200, [], replayable=True)

    assert 401 == call_once(play, refuse)
    assert 2 == play.mints


def test_fault_109_a_second_401_is_final(stage):
    """109: a request is sent twice at most."""
    play = stage()
    call = BearerCall(play.engine, ORIGINS, URL)
    call.header()

    assert call.on_response(401, [], replayable=True)
    call.header()
    assert not call.on_response(401, [], replayable=True)
    assert 2 == play.mints


def test_fault_109_a_second_401_is_final_for_who_found_the_successor(stage):
    """109: the second 401 of a request that cost no mint may cost one, and no third attempt."""
    play = stage()
    call = BearerCall(play.engine, ORIGINS, URL)
    play.engine.invalidate(play.get())
    call.header()
    play.engine.invalidate(play.get())
    wait_idle()

    assert call.on_response(401, [], replayable=True)
    assert "Bearer token-3" == call.header()
    assert not call.on_response(401, [], replayable=True)
    assert "token-4" == play.get().value.reveal()


def test_fault_110_a_request_that_cannot_be_sent_again_is_not_but_its_token_is_forgotten(stage):
    """110: a one-shot body is never replayed; the next call has a new token."""
    play = stage()
    call = BearerCall(play.engine, ORIGINS, URL)
    call.header()

    assert not call.on_response(401, [], replayable=False)
    assert "token-2" == play.get().value.reveal()


def test_fault_366_without_a_replay_the_next_request_shows_whether_the_mint_helped(stage):
    """366: where nothing can be sent again, the next 401 begins the pause; a success ends none."""
    play = stage()
    for _ in range(20):
        call_once(play, refuse, replayable=False)
        call_once(play, serve)

    assert 2 == play.mints


@pytest.mark.parametrize(
    ("status", "challenges"),
    [
        pytest.param(403, ['Bearer error="insufficient_scope"'], id="112"),
        pytest.param(403, ['Bearer error="invalid_token"'], id="403 that blames the token"),
        pytest.param(401, ['Bearer error="insufficient_scope"'], id="401 for want of scope"),
        pytest.param(200, [], id="success"),
    ],
)
def test_fault_112_a_response_that_another_token_cannot_cure_costs_nothing(
    stage, status, challenges
):
    """112: only a 401 costs a mint, and not if it wants more scope."""
    play = stage()
    call = BearerCall(play.engine, ORIGINS, URL)
    call.header()

    assert not call.on_response(status, challenges, replayable=True)
    assert "token-1" == play.get().value.reveal()


def test_a_response_to_a_request_without_our_token_does_not_count(stage):
    """A 401 counts only if the request that got it carried our token."""
    play = stage()
    play.get()

    assert not BearerCall(play.engine, ORIGINS, URL).on_response(401, [], replayable=True)
    assert "token-1" == play.get().value.reveal()


def test_a_token_revoked_twice_is_cured_twice(stage):
    """After a replay that was served, the next 401 is believed at once."""
    play = stage()
    revoked = set()
    for number in range(1, 5):
        revoked.add(f"Bearer token-{number}")
        assert 200 == call_once(play, lambda header: 401 if header in revoked else 200)

    assert 5 == play.mints


@pytest.mark.parametrize("status", [200, 304, 403, 404, 503])
def test_fault_366_any_other_status_of_the_replay_ends_the_pause(stage, status):
    """366: the server read the new token, and did not refuse it."""
    play = stage()
    revoked = {"Bearer token-1", "Bearer token-2"}
    for _ in range(2):
        call_once(play, lambda header: 401 if header in revoked else status)
        call_once(play, refuse)

    # token-1 fails, token-2 fails: a pause. token-3 after it is served, so the next 401 counts.
    assert 2 == play.mints
    play.clock.advance(5)
    assert status == call_once(play, lambda header: 401 if header in revoked else status)
    assert 401 == call_once(play, refuse)
    assert 4 == play.mints


def test_fault_367_a_redirect_of_the_replay_is_no_success(stage):
    """367: the response at the end of the redirects counts."""
    play = stage()
    for _ in range(10):
        call = BearerCall(play.engine, ORIGINS, URL)
        call.header()
        if call.on_response(401, [], replayable=True):
            call.header()
            assert not call.on_response(307, [], replayable=False)
        assert not call.on_response(401, [], replayable=False)
        wait_idle()

    assert 2 == play.mints


def test_fault_366_origins_are_counted_apart(stage):
    """366: an origin that refuses everything delays no cure at another."""
    play = stage()
    for _ in range(3):
        assert 401 == call_once(play, refuse)
    revoked = {"Bearer token-2"}

    assert 200 == call_once(play, lambda header: 401 if header in revoked else 200, OTHER_URL)
    assert 3 == play.mints


def test_fault_366_scopes_are_counted_apart(stage):
    """366: a scope whose token is refused delays no cure for another scope."""
    play = stage()
    for _ in range(3):
        assert 401 == call_once(play, refuse, scope="a")
    revoked = {"Bearer token-3"}

    assert 200 == call_once(play, lambda header: 401 if header in revoked else 200, scope="b")
    assert 4 == play.mints


def test_fault_366_invalidate_ends_a_pause(stage):
    """366: who says that a token is worthless is believed, and so is the next 401."""
    play = stage()
    for _ in range(3):
        assert 401 == call_once(play, refuse)
    assert play.engine.invalidate(play.get())
    wait_idle()
    assert 401 == call_once(play, refuse)

    assert 4 == play.mints


def test_fault_366_a_replay_that_was_overtaken_counts(stage):
    """366: a replay is refused, its token is not held any more: it begins the pause all the same."""
    play = stage()
    call = BearerCall(play.engine, ORIGINS, URL)
    call.header()
    assert call.on_response(401, [], replayable=True)
    call.header()
    with_another = BearerCall(play.engine, ORIGINS, OTHER_URL)
    with_another.header()
    assert with_another.on_response(401, [], replayable=True)
    assert not call.on_response(401, [], replayable=False)
    wait_idle()

    assert 401 == call_once(play, refuse)
    assert 3 == play.mints


def test_pauses_between_mints_that_401s_may_cause_double_up_to_five_minutes():
    """After the first, a 401 may cause a mint after 5, 10, 20 … 300 s."""
    assert [5, 10, 20, 40, 80, 160, 300, 300] == pauses(5.0)
    assert [60, 120, 240, 300, 300, 300, 300, 300] == pauses(60.0)


class Counted:
    """The 401s of one origin, as an entry's state has them."""

    def __init__(self):
        self.rejections = Rejections()

    def allows_mint(self, now, first_pause=5.0):
        """Count a 401; return whether it may cause a mint."""
        self.rejections = self.rejections.after_401(ORIGIN, now, first_pause=first_pause)
        return self.rejections.awaits_verdict(ORIGIN)

    def refuse_replay(self, now):
        """Count a 401 to a replay."""
        self.rejections = self.rejections.replay_refused(ORIGIN, now, first_pause=5.0)


def pauses(first_pause):
    """Refuse a token, its successor, and so on; return the seconds between the mints."""
    counted, now, found = Counted(), 0.0, []
    assert counted.allows_mint(now, first_pause)
    for _ in range(8):
        assert not counted.allows_mint(now, first_pause)
        begun = now
        while not counted.allows_mint(now, first_pause):
            now += 1
        found.append(now - begun)
    return found


def test_ten_minutes_without_a_401_end_the_count():
    """A 401 ten minutes after the last is the first one again."""
    counted = Counted()
    assert counted.allows_mint(0.0)
    assert not counted.allows_mint(599.0)
    assert counted.allows_mint(1199.0)


def test_a_replay_says_nothing_where_none_is_awaited():
    """A late 401 to a replay, after the pause has begun, does not lengthen it."""
    counted = Counted()
    assert counted.allows_mint(0.0)
    counted.refuse_replay(0.0)
    counted.refuse_replay(4.0)

    assert counted.allows_mint(5.0)


def test_no_origin_is_forgotten_for_another(stage):
    """Each of 200 origins that refuse every token costs one mint, however often all are asked."""
    play = stage()
    hosts = [f"https://{number}.example" for number in range(200)]
    allowed_origins = AllowedOrigins(frozenset(f"{host}:443" for host in hosts))
    for host in hosts * 3:
        call = BearerCall(play.engine, allowed_origins, host)
        call.header()
        while call.on_response(401, [], replayable=True):
            call.header()

    assert 1 + len(hosts) == play.mints


def test_what_is_known_of_carried_tokens_is_bounded(stage):
    """The oldest of more than 4,096 tokens is forgotten; its header is taken for the caller's."""
    play, carried = stage(), CarriedTokens()
    tokens = [play.get() for _ in range(1)]
    carried.add(tokens[0])
    assert tokens[0].header() in carried
    assert tokens[0].header().encode() in carried
    for number in range(4096):
        carried._hashes[number] = None
    play.engine.invalidate(tokens[0])
    carried.add(play.get())

    assert 4097 >= len(carried._hashes)
    assert tokens[0].header() not in carried


def test_invalidating_forgets_only_the_very_token(stage):
    """Compare-and-forget: an older token's bad news does not cost the newer one."""
    play = stage()
    old = play.get()
    assert play.engine.invalidate(old)
    wait_idle()
    new = play.get()

    assert not play.engine.invalidate(old)
    assert new is play.get()
    assert 2 == play.mints


def test_another_scopes_token_is_found_by_its_own_bad_news(stage):
    """A rejected token is found under any scope that is named for it, and the others are left alone."""
    play = stage()
    first, other = play.get(), play.get("other")
    reject = play.engine.reports.reject

    assert play.engine.invalidate(other)
    assert Verdict.DROPPED is reject(first, "other", ORIGIN, first_pause=5.0)
    assert Verdict.REPLACED is reject(first, "other", ORIGIN, first_pause=5.0)
    wait_idle()
    assert 2 == play.mints


def test_fault_111_the_token_stays_at_home(stage):
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


def test_fault_107_a_hop_to_another_allowed_origin_has_no_token(stage):
    """107: a redirect does not choose which of our origins the token goes to."""
    home = BearerCall(stage().engine, ORIGINS, URL)

    assert not home.allows(OTHER_URL)


@pytest.mark.parametrize(
    "names",
    [
        {"host": "evil.example"},
        {"host": b"evil.example"},
        {"host": ["as.example", "evil.example"]},
        {"host": "api.example:444"},
        {"host": "as.example@evil.example"},
        {"host": "evil.example/as.example"},
        {"host": "as.example:99999"},
        {"host": ""},
        {"server_name": "evil.example"},
        {"server_name": b"evil.example"},
        {"server_name": "as.example/"},
        {"host": "as.example", "server_name": "evil.example"},
    ],
)
def test_fault_362_363_another_name_of_the_server_must_be_allowed(stage, names):
    """362, 363: what Host or TLS calls the server is an origin of its own, on each hop as well."""
    play = stage()
    with pytest.raises(OriginNotAllowed) as raised:
        BearerCall(play.engine, ORIGINS, URL, **names)

    assert "\n" not in str(raised.value)
    assert not BearerCall(play.engine, ORIGINS, URL).allows(URL, **names)


@pytest.mark.parametrize(
    "names",
    [
        {},
        {"host": None, "server_name": None},
        {"host": [], "server_name": ()},
        {"host": "as.example"},
        {"host": "API.example:443", "server_name": "api.example."},
        {"host": [b"as.example", "api.example"], "server_name": "AS.example"},
    ],
)
def test_fault_362_363_another_name_of_the_server_may_be_allowed(stage, names):
    """362, 363: where both origins are allowed, the token goes along."""
    play = stage()

    assert "Bearer token-1" == BearerCall(play.engine, ORIGINS, URL, **names).header()
    assert BearerCall(play.engine, ORIGINS, URL).allows(URL, **names)


async def _aheader(play):
    return await BearerCall(play.engine, ORIGINS, URL, "decisions:read").aheader()


def test_a_call_has_a_scope_of_its_own(stage):
    """A call may ask for another scope, awaiting its token, and takes note of its success."""
    play = stage()
    assert "Bearer token-1" == asyncio.run(_aheader(play))
    assert "Bearer token-1" == asyncio.run(_aheader(play))
    assert 200 == call_once(play, lambda _header: 200)
    assert 2 == play.mints
