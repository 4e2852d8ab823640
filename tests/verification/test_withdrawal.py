"""Withdrawn keys: a valid document withdraws what it lists no longer, even all of it."""

from __future__ import annotations

import asyncio
import logging
import threading
import time

import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey

from credicorp_auth import errors
from credicorp_auth.events import LEVELS

PATH = "/oauth/jwks"
NEW = RSAKey.generate_key(2048, {"kid": "new", "alg": "RS256"})
USELESS = {
    "empty": [],
    "symmetric": [OctKey.generate_key(256, {"kid": "o"}).as_dict(private=True)],
    "another-algorithm": [{**NEW.as_dict(private=False), "alg": "RS512"}],
    "another-curve": [ECKey.generate_key("P-384", {"kid": "p"}).as_dict(private=False)],
}
"""Key sets of which no key could ever be used here."""


def lasting(forge, **members):
    """Write claims that outlive every test."""
    return forge.claims(exp=forge.NOW + 10**6, **members)


@pytest.mark.parametrize("name", USELESS)
def test_fault_249_370_a_set_without_a_usable_key_withdraws_all_when_it_says_so_twice(
    stage, forge, name
):
    """One such response changes nothing; a second, 1 to 5 s later, ends every token."""
    scene = stage()
    shown, unseen = forge.issued(body=lasting(forge)), forge.issued(body=lasting(forge, jti="2"))
    assert "client" == scene.verify(shown).subject
    scene.publisher.publish({"keys": USELESS[name]})
    scene.clock.advance(301)
    assert "client" == scene.verify(shown).subject
    assert [{"code": "jwks.no_usable_key", "age": 301}] == scene.emitted("jwks.refresh_failed")
    scene.clock.advance(0.99)
    assert "client" == scene.verify(shown).subject
    assert 2 == scene.fetches

    scene.clock.advance(4.1)
    assert ["jwks.no_usable_key"] * 2 == [scene.verify(shown), scene.verify(unseen)]
    assert 3 == scene.fetches
    assert [{"url": "https://as.example/oauth/jwks", "withdrawn": 4}] == scene.emitted(
        "jwks.emptied"
    )
    assert logging.ERROR == LEVELS["jwks.emptied"]


def test_fault_370_whoever_comes_when_the_second_look_is_due_waits_for_it(stage, forge):
    """After a silence a token of a withdrawn key is not served while the second look is under way."""
    scene = stage()
    token = forge.issued(body=lasting(forge))
    scene.verify(token)
    scene.publisher.publish({"keys": []})
    scene.clock.advance(301)
    scene.verify(token)
    scene.clock.advance(10 * 3600)

    async def ask():
        with pytest.raises(errors.KeysUnavailable) as refused:
            await scene.engine.averify(token)
        return refused.value.code

    assert "jwks.no_usable_key" == asyncio.run(ask())
    assert 3 == scene.fetches


def test_fault_371_a_slip_of_the_issuer_withdraws_nothing(stage, forge):
    """A good set in the second look ends the doubt; the next useless one counts as a first again."""
    scene = stage()
    token = forge.issued(body=lasting(forge))
    good = forge.published(*forge.KEYS.values())
    scene.verify(token)
    for _ in range(2):
        scene.publisher.publish({"keys": []})
        scene.clock.advance(301)
        assert "client" == scene.verify(token).subject
        scene.publisher.publish(good)
        scene.clock.advance(5)
        assert "client" == scene.verify(token).subject

    assert [] == scene.emitted("jwks.emptied")
    assert 5 == scene.fetches


def test_fault_371_a_second_look_that_fails_keeps_the_keys(stage, forge):
    """Only a failed fetch keeps the old set; what says so again later still counts."""
    scene = stage()
    token = forge.issued(body=lasting(forge))
    scene.verify(token)
    scene.publisher.publish({"keys": []})
    scene.clock.advance(301)
    scene.verify(token)
    scene.publisher.down = True
    scene.clock.advance(5)
    assert ["client"] * 3 == [scene.verify(token).subject for _ in range(3)]
    assert 3 == scene.fetches

    scene.publisher.down = False
    scene.clock.advance(30)
    scene.verify(token)  # sends for the keys, and does not wait for them
    assert "jwks.no_usable_key" == scene.verify(token)
    assert 1 == len(scene.emitted("jwks.emptied"))


def test_fault_371_nothing_hurries_the_second_look(stage, forge):
    """Unknown keys, shown between the two looks, make no fetch: the second comes in its time."""
    scene = stage()
    scene.verify(forge.issued())
    scene.publisher.publish({"keys": []})
    scene.clock.advance(301)
    scene.verify(forge.issued(body=lasting(forge)))
    unknown = forge.issued(key=NEW, kid="new")
    assert ["verify.kid"] * 3 == [scene.verify(unknown) for _ in range(3)]
    assert 2 == scene.fetches
    scene.clock.advance(5)
    assert "jwks.no_usable_key" == scene.verify(unknown)
    assert 3 == scene.fetches


def test_fault_370_an_issuer_that_never_had_a_key_says_so(stage, forge):
    """Without earlier keys the first useless set is the reason at once; new keys are found again."""
    scene = stage()
    scene.publisher.publish({"keys": []})
    token = forge.issued(body=lasting(forge))
    assert "jwks.no_usable_key" == scene.verify(token)
    assert [] == scene.emitted("jwks.emptied")
    scene.clock.advance(5)
    assert "jwks.no_usable_key" == scene.verify(token)
    assert 0 == scene.emitted("jwks.emptied")[0]["withdrawn"]
    scene.clock.advance(301)
    assert "jwks.no_usable_key" == scene.verify(token)
    assert 1 == len(scene.emitted("jwks.emptied"))

    scene.publisher.publish(forge.published(*forge.KEYS.values()))
    scene.clock.advance(30)
    assert "client" == scene.verify(token).subject


def test_fault_370_a_key_that_comes_after_the_emptying_is_found_at_once(stage, forge):
    """An emptied set is filled by the first token of a new key, without a cool-down."""
    scene = stage()
    scene.verify(forge.issued())
    scene.publisher.publish({"keys": []})
    scene.clock.advance(301)
    scene.verify(forge.issued())
    scene.clock.advance(5)
    assert "jwks.no_usable_key" == scene.verify(forge.issued())
    scene.clock.advance(30)
    scene.publisher.publish(forge.published(NEW))

    assert "client" == scene.verify(forge.issued(key=NEW, kid="new")).subject


def test_fault_372_remembered_tokens_do_not_survive_the_withdrawal_of_their_key(stage, forge):
    """A token that was verified before is refused with the set that lacks its key."""
    scene = stage()
    token = forge.issued(body=lasting(forge))
    claims = scene.verify(token)
    assert claims is scene.verify(token)
    scene.publisher.publish(forge.published(forge.KEYS["ES256"]))
    other = forge.issued(key=NEW, kid="new")
    assert "verify.kid" == scene.verify(other)  # brings the new set

    assert "verify.kid" == scene.verify(token)
    assert 2 == scene.fetches


@pytest.mark.parametrize(
    ("wall", "boot"), [(0, 3600), (-7200, 3600), (7200, 0)], ids=["both", "boot", "wall"]
)
def test_fault_373_a_remembered_token_lives_by_both_clocks(stage, forge, wall, boot):
    """A token that one clock says has expired is not remembered any more, no matter what the other says."""
    scene = stage()
    token = forge.issued(body=forge.claims(exp=forge.NOW + 600))
    scene.verify(token)
    scene.clock.jump_wall(wall)
    scene.clock.advance(boot)

    assert scene.verify(token) in {"verify.exp", "verify.iat"}


def test_fault_373_a_clock_that_steps_back_does_not_refresh_what_is_remembered(stage, forge):
    """What is verified again after a step lives as long as the wall clock then says, by both."""
    scene = stage()
    body = forge.claims(iat=forge.NOW - 10_000, exp=forge.NOW + 600)
    token = forge.issued(body=body)
    claims = scene.verify(token)
    scene.clock.jump_wall(-500)
    scene.clock.advance(599)
    assert claims is scene.verify(token)
    scene.clock.advance(2)
    assert claims is not scene.verify(token)


def test_a_lost_fetch_does_not_end_a_doubt(stage, forge):
    """A fetch that began before the doubt, and fails after it, does not stand for the second look."""
    scene = stage()
    token = forge.issued(body=lasting(forge))
    scene.verify(token)
    gate, started = threading.Event(), threading.Event()

    def hang(_request):
        started.set()
        gate.wait(60)
        raise errors.ConnectionFailed("too late")

    scene.publisher.pages[PATH] = hang
    scene.clock.advance(301)
    scene.engine.find_keys()
    assert started.wait(10)
    scene.publisher.publish({"keys": []})
    scene.clock.advance(31)
    scene.engine.find_keys()
    while not scene.emitted("jwks.refresh_failed"):
        time.sleep(0.001)
    while scene.engine._keys._calls.find("document"):
        time.sleep(0.001)
    gate.set()
    while len(scene.emitted("jwks.refresh_failed")) < 2:
        time.sleep(0.001)
    scene.clock.advance(5)

    assert "jwks.no_usable_key" == scene.verify(token)
