"""An engine over files: what it shares, and how little their failures mean to callers."""

from __future__ import annotations

import itertools
import json
import logging
import os
import subprocess
from base64 import b64decode, b64encode
from contextlib import nullcontext

import pytest
from click.testing import CliRunner

from credicorp_auth.cli.run import credicorp_auth
from credicorp_auth.settings.schema import Settings
from credicorp_auth.wiring.engines import build_engine
from credicorp_auth_testing.clock import MovableClock
from credicorp_auth_testing.fakes import ListedSecrets, ScriptedTransport, wait_idle

_CLIENTS = itertools.count()


@pytest.fixture
def client_id():
    return f"file-client-{next(_CLIENTS)}"


@pytest.fixture
def engine_over(client_id, hands):
    """Build engines of one client, each over a cache of its own."""
    made = []

    def build(cache, *, clock=None, client=client_id):
        events = []
        transport = ScriptedTransport()
        engine = build_engine(
            Settings(
                base_url="https://as.example",
                client_id=client,
                transport=transport,
                cache=cache,
                secrets=ListedSecrets(["client-secret-canary"]),
                observers=[lambda event: events.append((event.name, event.fields.get("code")))],
            ),
            clock=clock,
        )
        made.append(engine)
        return engine, transport, events

    yield build
    for engine in made:
        engine.close()
    wait_idle()


def record_in(hands):
    """Return the one record of the folder, and its members."""
    (path,) = hands.place.glob("*.json")
    return path, json.loads(path.read_text())


def test_fault_147_a_second_engine_reads_what_the_first_has_minted(hands, engine_over):
    """Two engines of one client, as in two processes, cost one request."""
    first, transport, _ = engine_over(hands.cache())
    token = first.get_token()
    wait_idle()
    second, idle, events = engine_over(hands.cache())
    again = second.get_token()

    assert (1, 0) == (len(transport.sent), len(idle.sent))
    assert token.value.reveal() == again.value.reveal()
    assert [] == [event for event in events if event[0] == "cache.failed"]


def test_fault_154_no_client_secret_is_in_any_file(hands, engine_over, client_id):
    """A token is all that the folder holds: neither the secret nor, in the open, the client's id."""
    engine, _, _ = engine_over(hands.cache())
    engine.get_token()
    wait_idle()
    _, members = record_in(hands)
    content = b"".join(path.read_bytes() for path in hands.place.iterdir())
    content += b64decode(members["entry"])

    assert b"token-1" in content
    assert b"client-secret-canary" not in content
    assert client_id.encode() not in content
    assert client_id not in "".join(hands.names())


def test_fault_134_another_client_s_entry_is_no_entry(hands, engine_over):
    """A record that was made to look like this client's still names the key it was made for."""
    engine, _, _ = engine_over(hands.cache(), client="file-another-client")
    engine.get_token()
    wait_idle()
    theirs, members = record_in(hands)
    theirs.unlink()
    mine, _, _ = engine_over(hands.cache())
    mine.get_token()
    wait_idle()
    ours, own = record_in(hands)
    ours.write_text(json.dumps(own | {"entry": members["entry"]}))
    third, transport, events = engine_over(hands.cache())
    third.get_token()
    wait_idle()

    assert 1 == len(transport.sent)
    assert "cache.corrupt" in [name for name, _ in events]


@pytest.mark.parametrize("where", ["around the entry", "inside the entry"])
def test_fault_135_a_year_that_was_added_is_not_believed(hands, engine_over, where):
    """However long a record claims to live, its token is taken for a day at most."""
    clock = MovableClock()
    first, _, _ = engine_over(hands.cache(), clock=clock)
    first.get_token()
    wait_idle()
    path, members = record_in(hands)
    members["ends"] += 365 * 86_400
    if where == "inside the entry":
        entry = json.loads(b64decode(members["entry"]))
        entry["lifetime"] += 365 * 86_400
        members["entry"] = b64encode(json.dumps(entry).encode()).decode()
    path.write_text(json.dumps(members))
    clock.advance(86_401)
    second, transport, _ = engine_over(hands.cache(), clock=clock)
    token = second.get_token()

    assert 1 == len(transport.sent)
    assert token.expires_at <= clock.wall() + 86_400


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        pytest.param("full", "cache.unavailable", id="142-disk full"),
        pytest.param("read-only", "cache.permissions", id="143-read-only"),
        pytest.param("a file in its place", "cache.permissions", id="143-no folder"),
        pytest.param("lock held", "cache.unavailable", id="150-lock held"),
    ],
)
def test_trouble_is_an_event_and_the_token_is_there(
    hands, small_files, engine_over, caplog, request, trouble, code
):
    """The call succeeds from memory, with a warning that names the trouble, and one request."""
    if trouble == "read-only":
        hands = request.getfixturevalue("tiny")
        hands.kept()
        subprocess.run(["mount", "-o", "remount,ro", str(hands.place)], check=True)
    elif trouble == "a file in its place":
        hands.place.write_bytes(b"x")
    else:
        hands.kept()
    engine, transport, events = engine_over(hands.cache())
    limits = {"full": small_files(0), "lock held": hands.held_lock()}
    with (
        caplog.at_level(logging.WARNING, logger="credicorp_auth"),
        limits.get(trouble, nullcontext()),
    ):
        tokens = {engine.get_token().value.reveal() for _ in range(3)}
        wait_idle()

    assert ({"token-1"}, 1) == (tokens, len(transport.sent))
    assert ("cache.failed", code) in events
    assert code in caplog.text


@pytest.mark.parametrize(
    ("content", "mode", "event"),
    [
        pytest.param(b"damaged", 0o600, ("cache.failed", "cache.corrupt"), id="132-corrupt"),
        pytest.param(None, 0o644, ("cache.failed", "cache.permissions"), id="137-open to others"),
    ],
)
def test_a_bad_file_costs_one_request_and_is_told(hands, engine_over, content, mode, event):
    """The caller gets a token no matter what stands in its file."""
    first, _, _ = engine_over(hands.cache())
    first.get_token()
    wait_idle()
    path, _ = record_in(hands)
    if content is not None:
        path.write_bytes(content)
    path.chmod(mode)
    before = path.read_bytes()
    engine, transport, events = engine_over(hands.cache())
    token = engine.get_token()
    wait_idle()

    assert ("token-1", 1) == (token.value.reveal(), len(transport.sent))
    assert event in events
    # A damaged file makes room for the new token; one that is open to others is not touched.
    assert (content is not None) == (before != path.read_bytes())


@pytest.fixture
def call(tmp_path):
    """Run a command of `credicorp-auth cache` over files that variables and a profile name."""
    folder = tmp_path / "tokens"
    profile = tmp_path / "credicorp.toml"
    profile.write_text(
        f'[files]\nclient_id = "a"\nsecrets = "env"\ncache = "file"\n'
        f'cache_options = {{ directory = "{folder}" }}\n'
    )
    environ = {
        **{name: None for name in os.environ if name.startswith("CREDICORP_")},
        "CREDICORP_CONFIG": str(profile),
        "CREDICORP_CACHE": "file",
        "CREDICORP_CACHE_DIRECTORY": str(folder),
    }

    def run(*arguments):
        done = CliRunner().invoke(credicorp_auth, ["cache", *arguments], env=environ)
        assert 0 == done.exit_code, done.output
        return done.stdout

    return run


def test_156_an_operator_sees_and_drops_what_is_there(call, hands):
    """156: `cache list` shows names, ages and expiry, and no token; `cache clear` drops them."""
    cache = hands.cache()
    cache.write("ab" * 32, b"token-canary", lifetime=600, timeout=5)
    table = call("list")
    rows = json.loads(call("list", "--profile", "files", "--format", "json"))

    assert "ab" * 32 in table
    assert [("ab" * 32, True)] == [(each["name"], 500 < each["expires_in"] <= 600) for each in rows]
    assert "canary" not in f"{table}{rows}"
    assert call("clear").startswith("dropped 1 from file")
    assert "[]\n" == call("list", "--format", "json")
    assert None is cache.read("ab" * 32, timeout=5)
