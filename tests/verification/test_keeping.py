"""Cached keys: when they are fetched, who waits, and what an outage changes."""

from __future__ import annotations

import asyncio
import math
import secrets
import statistics
import threading
import time
import traceback
from hashlib import sha256

import pytest
from joserfc.jwk import RSAKey

from credicorp_auth import errors
from credicorp_auth.engine.fork import _renew_all
from credicorp_auth.engine.keys.verifier_engine import MAX_REMEMBERED, VerifiedToken
from credicorp_auth.engine.second_chance import SecondChanceTable
from credicorp_auth.http.secret import Secret
from credicorp_auth.jose.key_set import MAX_KEY_SET
from credicorp_auth.oauth.scope import Scope
from credicorp_auth.oauth.token import AccessToken, Provenance
from credicorp_auth_testing.fakes import wait_idle

HOUR = 3600.0
NEW = RSAKey.generate_key(2048, {"kid": "new", "alg": "RS256"})


def digest(token):
    """Return the name under which a token is remembered."""
    return sha256(token.encode()).digest()


def unknown(forge):
    """Make a token that names a key nobody has; its signature is never looked at."""
    head = forge.b64(forge.header(kid=secrets.token_hex(16)))
    return f"{head}.{forge.b64(forge.claims())}.{forge.b64(bytes(256))}"


def error_of(scene, forge):
    """Verify a good token, and return why that fails."""
    with pytest.raises(errors.KeysUnavailable) as refused:
        scene.engine.verify(forge.issued(body=lasting(forge)))
    return refused.value


def lasting(forge, **members):
    """Write claims that outlive every test."""
    return forge.claims(exp=forge.NOW + 10**6, **members)


def test_fault_213_an_unknown_key_is_looked_for_once(stage, forge):
    """An unknown key costs one fetch at once, right after another too; then one in 30 s."""
    scene = stage()
    assert "client" == scene.verify(forge.issued()).subject
    assert 1 == scene.fetches

    junk = unknown(forge)
    assert ["verify.kid"] * 3 == [scene.verify(junk) for _ in range(3)]
    assert 2 == scene.fetches
    assert ["verify.kid"] * 3 == [scene.verify(unknown(forge)) for _ in range(3)]
    assert 2 == scene.fetches
    scene.clock.advance(30)
    assert ["verify.kid"] * 3 == [scene.verify(unknown(forge)) for _ in range(3)]
    assert 3 == scene.fetches


def test_fault_213_one_junk_kid_does_not_use_the_bucket_up(stage, forge):
    """One made-up key name, shown for a minute, costs a fetch in 30 s and delays no new key."""
    scene = stage()
    scene.verify(forge.issued())
    scene.clock.advance(60)
    junk, before = unknown(forge), scene.fetches
    for _ in range(60):
        assert "verify.kid" == scene.verify(junk)
        scene.clock.advance(1)
    assert 2 == scene.fetches - before
    scene.publisher.publish(forge.published(NEW))

    assert "client" == scene.verify(forge.issued(key=NEW, kid="new")).subject
    assert 3 == scene.fetches - before


@pytest.mark.slow
@pytest.mark.parametrize("down", [False, True], ids=["214-healthy", "215-down"])
def test_fault_a_flood_of_unknown_keys_costs_four_fetches(stage, forge, down):
    """10,000 random kids within a minute: at most 4 fetches, and known kids verify throughout."""
    scene = stage()
    known = [forge.issued(body=lasting(forge, jti=f"id-{n}")) for n in range(100)]
    assert "client" == scene.verify(known[0]).subject
    scene.publisher.down = down
    seconds, fetches_for_known = [], 0
    for n in range(10_000):
        scene.clock.advance(0.006)
        with pytest.raises(errors.UnknownKey):
            scene.engine.verify(unknown(forge))
        fetches, began = scene.fetches, time.thread_time()
        assert "client" == scene.engine.verify(known[n % 100]).subject
        seconds.append(time.thread_time() - began)
        fetches_for_known += scene.fetches - fetches
    wait_idle()

    assert scene.fetches <= 4
    assert 0 == fetches_for_known  # so that no known key waits for one
    assert statistics.quantiles(seconds, n=100)[98] < 0.005  # of processor time
    assert len(scene.engine._keys.state().budget._searched) <= 4


def test_fault_214_a_flood_delays_a_new_key_by_half_a_minute_at_most(stage, forge):
    """Among made-up names, one a second, a key that is used before it is published verifies in 30 s."""
    scene = stage()
    scene.verify(forge.issued())
    for _ in range(45):
        scene.verify(unknown(forge))
        scene.clock.advance(1)
    scene.publisher.publish(forge.published(NEW))
    fresh, waited = forge.issued(key=NEW, kid="new", body=lasting(forge)), 0
    while scene.verify(fresh) == "verify.kid":
        scene.verify(unknown(forge))
        scene.clock.advance(1)
        waited += 1

    assert waited <= 30
    assert scene.fetches <= 2 + (45 + waited) // 30


def test_a_fetch_that_began_too_soon_is_followed_by_another(stage, forge):
    """A new key whose token joins a fetch that began before it was published needs no cool-down."""
    scene = stage()
    scene.verify(forge.issued())
    early, gate = scene.publisher.pages["/oauth/jwks"], threading.Event()
    scene.publisher.pages["/oauth/jwks"] = lambda _request: gate.wait(60) and early
    scene.clock.advance(301)
    scene.engine.find_keys()
    while 2 != scene.fetches:
        time.sleep(0.001)
    scene.publisher.publish(forge.published(NEW))
    found = []
    token = forge.issued(key=NEW, kid="new")
    waiting = threading.Thread(target=lambda: found.append(scene.verify(token)))
    waiting.start()
    while not scene.engine._keys._calls.find("document").waiters:
        time.sleep(0.001)
    gate.set()
    waiting.join()

    assert ["client"] == [each.subject for each in found]
    assert 3 == scene.fetches


def test_fault_214_a_known_key_does_not_wait_behind_a_fetch(stage, forge):
    """While a fetch hangs for an unknown key, known keys verify, also once they are not fresh."""
    scene = stage()
    assert "client" == scene.verify(forge.issued()).subject
    scene.clock.advance(400)
    scene.publisher.open.clear()
    waiting = threading.Thread(target=scene.verify, args=(unknown(forge),))
    waiting.start()
    for n in range(50):
        body = lasting(forge, jti=f"id-{n}")
        assert "client" == scene.engine.verify(forge.issued(body=body)).subject
    assert waiting.is_alive()
    scene.publisher.open.set()
    waiting.join()
    assert scene.fetches <= 3  # one may have begun because the keys were stale


def test_fault_253_254_keys_outlive_an_outage_for_a_day(stage, forge):
    """Known keys verify for 24 h of outage, with a warning of their age; then nothing does."""
    scene = stage()
    token = forge.issued(body=lasting(forge))
    assert "client" == scene.verify(token).subject
    scene.publisher.down = True
    scene.clock.advance(12 * HOUR)

    assert "client" == scene.verify(token).subject
    assert [{"code": "transport.connect", "age": 43200}] == scene.emitted("jwks.refresh_failed")
    assert "verify.kid" == scene.verify(unknown(forge))
    scene.clock.advance(12 * HOUR - 1)
    assert "client" == scene.verify(token).subject
    scene.clock.advance(2)
    before = scene.fetches
    assert ["jwks.unavailable"] * 20 == [scene.verify(token) for _ in range(20)]
    assert scene.fetches <= before + 1


def test_fault_254_without_keys_nothing_verifies(stage, forge):
    """Keys that never came: fail closed, one attempt for each cool-down, retryable; then recovery."""
    scene = stage()
    scene.publisher.down = True
    with pytest.raises(errors.KeysUnavailable) as refused:
        scene.engine.verify(forge.issued())
    assert ("jwks.unavailable", True) == (refused.value.code, refused.value.retryable)
    assert ["jwks.unavailable"] * 20 == [scene.verify(forge.issued()) for _ in range(20)]
    assert 1 == scene.fetches

    scene.publisher.down = False
    scene.clock.advance(30)
    assert "client" == scene.verify(forge.issued()).subject


@pytest.mark.parametrize("status", [429, 503])
def test_an_issuer_that_asks_to_be_left_alone_is(stage, forge, status):
    """A longer `Retry-After` than the cool-down of 30 s is a lower bound for the next fetch."""
    scene = stage()
    scene.publisher.publish({}, status=status, headers=[("Retry-After", "120")])
    assert ["jwks.unavailable"] * 2 == [error_of(scene, forge).code for _ in range(2)]
    scene.clock.advance(119)
    assert "jwks.unavailable" == error_of(scene, forge).code
    assert 1 == scene.fetches

    scene.publisher.publish(forge.published(*forge.KEYS.values()))
    scene.clock.advance(1)
    assert "client" == scene.verify(forge.issued()).subject
    assert 2 == scene.fetches


def test_fault_255_a_key_published_before_it_is_used_costs_nothing(stage, forge):
    """Rotation with overlap: no failure and no wait, since the new key came with a refresh."""
    scene = stage()
    assert "client" == scene.verify(forge.issued()).subject
    scene.publisher.publish(forge.published(*forge.KEYS.values(), NEW))
    scene.clock.advance(301)
    assert "client" == scene.verify(forge.issued()).subject

    assert "client" == scene.verify(forge.issued(key=NEW, kid="new")).subject
    assert "client" == scene.verify(forge.issued()).subject
    assert 2 == scene.fetches


def test_fault_255_a_key_used_before_it_is_published_resolves_at_once(stage, forge):
    """Rotation without overlap: what the new key signed verifies, with one fetch."""
    scene = stage()
    assert "client" == scene.verify(forge.issued()).subject
    scene.publisher.publish(forge.published(NEW))

    assert "client" == scene.verify(forge.issued(key=NEW, kid="new")).subject
    assert 2 == scene.fetches
    assert "verify.kid" == scene.verify(forge.issued())
    assert 2 == scene.fetches


def test_fault_255_a_key_published_after_its_first_token_resolves_within_a_cool_down(stage, forge):
    """A key that a fetch did not bring yet is looked for again 30 s later."""
    scene = stage()
    assert "client" == scene.verify(forge.issued()).subject
    token = forge.issued(key=NEW, kid="new")
    assert "verify.kid" == scene.verify(token)
    scene.publisher.publish(forge.published(NEW))

    assert "verify.kid" == scene.verify(token)
    scene.clock.advance(30)
    assert "client" == scene.verify(token).subject


def test_fault_255_a_withdrawn_key_is_refused_after_the_next_refresh(stage, forge):
    """A key that is published no more verifies nothing after a refresh, remembered or not."""
    scene = stage()
    token = forge.issued(body=lasting(forge))
    assert "client" == scene.verify(token).subject
    assert scene.engine.verify(token) is scene.engine.verify(token)
    scene.publisher.publish(forge.published(forge.KEYS["ES256"]))
    scene.clock.advance(301)
    scene.verify(token)

    assert "verify.kid" == scene.verify(token)


def test_fault_255_a_replica_that_lags_behind_withdraws_nothing_for_long(stage, forge):
    """A key that a refresh misses is looked for once, at the next replica, and found there."""
    scene = stage()
    ahead, behind = (forge.published(*keys) for keys in ([NEW], [forge.KEYS["ES256"]]))
    token = forge.issued(key=NEW, kid="new", body=lasting(forge))
    scene.publisher.publish(ahead)
    assert "client" == scene.verify(token).subject
    scene.publisher.publish(behind)
    scene.clock.advance(301)
    scene.engine.find_keys()
    wait_idle()
    scene.publisher.publish(ahead)

    assert "client" == scene.verify(token).subject
    assert 3 == scene.fetches


@pytest.mark.parametrize(
    ("number", "document", "code"),
    [
        ("249", b"<html>", "jwks.malformed"),
        ("249", b"{}", "jwks.malformed"),
        ("249", b'{"keys":{}}', "jwks.malformed"),
        ("249", b'{"keys":null}', "jwks.malformed"),
        ("251", b" " * (MAX_KEY_SET + 1), "jwks.too_large"),
    ],
)
def test_fault_a_bad_key_set_leaves_the_good_one(stage, forge, number, document, code):
    """An unusable set is an event, and the cached set stays; without one it is the error's reason."""
    scene = stage()
    assert "client" == scene.verify(forge.issued()).subject
    scene.publisher.publish(document)
    scene.clock.advance(301)
    assert "client" == scene.verify(forge.issued()).subject
    assert [{"code": code, "age": 301}] == scene.emitted("jwks.refresh_failed")
    assert "client" == scene.verify(forge.issued()).subject
    assert 2 == scene.fetches

    other = stage()
    other.publisher.publish(document)
    assert code == other.verify(forge.issued())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 404, 429, 500, 503])
def test_fault_252_keys_are_neither_redirected_nor_made_of_errors(stage, forge, status):
    """A redirect is not followed, and an error page is no key set; the old set stays."""
    scene = stage()
    assert "client" == scene.verify(forge.issued()).subject
    elsewhere = [("Location", "https://as.example/elsewhere")]
    scene.publisher.publish(forge.published(), status=status, headers=elsewhere)
    scene.clock.advance(301)

    assert "client" == scene.verify(forge.issued()).subject
    code = {404: "endpoint.not_found"}.get(status, "document.status")
    code = "transport.redirect_refused" if status < 400 else code
    assert code == scene.emitted("jwks.refresh_failed")[0]["code"]
    assert ["/oauth/jwks"] * 2 == scene.publisher.asked


def test_fault_212_no_address_in_a_token_is_asked(stage, forge):
    """A token with a key of its own, and addresses of more, causes no request but for the keys."""
    scene = stage()
    own = forge.KEYS["PS256"].as_dict(private=False)
    members = {"jwk": own, "jku": "https://evil.example/k", "x5u": "https://evil.example/c"}
    token = forge.signed(forge.header(**members), forge.claims(), forge.KEYS["PS256"])

    assert "verify.signature" == scene.verify(token)
    assert ["/oauth/jwks"] == scene.publisher.asked


def test_fault_205_228_241_what_cannot_be_trusted_anyway_costs_no_fetch(stage, forge):
    """Malformed tokens, foreign issuers and unsigned tokens are refused without any key."""
    scene = stage()
    unsigned = f"{forge.b64(forge.header(alg='none'))}.{forge.b64(forge.claims())}."
    foreign = forge.issued(body=forge.claims(iss="https://other.example"))

    assert "verify.alg" == scene.verify(unsigned)
    assert "verify.iss" == scene.verify(foreign)
    assert "verify.format" == scene.verify("nonsense")
    assert "verify.too_large" == scene.verify("a" * 10**6)
    assert ["verify.format"] * 3 == [scene.verify(each) for each in (None, b"a.b.c", 7)]
    assert 0 == scene.fetches


def test_fault_248_refusals_cannot_be_told_apart_by_a_request(stage, forge):
    """Once the bucket is empty, an unknown key and a wrong signature both cost no request."""
    scene = stage()
    scene.verify(forge.issued())
    scene.verify(unknown(forge))
    scene.events.clear()
    forged = forge.signed(forge.header(), forge.claims(), forge.KEYS["PS256"])

    assert ["verify.kid", "verify.signature"] == [
        scene.verify(unknown(forge)),
        scene.verify(forged),
    ]
    assert 2 == scene.fetches
    assert [{"code": "verify.kid"}, {"code": "verify.signature"}] == scene.emitted("token.refused")


def test_fault_217_the_log_shows_a_short_plain_kid(stage, forge):
    """An unknown kid is told escaped and cut to 64 characters; errors do not hold it."""
    scene = stage()
    kid = "k" * 200
    head = forge.b64(forge.header(kid=kid))
    token = f"{head}.{forge.b64(forge.claims())}.{forge.b64(bytes(256))}"

    assert "verify.kid" == scene.verify(token)
    (first, *_) = scene.emitted("token.key_unknown")
    assert ("verify.kid", "k" * 64 + "…") == (first["code"], first["kid"])
    assert [{"code": "verify.kid"}] == scene.emitted("token.refused")


@pytest.mark.parametrize("kind", ["threads", "tasks"])
def test_fault_257_a_hundred_first_verifications_cost_one_fetch(stage, forge, kind):
    """100 threads, or 100 tasks, that meet no keys wait for one fetch."""
    scene = stage()
    scene.publisher.open.clear()
    token, found = forge.issued(), []
    if kind == "threads":
        threads = [
            threading.Thread(target=lambda: found.append(scene.engine.verify(token)))
            for _ in range(100)
        ]
        for each in threads:
            each.start()
        scene.publisher.open.set()
        for each in threads:
            each.join()
    else:

        async def ask():
            tasks = [asyncio.create_task(scene.engine.averify(token)) for _ in range(100)]
            await asyncio.sleep(0)
            scene.publisher.open.set()
            found.extend(await asyncio.gather(*tasks))

        asyncio.run(ask())

    assert 100 == len(found)
    assert 1 == scene.fetches


def test_fault_258_keys_of_one_issuer_verify_no_other(stage, forge):
    """A token of another issuer with the same kid is refused, regardless of its signature."""
    first = stage()
    second = stage(issuer="https://other.example")
    token = forge.issued(body=forge.claims(iss="https://other.example"))

    assert "verify.iss" == first.verify(token)
    second.publisher.publish(forge.published(forge.KEYS["ES256"]))
    assert "verify.kid" == second.verify(token)


def test_fault_208_219_250_dropped_keys_are_told_once(stage, forge):
    """Each dropped key is an event when the set is new, and not at every refresh."""
    scene = stage()
    private = {**forge.KEYS["RS256"].as_dict(private=True), "kid": "oops"}
    scene.publisher.publish(forge.published(forge.KEYS["ES256"], private))
    assert "client" == scene.verify(forge.issued("ES256")).subject
    scene.clock.advance(301)
    assert "client" == scene.verify(forge.issued("ES256")).subject

    assert [{"kid": "oops", "code": "jwks.private_key"}] == scene.emitted("jwks.key_dropped")
    assert 2 == scene.fetches


def test_fault_240_a_verifier_knows_its_issuer_and_audience(stage, forge):
    """Without audience nothing is verified, and no value stands for any; each call may name one."""
    scene = stage(audience=None)
    for nothing in (None, "", [], 7):
        assert "config.verifier" == scene.verify(forge.issued(), audience=nothing)
    assert 0 == scene.fetches
    assert "client" == scene.verify(forge.issued(), audience="partner-api").subject
    for nothing in (None, "", [], 7):
        assert "config.verifier" == scene.verify(forge.issued(), audience=nothing)


def test_what_is_asked_is_asked_of_remembered_tokens_too(stage, forge):
    """A token that was good for one caller is compared again with what the next one asks."""
    scene = stage()
    token = forge.issued()
    claims = scene.verify(token)

    assert claims is scene.verify(token, required_scope="decisions:read")
    assert claims is scene.verify(token, required_scope=Scope("decisions:read"))
    assert claims is scene.verify(token, audience="partner-api", required_scope="")
    assert "verify.scope" == scene.verify(token, required_scope="decisions:rea")
    assert "verify.aud" == scene.verify(token, audience="other")
    assert "config.scope" == scene.verify(token, required_scope="a\tb")
    assert claims == scene.verify(token, required_scope=["decisions:read"])


def test_a_remembered_token_dies_when_it_says(stage, forge):
    """After `exp` a token is examined again, and refused once the leeway is over."""
    scene = stage()
    token = forge.issued(body=forge.claims(exp=forge.NOW + 100))
    claims = scene.verify(token)
    scene.clock.advance(99)
    assert claims is scene.verify(token)
    assert claims is scene.verify(token, required_scope="decisions:read")
    scene.clock.advance(1)
    again = scene.verify(token)
    assert (claims, False) == (again, claims is again)
    scene.clock.advance(60)
    assert "verify.exp" == scene.verify(token)


def test_an_outage_does_not_make_remembered_tokens_dear(stage, forge):
    """While keys are stale, a token that was verified with them is still remembered."""
    scene = stage()
    token = forge.issued(body=lasting(forge))
    claims = scene.verify(token)
    scene.publisher.down = True
    scene.clock.advance(HOUR)

    assert claims is scene.verify(token)
    assert claims is scene.verify(token)
    assert hash(claims) == hash(scene.verify(token))
    scene.clock.advance(24 * HOUR)
    assert "jwks.unavailable" == scene.verify(token)


def test_fault_385_a_flood_washes_out_no_token_that_is_shown_again(stage, forge):
    """385: of more tokens than are remembered, one that is shown at every other call costs one signature."""
    scene = stage()
    used = forge.issued()
    scene.verify(used)
    cache, claims = scene.engine._cache, scene.verify(used)
    first = cache.find(digest(used))
    for n in range(2 * MAX_REMEMBERED):
        assert claims is scene.engine.verify(used)
        cache.keep(digest(f"once-{n}"), VerifiedToken(claims, first.keys, math.inf))

    assert first is cache.find(digest(used))
    assert MAX_REMEMBERED == len(cache)


def test_fault_386_remembering_takes_a_bounded_number_of_steps(forge):
    """386: if every remembered token was shown again, one of them goes all the same."""
    cache, keys = SecondChanceTable(MAX_REMEMBERED), forge.key_set()
    claims = forge.verdict(forge.issued())
    for n in range(MAX_REMEMBERED):
        cache.keep(digest(f"token-{n}"), VerifiedToken(claims, keys, math.inf))
        cache.find(digest(f"token-{n}")).used = True
    cache.keep(digest("one-more"), VerifiedToken(claims, keys, math.inf))

    assert MAX_REMEMBERED == len(cache)
    assert 65 >= sum(not each.used for each in cache._remembered.values())


def test_the_memo_is_bounded(forge):
    """Beyond its bound a token that was not shown again is forgotten; no token's text is kept."""
    cache, keys = SecondChanceTable(MAX_REMEMBERED), forge.key_set()
    claims = forge.verdict(forge.issued())
    for n in range(MAX_REMEMBERED + 10):
        cache.keep(digest(f"token-{n}"), VerifiedToken(claims, keys, 1e9))

    assert MAX_REMEMBERED == len(cache._remembered)
    assert all(isinstance(each, bytes) and len(each) == 32 for each in cache._remembered)


def test_a_token_in_hand_is_verified_as_well(stage, forge):
    """An `AccessToken` is verified like its text."""
    scene = stage()
    origin = Provenance("minted", "urllib3", "", "", 0.0, 0.0)
    token = AccessToken(Secret(forge.issued()), "Bearer", Scope(), 0.0, 0.0, origin)

    claims = scene.verify(token)
    assert "client" == claims.subject
    assert claims is scene.verify(token)
    assert claims is scene.verify(token.value.reveal())


def test_fault_247_an_error_leads_to_nothing_of_the_token(stage, forge):
    """Neither error nor traceback holds the token, its header or its claims."""
    scene = stage()
    scene.verify(forge.issued())
    marked = forge.claims(sub="canary-subject", exp=1)
    cases = [
        (forge.issued(body=marked), {}),
        (forge.issued(body={**marked, "exp": forge.NOW + 9}), {"audience": "other"}),
        (forge.issued(body={**marked, "exp": forge.NOW + 9}), {"required_scope": "other"}),
        (forge.issued(body={**marked, "iss": "x"}), {}),
        (unknown(forge), {}),
        (forge.issued()[:-2] + "AA", {}),
    ]
    for token, asked in cases:
        for _ in range(2):
            with pytest.raises(errors.VerificationFailed) as refused:
                scene.engine.verify(token, **asked)
            error = refused.value
            frames = list(traceback.walk_tb(error.__traceback__))[1:]
            held = repr([frame.f_locals for frame, _line in frames]) + repr(vars(error))
            held += repr(error) + str(error)
            assert "canary" not in held
            assert token[:40] not in held
            assert (None, None) == (error.__cause__, error.__context__)


def test_a_closed_verifier_refuses_and_wakes_those_who_wait(stage, forge):
    """Closing ends every wait; afterwards nothing is verified, remembered or not."""
    scene = stage()
    scene.publisher.open.clear()
    found = []
    waiting = threading.Thread(target=lambda: found.append(scene.verify(forge.issued())))
    waiting.start()
    while not ((fetch := scene.engine._keys._calls.find("document")) and fetch.waiters):
        time.sleep(0.001)
    assert scene.engine.close()
    assert not scene.engine.close()
    scene.publisher.open.set()
    waiting.join()

    assert ["closed"] == found
    assert "closed" == scene.verify(forge.issued())


def test_a_child_process_keeps_the_keys(stage, forge):
    """After a fork what was fetched and remembered is there, and keys are fetched again in time."""
    scene = stage()
    token = forge.issued()
    scene.verify(token)
    _renew_all()

    assert "client" == scene.verify(token).subject
    scene.clock.advance(301)
    assert "client" == scene.verify(forge.issued(body=lasting(forge))).subject


def test_a_child_of_a_fork_in_mid_fetch_asks_for_itself(stage, forge):
    """The fetch that was under way lands in the parent; the child need not wait for a cool-down."""
    scene = stage()
    good, gate = scene.publisher.pages["/oauth/jwks"], threading.Event()
    scene.publisher.pages["/oauth/jwks"] = lambda _request: gate.wait(60) and good
    scene.engine._keys.refresh()
    while not scene.publisher.asked:
        time.sleep(0.001)
    scene.publisher.pages["/oauth/jwks"] = good
    _renew_all()

    assert "client" == scene.engine.verify(forge.issued()).subject
    assert 2 == scene.fetches
    gate.set()


def test_a_transport_that_verifies_while_it_fetches_goes_without(stage, forge):
    """A transport that asks for the keys it is fetching gets an error, and hangs nobody."""
    scene = stage()
    inner = []

    def response(request):
        with pytest.raises(errors.KeysUnavailable) as raised:
            scene.engine.verify(forge.issued())
        inner.append(raised.value.code)
        return good

    good = scene.publisher.pages["/oauth/jwks"]
    scene.publisher.pages["/oauth/jwks"] = response

    assert "client" == scene.verify(forge.issued()).subject
    assert ["jwks.unavailable"] == inner


def test_a_fetch_that_is_lost_is_replaced(stage, forge):
    """A fetch that hangs beyond its time is given up; what it brings home later is not newer."""
    scene = stage()
    late, gate = scene.publisher.pages["/oauth/jwks"], threading.Event()
    scene.publisher.pages["/oauth/jwks"] = lambda _request: gate.wait(60) and late
    scene.engine._keys.refresh()
    while not scene.publisher.asked:
        time.sleep(0.001)
    scene.publisher.publish(forge.published(forge.KEYS["ES256"]))
    scene.clock.advance(31)

    assert "client" == scene.engine.verify(forge.issued("ES256")).subject
    newer = scene.engine._keys.current()
    gate.set()
    wait_idle()
    assert newer is scene.engine._keys.current()
    assert 2 == scene.fetches


def test_a_crash_while_fetching_is_an_error_like_others(stage, forge):
    """A transport that breaks its contract leaves the keys unavailable, and is told."""
    scene = stage()
    scene.publisher.pages["/oauth/jwks"] = lambda _request: None

    assert "jwks.unavailable" == scene.verify(forge.issued())
    assert "plugin.contract" == scene.emitted("jwks.refresh_failed")[0]["code"]


def test_a_mark_spares_a_token_once():
    """A token that was shown again outlives the next one that comes, and not those after it."""
    cache = SecondChanceTable(2)
    for name in (b"used", b"once", b"new", b"newer"):
        cache.keep(name, VerifiedToken(None, None, math.inf))
        cache.find(b"used" if cache.find(b"used") else name).used = name == b"used"

    assert [b"new", b"newer"] == [
        name for name in (b"used", b"once", b"new", b"newer") if cache.find(name)
    ]


def test_a_token_or_all_tokens_are_forgotten():
    """One name goes alone; no name means every one."""
    cache = SecondChanceTable(3)
    for name in (b"a", b"b", b"c"):
        cache.keep(name, VerifiedToken(None, None, math.inf))
    cache.forget(b"a")
    assert [False, True, True] == [bool(cache.find(name)) for name in (b"a", b"b", b"c")]
    cache.forget(None)
    assert 0 == len(cache)


def test_a_closed_verifier_remembers_no_token(stage, forge):
    """Closing drops the claims of all tokens, and a new token is not used yet."""
    scene = stage()
    token = forge.issued()
    scene.verify(token)
    assert not scene.engine._cache.find(digest(token)).used
    scene.engine.close()

    assert 0 == len(scene.engine._cache)
