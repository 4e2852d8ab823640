"""Fault 444: a grant that its own token contradicts is an event, and changes nothing."""

from __future__ import annotations

import base64
import json

import pytest

from credicorp_auth.http.secret import Secret
from credicorp_auth.jose.contradiction import contradicted_members
from credicorp_auth.oauth.scope import Scope
from credicorp_auth.oauth.token import Grant
from credicorp_auth_testing.scripted_runtime import token_response

NOW = 1_800_000_000.0


def signed(**claims):
    """Write a token whose signature nobody checks."""
    parts = ({"alg": "RS256"}, claims)
    text = [base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in parts]  # fmt: skip
    return ".".join([*text, "c2lnbmF0dXJl"])


def contradicted(token, *, scope="a b", lifetime=3600.0):
    return contradicted_members(Grant(Secret(token), "Bearer", Scope(scope), lifetime), "me", NOW)


@pytest.mark.parametrize(
    ("claims", "members"),
    [
        pytest.param({}, (), id="says-nothing"),
        pytest.param({"exp": NOW + 3600, "iat": NOW, "scope": "a b c", "client_id": "me"}, (), id="agrees"),
        pytest.param({"exp": NOW + 300, "iat": NOW}, ("expires_in",), id="ends-early"),
        pytest.param({"exp": NOW + 300}, ("expires_in",), id="ends-early-without-iat"),
        pytest.param({"exp": NOW + 3570}, (), id="within-a-minute"),
        pytest.param({"exp": NOW - 3600 + 3600, "iat": NOW - 3600}, (), id="clocks-differ"),
        pytest.param({"exp": NOW + 7200}, (), id="ends-later"),
        pytest.param({"exp": True, "iat": "x"}, (), id="no-times"),
        pytest.param({"scope": "a"}, ("scope",), id="lacks-a-scope"),
        pytest.param({"scp": ["a"]}, ("scope",), id="lacks-a-scope-of-a-list"),
        pytest.param({"scp": ["a", "b"], "cid": "me"}, (), id="okta"),
        pytest.param({"scope": "a\tb"}, (), id="scope-that-is-none"),
        pytest.param({"scope": [{}]}, (), id="scope-list-that-is-none"),
        pytest.param({"scope": 7}, (), id="scope-of-a-number"),
        pytest.param({"scope": ""}, (), id="scope-empty"),
        pytest.param({"azp": "other"}, ("client_id",), id="another-client"),
        pytest.param({"azp": "other", "appid": "me"}, (), id="entra"),
        pytest.param({"client_id": 7}, (), id="client-of-a-number"),
        pytest.param({"exp": NOW, "scope": "c", "cid": "x"}, ("expires_in", "scope", "client_id"), id="all"),
    ],
)  # fmt: skip
def test_fault_444_what_a_token_contradicts(claims, members):
    """444: an earlier end, a missing scope, another client; other claims of a token do not count."""
    assert members == contradicted(signed(**claims))


@pytest.mark.parametrize(
    "token",
    ["opaque", "a.b", "a.b.c", "a..c", f"a.{base64.b64encode(b'[]').decode()}.c", "x" * 20_000, "a.!.c"],
)  # fmt: skip
def test_fault_444_an_opaque_token_contradicts_nothing(token):
    """444: what is no JWT is not read."""
    assert () == contradicted(token)


def test_fault_444_it_is_an_event_and_the_grant_counts(stage):
    """444: the token is held and used as granted; the event names the members, and no value."""
    seen = []
    token = signed(exp=NOW - 9000, scope="canary", azp="canary-client")
    play = stage([token_response(token, scope="a b")], scope="a b", observers=[seen.append])
    got = play.get()
    event = next(each for each in seen if each.name == "token.contradicted")

    assert (3600.0, "a b") == (got.lifetime, str(got.scope))
    assert play.get() is got
    assert {"client_id", "members"} == set(event.fields)
    assert "expires_in scope client_id" == event.fields["members"]
    assert "canary" not in str(event)


@pytest.mark.parametrize("payload", [b"[1", b"[]", b"{}{}", b"\xff"])
def test_fault_444_a_payload_that_is_no_object_says_nothing(payload):
    """444: a token of three segments may be opaque; nothing is read from it."""
    text = base64.urlsafe_b64encode(payload).decode().rstrip("=")

    assert () == contradicted(f"e30.{text}.c2ln")
