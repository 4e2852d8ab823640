"""Minting once for all who share a cache, on a scripted stage."""

from __future__ import annotations

import pytest

from credicorp_auth import errors
from credicorp_auth.http.secret import Secret
from credicorp_auth.lifecycle.client import Client, token_key
from credicorp_auth.lifecycle.endpoint_state import EndpointState, Failed
from credicorp_auth.lifecycle.obtain import obtain_token
from credicorp_auth.lifecycle.runtime import Issuance, StoredToken, TokenRequirements
from credicorp_auth.oauth.scope import Scope
from credicorp_auth.oauth.token import Grant
from credicorp_auth.oauth.token_endpoint import TokenRequest
from credicorp_auth.plugin.api import LeaseState
from credicorp_auth_testing.scripted_runtime import ScriptedRuntime, token_response

SCOPE = Scope("decisions:read")
CLIENT = Client("client-1", TokenRequest("https://as.example/token", scope=SCOPE))
REQUIREMENTS = TokenRequirements(SCOPE, deadline=1_010.0)
KEY = token_key(CLIENT.asks_for(SCOPE), "client-1")
ACQUIRED, HELD, FAILED = LeaseState.ACQUIRED, LeaseState.HELD, LeaseState.FAILED


class SharedRuntime(ScriptedRuntime):
    """A world in which another process writes its token while we pause for the nth time."""

    def __init__(self, *args, arrives_at_pause=0, **keywords):
        super().__init__(*args, **keywords)
        self.pauses = 0
        self.arrives_at_pause = arrives_at_pause

    def pause(self, seconds):
        """Let the time pass, and the other one finish."""
        super().pause(seconds)
        self.pauses += 1
        if self.pauses == self.arrives_at_pause:
            grant = Grant(Secret("theirs"), "Bearer", SCOPE, 3600.0)
            born = Issuance(self.clock.wall, 9)
            self.write_cache(KEY, StoredToken("e" * 32, grant, born))
            self.asked.pop()


def test_who_has_the_lease_looks_once_more_and_mints():
    """The holder heeds the others and reads the cache again, mints, and gives the lease back."""
    runtime = ScriptedRuntime([token_response()], leases=[ACQUIRED])

    obtained = obtain_token(CLIENT, runtime, REQUIREMENTS)

    assert [
        "read_cache",
        "lease acquired",
        "load_shared_cooldown",
        "read_cache",
        "fetch_secret",
        "send within 10",
        "write_cache",
        "release",
    ] == runtime.asked
    assert 1 == obtained.number == runtime.read_cache(KEY).issuance.number


def test_who_has_it_not_waits_for_what_the_holder_brings():
    """A process that finds the lease taken looks again and again, and takes the other's token."""
    runtime = SharedRuntime(leases=[HELD, HELD, HELD], arrives_at_pause=3)

    obtained = obtain_token(CLIENT, runtime, REQUIREMENTS)

    assert "theirs" == obtained.grant.value.reveal()
    pauses = [float(each.split()[1]) for each in runtime.asked if each.startswith("pause")]
    assert sorted(pauses) == pauses
    assert 3 == len(pauses)
    assert [] == runtime.sent


def test_a_successor_takes_over():
    """When the holder is gone without a token, one of those who waited mints."""
    runtime = ScriptedRuntime([token_response("ours")], leases=[HELD, HELD, ACQUIRED])

    assert "ours" == obtain_token(CLIENT, runtime, REQUIREMENTS).grant.value.reveal()
    assert 3 == obtain_token(CLIENT, runtime, REQUIREMENTS).number


def test_a_token_that_came_before_the_lease_is_taken():
    """A caller that gets the lease right after it was used finds the token, and mints none."""
    runtime = SharedRuntime(leases=[HELD, ACQUIRED], arrives_at_pause=0)
    grant = Grant(Secret("theirs"), "Bearer", SCOPE, 3600.0)
    reads = []
    read_cache = runtime.read_cache

    def read_late(key):
        reads.append(key)
        if len(reads) == 3:
            runtime.write_cache(key, StoredToken("e" * 32, grant, Issuance(runtime.clock.wall, 1)))
        return read_cache(key)

    runtime.read_cache = read_late
    obtained = obtain_token(CLIENT, runtime, REQUIREMENTS)

    assert "theirs" == obtained.grant.value.reveal()
    assert "release" == runtime.asked[-1]
    assert [] == runtime.sent


@pytest.mark.parametrize(("chance", "least", "most"), [(0.0, 5.0, 5.5), (0.99, 7.4, 8.0)])
def test_fault_384_a_holder_is_waited_for_for_most_of_the_time_and_no_longer(chance, least, most):
    """384: a caller that has waited for most of its time goes alone, without the lease, each at its moment."""
    runtime = ScriptedRuntime([token_response("ours")], leases=[HELD] * 200, chance=chance)

    obtained = obtain_token(CLIENT, runtime, REQUIREMENTS)

    assert ("ours", 0) == (obtained.grant.value.reveal(), obtained.number)
    assert least <= runtime.clock.boot - 1_000.0 <= most
    assert "release" not in runtime.asked


def test_while_the_endpoint_is_left_alone_waiting_ends_with_the_errand():
    """A holder that sits a cool-down out costs its waiters a deadline, and a back-off."""
    runtime = ScriptedRuntime(leases=[HELD] * 200)
    runtime.state = EndpointState(cooldown_until=1_100.0)

    with pytest.raises(errors.DeadlinePassed, match="mints for all"):
        obtain_token(CLIENT, runtime, REQUIREMENTS)
    assert isinstance(runtime.outcomes[-1], Failed)
    assert runtime.clock.boot < REQUIREMENTS.deadline


@pytest.mark.parametrize(
    ("there", "held", "number"),
    [
        pytest.param(None, None, 1, id="nothing is there"),
        pytest.param(Issuance(-9_000.0, 0), None, 1, id="a dead token without a number"),
        pytest.param(Issuance(-9_000.0, 1), None, 0, id="a dead token whose number is as large"),
        pytest.param(Issuance(-9_000.0, 2**53 - 1), None, 0, id="or the largest"),
        pytest.param(Issuance(61.0, 0), None, 0, id="a token from the future"),
        pytest.param(None, Issuance(-3_000.0, 5), 0, id="the held token's number is larger"),
        pytest.param(b"garbage", None, 0, id="what is no record"),
    ],
)
def test_fault_381_what_was_out_of_order_is_replaced(there, held, number):
    """381, 384: a token is minted without a number if the lease's is not the largest of all."""
    runtime = ScriptedRuntime([token_response("ours")], leases=[ACQUIRED])
    if isinstance(there, Issuance):
        born = there._replace(issued_at=runtime.clock.wall + there.issued_at)
        grant = Grant(Secret("theirs"), "Bearer", SCOPE, 3600.0)
        runtime.write_cache(KEY, StoredToken("e" * 32, grant, born))
    elif there:
        runtime.cache[KEY] = there
    newer_than = held._replace(issued_at=runtime.clock.wall + held.issued_at) if held else None

    obtained = obtain_token(CLIENT, runtime, REQUIREMENTS._replace(newer_than=newer_than))

    assert ("ours", number) == (obtained.grant.value.reveal(), obtained.number)
    assert number == runtime.read_cache(KEY).issuance.number


def test_a_lease_that_failed_stops_nobody():
    """A cache that cannot say who mints sends everyone off alone, after heeding the others."""
    runtime = ScriptedRuntime([token_response()], leases=[FAILED])

    obtained = obtain_token(CLIENT, runtime, REQUIREMENTS)

    assert ["read_cache", "lease failed", "load_shared_cooldown"] == runtime.asked[:3]
    assert "release" not in runtime.asked
    assert runtime.lease(KEY).renew(timeout=5)  # on this stage nothing lapses
    assert 1 == len(runtime.sent)
    assert obtained.grant.value.reveal() == "token-1"


def test_a_failure_gives_the_lease_back():
    """No matter what goes wrong under the lease, it is given back."""
    runtime = ScriptedRuntime([errors.TlsFailed("expired")], leases=[ACQUIRED])

    with pytest.raises(errors.TlsFailed):
        obtain_token(CLIENT, runtime, REQUIREMENTS)
    assert "release" == runtime.asked[-1]


@pytest.mark.parametrize(
    ("held", "theirs", "newer"),
    [
        pytest.param(
            Issuance(0.0, 4), Issuance(-50.0, 5), True, id="numbers decide, not the hosts' clocks"
        ),
        pytest.param(
            Issuance(0.0, 5), Issuance(50.0, 4), False, id="an overtaken holder's token is older"
        ),
        pytest.param(Issuance(0.0, 5), Issuance(0.0, 5), False, id="the same token is not newer"),
        pytest.param(
            Issuance(0.0, 5), Issuance(61.0, 4), True, id="384: more than a minute decides"
        ),
        pytest.param(Issuance(0.0, 4), Issuance(-61.0, 5), False, id="384: in both directions"),
        pytest.param(
            Issuance(0.0, 0), Issuance(1.0, 5), True, id="without a number, the moment decides"
        ),
        pytest.param(Issuance(0.0, 5), Issuance(-1.0, 0), False, id="nor where theirs has none"),
    ],
)
def test_the_newer_of_two_tokens(held, theirs, newer):
    """A refresh takes from the cache only what is newer than the held token."""
    runtime = ScriptedRuntime([token_response("ours")])
    now = runtime.clock.wall - 100
    grant = Grant(Secret("theirs"), "Bearer", SCOPE, 3600.0)
    born = theirs._replace(issued_at=now + theirs.issued_at)
    runtime.write_cache(KEY, StoredToken("e" * 32, grant, born))
    requirements = REQUIREMENTS._replace(newer_than=held._replace(issued_at=now))

    assert ("theirs" if newer else "ours") == obtain_token(
        CLIENT, runtime, requirements
    ).grant.value.reveal()
