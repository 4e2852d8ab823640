"""
One table of scenarios, lived by threads that wait and by tasks that wait.

Each scenario is a list of steps; a step says what happens, and the result:

    ("get", value)        ask for a token, and get the one with that value
    ("fail", code)        ask for a token, and get the error with that code
    ("answer", response)  the endpoint's next answer, or failure
    ("advance", seconds)  time passes for both clocks
    ("jump", seconds)     the wall clock jumps
    ("invalidate",)       the last token got is invalidated
    ("cache", "down")     the cache stops, or goes on ("up"), or loses everything ("lost")

After the last step, the world must have been asked exactly what the scenario says.
"""

from __future__ import annotations

import pytest

from credicorp_auth import errors
from credicorp_auth_testing.fakes import wait_idle
from credicorp_auth_testing.scripted_runtime import response, token_response

LOST = errors.ConnectionFailed("the connection was refused")
BAD_TLS = errors.TlsFailed("the certificate has expired")
DOWN = response(500)

MINT = ["cache read", "send", "cache write"]
COLD = ["cache read", "fetch", "send", "cache write"]

SCENARIOS = {
    "a fresh token is handed out again without asking anybody": (
        [("get", "token-1"), ("advance", 3200), ("get", "token-1")],
        COLD,
    ),
    "the advisory window hands out the old token and brings the new one": (
        [
            ("get", "token-1"),
            ("advance", 3300),
            ("get", "token-1"),
            ("get", "token-2"),
            ("advance", 3000),
            ("get", "token-2"),
        ],
        [*COLD, "cache read", "fetch", "send", "cache write"],
    ),
    "the mandatory window waits for the new token": (
        [("get", "token-1"), ("advance", 3571), ("get", "token-2")],
        [*COLD, "cache read", "fetch", "send", "cache write"],
    ),
    "an expired token is never handed out": (
        [("get", "token-1"), ("advance", 3600), ("answer", BAD_TLS), ("fail", "transport.tls")],
        [*COLD, "cache read", "fetch", "send"],
    ),
    "017: a failure in the advisory window is nobody's error": (
        [
            ("get", "token-1"),
            ("advance", 3300),
            ("answer", BAD_TLS),
            ("get", "token-1"),
            ("get", "token-1"),
            ("get", "token-1"),
        ],
        [*COLD, "cache read", "fetch", "send"],
    ),
    "after a failed refresh the next attempt comes within thirty seconds": (
        [
            ("get", "token-1"),
            ("advance", 3300),
            ("answer", BAD_TLS),
            ("get", "token-1"),
            ("advance", 31),
            ("get", "token-1"),
            ("get", "token-3"),
        ],
        [*COLD, "cache read", "fetch", "send", "cache read", "send", "cache write"],
    ),
    "a living token outlasts a failure that may pass": (
        [
            ("get", "token-1"),
            ("advance", 3571),
            ("answer", LOST),
            ("answer", LOST),
            ("answer", LOST),
            ("get", "token-1"),
        ],
        [*COLD, "cache read", "fetch", "send", "send", "send"],
    ),
    "018: an expired token does not": (
        [
            ("get", "token-1"),
            ("advance", 3600),
            ("answer", LOST),
            ("answer", LOST),
            ("answer", LOST),
            ("fail", "transport.connect"),
        ],
        [*COLD, "cache read", "fetch", "send", "send", "send"],
    ),
    "an endpoint that fails and recovers costs the caller a pause": (
        [("answer", DOWN), ("answer", DOWN), ("get", "token-3")],
        ["cache read", "fetch", "send", "send", "send", "cache write"],
    ),
    "118: a wall clock that jumps ahead costs one mint, not a loop": (
        [
            ("get", "token-1"),
            ("jump", 7200),
            ("get", "token-2"),
            ("get", "token-2"),
            ("get", "token-2"),
        ],
        [*COLD, *MINT],
    ),
    "119: a wall clock that jumps back keeps no token alive": (
        [("get", "token-1"), ("jump", -7200), ("advance", 3600), ("get", "token-2")],
        [*COLD, "cache read", "fetch", "send", "cache write"],
    ),
    "121: a machine that slept notices at the first call": (
        [("get", "token-1"), ("advance", 7200), ("get", "token-2")],
        [*COLD, "cache read", "fetch", "send", "cache write"],
    ),
    "128: on a clock that stands still one token serves every call": (
        [("get", "token-1"), ("get", "token-1"), ("get", "token-1")],
        COLD,
    ),
    "an invalidated token is replaced, in the cache as well": (
        [("get", "token-1"), ("invalidate",), ("get", "token-2"), ("get", "token-2")],
        [*COLD, "cache discard", *MINT],
    ),
    "a cache that is down costs nothing but its help": (
        [
            ("cache", "down"),
            ("get", "token-1"),
            ("get", "token-1"),
            ("advance", 3571),
            ("cache", "up"),
            ("get", "token-2"),
        ],
        [*COLD, "cache read", "fetch", "send", "cache write"],
    ),
    "a cache that loses everything is not missed": (
        [("get", "token-1"), ("cache", "lost"), ("get", "token-1")],
        COLD,
    ),
    "049: a token of unknown life is used for five minutes": (
        [
            ("answer", token_response("eternal", expires_in=None)),
            ("get", "eternal"),
            ("advance", 200),
            ("get", "eternal"),
            ("advance", 100),
            ("get", "token-2"),
        ],
        [*COLD, "cache read", "fetch", "send", "cache write"],
    ),
    "076: a refusal is remembered for a minute": (
        [
            ("answer", response(400, error="invalid_scope")),
            ("fail", "oauth.invalid_scope"),
            ("fail", "oauth.invalid_scope"),
            ("fail", "oauth.invalid_scope"),
            ("advance", 61),
            ("get", "token-2"),
        ],
        ["cache read", "fetch", "send", "fetch", *MINT],
    ),
    "080: invalidating lifts a refusal": (
        [
            ("get", "token-1"),
            ("advance", 3300),
            ("answer", response(400, error="invalid_scope")),
            ("get", "token-1"),
            ("invalidate",),
            ("get", "token-3"),
        ],
        [*COLD, "cache read", "fetch", "send", "cache discard", *MINT],
    ),
}


def play(stage, waiting, steps):
    """Live a scenario; return what the world was asked."""
    token = None
    for verb, *rest in steps:
        match verb:
            case "get":
                token = waiting(stage)
                assert rest[0] == token.value.reveal()
            case "fail":
                with pytest.raises(errors.CredicorpAuthError) as raised:
                    waiting(stage)
                assert rest[0] == raised.value.code
            case "answer":
                # Numbers of tokens go on counting over the answers that are scripted.
                stage.transport.responses.append(rest[0])
            case "advance":
                stage.clock.advance(rest[0])
            case "jump":
                stage.clock.jump_wall(rest[0])
            case "invalidate":
                assert stage.engine.invalidate(token)
                wait_idle()
            case "cache":
                stage.cache.down = rest[0] == "down"
                if rest[0] == "lost":
                    stage.cache.entries.clear()
    return stage.calls


@pytest.mark.parametrize(("steps", "asked"), SCENARIOS.values(), ids=SCENARIOS)
def test_a_scenario_asks_the_world_the_same_whoever_waits(stage, waiting, steps, asked):
    """Whether a thread waits or a task does, the same happens and the world is asked the same."""
    assert asked == play(stage(), waiting, steps)
