"""Keys where no thread can start: fetched inline, in bounded time, by threads and tasks alike."""

from __future__ import annotations

import asyncio
import threading

import pytest
from joserfc.jwk import RSAKey

from credicorp_auth import errors
from credicorp_auth.engine.single_flight.cached_document import INLINE_REFRESH

pytestmark = pytest.mark.slow

NEW = RSAKey.generate_key(2048, {"kid": "new", "alg": "RS256"})


@pytest.fixture(autouse=True)
def no_thread():
    """Let threads need more memory than there is, which the system refuses."""
    usual = threading.stack_size(2**47)
    with pytest.raises(RuntimeError):
        threading.Thread(target=pytest.fail).start()
    yield
    threading.stack_size(usual)


@pytest.fixture(params=["thread", "task"])
def verify(request):
    """Verify as a thread, and as a task; return the client, or the code of the error."""

    def run(scene, token):
        try:
            if request.param == "thread":
                return scene.engine.verify(token).client_id
            return asyncio.run(scene.engine.averify(token)).client_id
        except errors.VerificationFailed as error:
            return error.code

    return run


def lasting(forge, **members):
    """Write claims that outlive every test."""
    return forge.claims(exp=forge.NOW + 10**6, **members)


def test_fault_377_keys_are_fetched_by_the_caller(stage, forge, verify):
    """First keys, unknown keys and stale keys cost the same fetches as with threads."""
    scene = stage()
    assert "client" == verify(scene, forge.issued())
    scene.publisher.publish(forge.published(NEW))
    assert "client" == verify(scene, forge.issued(key=NEW, kid="new"))
    assert 2 == scene.fetches
    assert "verify.kid" == verify(scene, forge.issued())
    assert 2 == scene.fetches

    scene.clock.advance(301)
    assert "client" == verify(scene, forge.issued(key=NEW, kid="new", body=lasting(forge)))
    assert 3 == scene.fetches


def test_fault_377_discovery_is_read_by_the_caller_too(stage, forge, verify):
    """Metadata and keys are fetched one inside the other."""
    scene = stage(discovery="on")
    path = "/.well-known/oauth-authorization-server"
    keys = {"jwks_uri": f"{forge.ISSUER}/oauth/jwks", "issuer": forge.ISSUER}
    scene.publisher.publish(keys, path=path)

    assert "client" == verify(scene, forge.issued())
    assert [path, "/oauth/jwks"] == scene.publisher.asked


def test_fault_377_an_outage_is_an_error_and_no_wait(stage, forge, verify):
    """A fetch that fails inline is the reason at once, and is not repeated by each caller."""
    scene = stage()
    scene.publisher.down = True

    assert ["jwks.unavailable"] * 5 == [verify(scene, forge.issued()) for _ in range(5)]
    assert 1 == scene.fetches
    scene.publisher.down = False
    scene.clock.advance(30)
    assert "client" == verify(scene, forge.issued())


def test_fault_377_a_refresh_that_can_wait_takes_little_of_a_callers_time(stage, forge, verify):
    """Stale keys are refreshed inline within 2 s; keys that are needed have the whole timeout."""
    scene = stage(timeout=8.0)
    assert "client" == verify(scene, forge.issued())
    scene.clock.advance(301)
    assert "client" == verify(scene, forge.issued(body=lasting(forge)))
    scene.clock.advance(30)
    assert "verify.kid" == verify(scene, forge.issued(key=NEW, kid="new"))

    assert [8.0, INLINE_REFRESH, 8.0] == scene.publisher.timeouts


def test_fault_377_a_second_look_is_waited_for(stage, forge, verify):
    """What withdraws every key is confirmed inline."""
    scene = stage()
    assert "client" == verify(scene, forge.issued())
    scene.publisher.publish({"keys": []})
    scene.clock.advance(301)
    token = forge.issued(body=lasting(forge))
    assert "client" == verify(scene, token)
    scene.clock.advance(5)

    assert "jwks.no_usable_key" == verify(scene, token)
    assert 3 == scene.fetches
