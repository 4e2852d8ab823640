"""The check-up: what is found on the way to a token, and what to do about it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading

import pytest

from credicorp_auth import errors
from credicorp_auth.diagnostics import Verdict, examine, explain_settings
from credicorp_auth.diagnostics.adapters import check_cache, check_secret
from credicorp_auth.diagnostics.diagnose import NoCache
from credicorp_auth.diagnostics.server import check_reach
from credicorp_auth.http.messages import HttpResponse
from credicorp_auth.http.secret import Secret, SecretBytes
from credicorp_auth.plugin.api import Cache, CacheCapabilities, FetchedSecret, LeaseState, Provider
from credicorp_auth.plugin.loading.installed import installed_entry_points
from credicorp_auth.plugin.loading.registry import Registry
from credicorp_auth.settings.schema import Settings
from credicorp_auth_testing.clock import MovableClock
from credicorp_auth_testing.fakes import ListedSecrets, ScriptedTransport, SwitchableCache
from credicorp_auth_testing.sandbox import Sandbox, SandboxSettings
from credicorp_auth_testing.scripted_runtime import ScriptedLease

pytestmark = pytest.mark.slow

CANARY = "hunter2-canary"
SOME = Provider("some", "some-distribution", "1.0")
OBSERVER = "from credicorp_auth.plugin.api.hookspecs import hookimpl\nCREDICORP_API = 1\n@hookimpl\ndef credicorp_event(event): pass\n"


@pytest.fixture(scope="module")
def sandbox():
    """Open one sandbox for all check-ups."""
    with Sandbox(SandboxSettings(client_secret=CANARY)) as opened:
        yield opened


@pytest.fixture
def environ(sandbox):
    """Describe the sandbox by variables."""
    sandbox.switches.narrowed_scope = None
    return {
        "CREDICORP_BASE_URL": sandbox.base_url,
        "CREDICORP_CLIENT_ID": sandbox.client_id,
        "CREDICORP_CLIENT_SECRET": CANARY,
        "CREDICORP_SCOPE": "decisions:read",
    }


@pytest.fixture
def exported(environ, monkeypatch):
    """Set these variables, since the env source reads those of the process."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return environ


def verdicts(found):
    """Return each subject with its verdict."""
    return [(each.subject, each.verdict.value) for each in found.checks]


def test_all_is_well(exported):
    """Every part is looked at, in order; what is told holds no secret, and one token is minted."""
    found = examine(None, exported)
    subjects = ["settings", "transport", "cache", "secret source", "cache", "secret", "reach", "metadata", "clock", "mint", "scope"]  # fmt: skip

    assert [(each, "ok") for each in subjects] == verdicts(found)
    assert Verdict.OK is found.verdict
    assert CANARY not in repr(found)


def test_one_mint_and_one_look(exported, sandbox):
    """A check-up costs one token request, even where the cache has a token."""
    before = sandbox.counters["token_requests"]
    examine(None, exported)
    examine(None, exported)

    assert 2 == sandbox.counters["token_requests"] - before


def test_the_cache_of_a_check_up_keeps_nothing():
    """What is written into it is not there, and need not be dropped."""
    cache = NoCache()
    cache.write("a", b"x", lifetime=60, timeout=5)

    assert isinstance(cache, Cache)
    assert (None, False) == (cache.read("a", timeout=5), cache.discard("a", timeout=5))


def test_fault_388_a_forbidden_adapter_is_found_and_the_rest_is_looked_at(exported, monkeypatch):
    """388: doctor names the adapter that the operator's list forbids; that its own mint needs no cache, forbidden or not."""
    monkeypatch.setenv("CREDICORP_PLUGINS", "urllib3 env")
    found = examine(None, {**exported, "CREDICORP_PLUGINS": "urllib3 env"})
    reported = [each.message for each in found.checks if each.verdict is Verdict.FAIL]

    assert [("cache", "fail")] == [each for each in verdicts(found) if each[1] == "fail"]
    assert "CREDICORP_PLUGINS allows 'env urllib3'" in reported[0]
    assert ("mint", "ok") in verdicts(found)


def test_fault_344_every_setting_is_told_with_its_origin(exported, tmp_path):
    """344: keyword-less precedence as it is in force: variable, profile, default; secrets masked."""
    path = tmp_path / "credicorp.toml"
    path.write_text(
        f"[p]\nclient_id = 'c'\nclient_secret = '{CANARY}'\nbase_url = '{exported['CREDICORP_BASE_URL']}'\n"
        "observers = ['nobody']\nscope = 'applications:write'\n[p.extra_parameters]\ncanary = 'hunter2-canary'\n"
    )
    path.chmod(0o600)
    environ = {**exported, "CREDICORP_CONFIG": str(path), "CREDICORP_CACHE_MAX_ENTRIES": "9"}
    found = examine("p", environ)
    reported = {each.name: (each.value, each.origin) for each in found.settings}

    assert ("decisions:read", "variable CREDICORP_SCOPE") == reported["scope"]
    assert ("c", "profile p") == reported["client_id"]
    assert ("max_entries", "variables CREDICORP_CACHE_*") == reported["cache_options"]
    assert ("10.0", "default") == reported["timeout"]
    assert ("canary", "profile p") == reported["extra_parameters"]
    assert ("nobody", "profile p") == reported["observers"]
    assert reported["client_secret"][0].startswith("<Secret ***")
    assert CANARY not in repr(found)
    assert ("secret", "ok") in verdicts(found)
    assert ("observer", "fail") in verdicts(found)


def test_settings_that_cannot_be_read_end_it():
    """Where settings make no sense there is nothing else to look at."""
    found = examine(None, {"CREDICORP_TIMEOUT": "soon"})

    assert [("settings", "fail")] == verdicts(found)
    assert ([], Verdict.FAIL) == (found.settings, found.verdict)
    assert found.checks[0].hint


def test_what_cannot_be_loaded_is_told_and_no_token_is_asked_for(exported, install, sandbox):
    """A broken adapter fails its line; the others are looked at all the same."""
    before = sandbox.counters["token_requests"]
    found = install(("odd", "odd", "1 / 0"), group="credicorp_auth.transports")
    registry = Registry([*installed_entry_points(), *found])
    reported = verdicts(
        examine(None, {**exported, "CREDICORP_TRANSPORT": "odd"}, registry=registry)
    )

    assert ("transport", "fail") in reported
    assert {("cache", "ok"), ("secret", "ok")} <= set(reported)
    assert not {"reach", "mint"} & {subject for subject, _ in reported}
    assert before == sandbox.counters["token_requests"]


def test_a_secret_source_that_is_not_there(exported):
    """Without its source there is no secret to look for, and no mint."""
    reported = verdicts(examine(None, {**exported, "CREDICORP_SECRETS": "pigeon"}))

    assert ("secret source", "fail") in reported
    assert not {"secret", "mint"} & {subject for subject, _ in reported}


def test_an_object_of_the_callers_is_told_by_its_class():
    """What settings hold beside names and numbers is named by its class."""
    reported = explain_settings(Settings(cache=SwitchableCache()), None, {})

    assert ["SwitchableCache"] == [each.value for each in reported if each.name == "cache"]


def test_an_adapter_that_cannot_even_be_closed(exported, install):
    """What was found is told although an adapter raises when it is closed."""
    source = (
        "from credicorp_auth.plugin.api.hookspecs import hookimpl\nCREDICORP_API = 1\n@hookimpl\n"
        "def credicorp_cache(options):\n"
        "    from credicorp_auth_testing.fakes import SwitchableCache\n"
        "    return type('Odd', (SwitchableCache,), {'close': lambda self: 1 / 0})()\n"
    )
    registry = Registry([*installed_entry_points(), *install(("odd", "odd", source))])
    reported = verdicts(examine(None, {**exported, "CREDICORP_CACHE": "odd"}, registry=registry))

    assert ("mint", "ok") in reported


def test_a_broken_cache_or_observer_leaves_the_token(exported, install):
    """What a call does not need fails its own line only."""
    found = install(("odd", "odd", "1 / 0"))
    found += install(("watch", "watch", OBSERVER), group="credicorp_auth.observers")[-1:]
    registry = Registry([*installed_entry_points(), *found])
    environ = {**exported, "CREDICORP_CACHE": "odd", "CREDICORP_OBSERVERS": "watch nobody"}
    reported = verdicts(examine(None, environ, registry=registry))

    assert [
        ("cache", "fail"),
        ("secret source", "ok"),
        ("observer", "ok"),
        ("observer", "fail"),
    ] == reported[2:6]
    assert ("mint", "ok") in reported


def test_the_secret_is_missing(exported, monkeypatch):
    """Without a secret nothing is minted, and the line says what to set."""
    monkeypatch.delenv("CREDICORP_CLIENT_SECRET")
    found = examine(None, exported)

    assert ("secret", "fail") in verdicts(found)
    assert "mint" not in dict(verdicts(found))


def test_the_server_refuses(exported, monkeypatch):
    """A wrong secret shows at the mint."""
    monkeypatch.setenv("CREDICORP_CLIENT_SECRET", "wrong")
    found = examine(None, exported)

    assert "oauth.invalid_client" == found.checks[-1].code
    assert ("mint", "fail") == verdicts(found)[-1]


@pytest.mark.parametrize(("policy", "verdict"), [("refuse", "fail"), ("accept", "warn")])
def test_less_scope_than_asked(exported, sandbox, policy, verdict):
    """Scope granted narrower than asked is told: as a failure, or a worry where it is accepted."""
    sandbox.switches.narrowed_scope = "decisions:read"
    environ = {
        **exported,
        "CREDICORP_SCOPE": "decisions:read applications:write",
        "CREDICORP_NARROWED_SCOPE": policy,
    }

    found = examine(None, environ)

    assert ("scope", verdict) == verdicts(found)[-1]
    assert found.checks[-1].hint


class LosingCache(SwitchableCache):
    """Forgets at once."""

    def write(self, key, entry, *, lifetime, timeout):
        """Keep nothing."""


class LeasingStandIn(SwitchableCache):
    """Gives a lease, or not."""

    capabilities = CacheCapabilities(shared=True, leases=True)
    given = LeaseState.ACQUIRED

    def lease(self, key, *, seconds, timeout):
        """Give what is scripted."""
        return ScriptedLease(self.given)


class HeldCache(LeasingStandIn):
    """Says another has the lease."""

    given = LeaseState.HELD


class DownCache(SwitchableCache):
    """Is down."""

    def __init__(self):
        super().__init__()
        self.down = True


@pytest.mark.parametrize(
    ("cache", "verdict", "said"),
    [
        (SwitchableCache(), Verdict.OK, "wrote, read and dropped"),
        (LeasingStandIn(), Verdict.OK, "took a lease, wrote"),
        (HeldCache(), Verdict.FAIL, "no lease"),
        (LosingCache(), Verdict.FAIL, "lost an entry"),
        (DownCache(), Verdict.FAIL, "raised OSError"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_the_round_trip_of_a_cache(cache, verdict, said):
    """A cache must give back what it was given, and a lease where it offers them."""
    found = check_cache(cache, SOME)

    assert verdict is found.verdict
    assert said in found.message
    assert (verdict is Verdict.FAIL) == bool(found.hint)
    assert {} == cache.entries


def test_a_cache_that_hangs():
    """A cache that never returns is told, and not waited for."""
    opened = threading.Event()

    class Hanging(SwitchableCache):
        def write(self, key, entry, *, lifetime, timeout):
            opened.wait(60)

    found = check_cache(Hanging(), SOME, seconds=0.1)
    opened.set()

    assert Verdict.FAIL is found.verdict
    assert "has not returned within 0.1 s" in found.message


def test_a_secret_about_to_expire():
    """A secret that lives on for seconds only is a worry."""
    clock = MovableClock()

    class Brief(ListedSecrets):
        def fetch(self, names, *, timeout):
            fields = {"client_secret": Secret(CANARY), "client_id": Secret("c")}
            return FetchedSecret(fields, version="1", expires_at=clock.wall() + 31)

    found = list(check_secret(Brief(), SOME, None, clock))

    assert [Verdict.OK, Verdict.WARN] == [each.verdict for each in found]
    assert "expires in 31 s" in found[1].message
    assert CANARY not in repr(found)


SETTINGS = Settings(token_url="https://as.example/token")


def reach(*script):
    """Look at a server that answers, or fails, like this."""
    return list(check_reach(ScriptedTransport(script), SOME, SETTINGS, MovableClock()))


def response(status=200, body=b"{}", **headers):
    """Build an answer."""
    return HttpResponse(status, list(headers.items()), SecretBytes(body))


@pytest.mark.parametrize(
    ("error", "reported"),
    [
        (errors.ConnectionFailed("x", code="transport.dns"), ["name lookup"]),
        (errors.ConnectionFailed("x", code="transport.connect"), ["name lookup", "connection"]),
        (errors.ConnectionFailed("x", code="transport.proxy"), ["name lookup", "connection"]),
        (errors.TlsFailed("x"), ["name lookup", "connection", "TLS"]),
        (errors.DeadlinePassed("x"), ["name lookup", "connection", "TLS", "response"]),
        (OSError("x"), ["name lookup", "connection", "TLS", "response"]),
    ],
)
def test_how_far_a_request_gets(error, reported):
    """What failed is named, and what must have worked before it."""
    found = reach(error)

    assert reported == [each.subject for each in found]
    assert [*["ok"] * (len(reported) - 1), "fail"] == [each.verdict.value for each in found]


@pytest.mark.parametrize(
    ("given", "verdict", "said"),
    [
        (response(404), "ok", "publishes none"),
        (response(body=b'{"token_endpoint": "https://as.example/token"}'), "ok", "the same token endpoint"),
        (response(body=b'{"token_endpoint": "https://other.example/"}'), "warn", "https://other.example/"),
        (response(body=b'{"token_endpoint": 7}'), "warn", "returned status 200 and no metadata"),
        (response(body=b"<html>"), "warn", "returned status 200 and no metadata"),
        (response(503), "warn", "returned status 503"),
    ],
)  # fmt: skip
def test_what_metadata_says(given, verdict, said):
    """Metadata are compared with the settings; a server need not have them."""
    found = reach(given)[1]

    assert ("metadata", verdict) == (found.subject, found.verdict.value)
    assert said in found.message


@pytest.mark.parametrize(
    ("date", "verdict", "said"),
    [
        ("Fri, 15 Jan 2027 08:00:00 GMT", "ok", "0 s behind"),
        ("Fri, 15 Jan 2027 07:58:00 GMT", "warn", "120 s ahead of"),
        ("Fri, 15 Jan 2027 08:02:00 GMT", "warn", "120 s behind"),
        ("yesterday", "warn", "sent no Date"),
    ],
)
def test_what_the_servers_clock_says(date, verdict, said):
    """The Date of the answer is compared with this machine's clock."""
    found = reach(response(Date=date))[2]

    assert ("clock", verdict) == (found.subject, found.verdict.value)
    assert said in found.message


def call(environ, *arguments):
    """Run a command with no other variables of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CREDICORP")}
    return subprocess.run(
        [sys.executable, "-m", "credicorp_auth", *arguments],
        env={**kept, **environ},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_command_tells_it_in_lines(environ):
    """`doctor` ends with 0 and one line for each finding where all is well."""
    ended = call(environ, "doctor")

    assert (0, "") == (ended.returncode, ended.stderr)
    assert "scope = decisions:read  (variable CREDICORP_SCOPE)" in ended.stdout
    assert 11 == sum(line.startswith("ok ") for line in ended.stdout.splitlines())
    assert CANARY not in ended.stdout


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"CREDICORP_TRANSPORT": "pigeon"}, 2, "plugin.missing"),
        ({"CREDICORP_CLIENT_SECRET": "wrong"}, 3, "oauth.invalid_client"),
        ({"CREDICORP_BASE_URL": "http://127.0.0.1:1"}, 4, "transport.connect"),
    ],
)
def test_the_command_ends_as_its_first_failure(environ, change, code, said):
    """The exit code is that of the first failure, and the cure is told."""
    ended = call({**environ, **change}, "doctor")
    document = json.loads(call({**environ, **change}, "doctor", "--format", "json").stdout)

    assert code == ended.returncode
    assert f"[{said}]" in ended.stdout
    assert "what to do: " in ended.stdout
    assert "fail" == document["verdict"]
    assert [said] == [each["code"] for each in document["checks"] if each["code"]]


def test_a_token_is_explained(environ):
    """`token --explain` says which plugin brought it, its age, its windows and when it is renewed."""
    ended = call(environ, "token", "--explain")
    reported = dict(line.split(": ", 1) for line in ended.stdout.splitlines())

    assert ("minted", "urllib3") == (reported["source"], reported["plugin"])
    assert (
        reported["issued"]
        <= reported["next refresh"]
        < reported["callers wait from"]
        < reported["never used from"]
    )


def test_a_token_is_explained_to_programs(environ):
    """The JSON form has the same; other formats have no room for it."""
    explained = json.loads(call(environ, "token", "--explain", "--format", "json").stdout)[
        "explained"
    ]

    assert {
        "source",
        "plugin",
        "distribution",
        "issued",
        "obtained",
        "age_when_obtained",
        "next_refresh",
        "callers_wait_from",
        "never_used_from",
    } == set(explained)
    assert 2 == call(environ, "token", "--explain", "--format", "header").returncode
    assert "explained" not in call(environ, "token", "--format", "json").stdout


def test_a_token_in_hand_no_more_has_no_windows(sandbox):
    """What was dropped meanwhile is explained without what the engine no longer knows."""
    from credicorp_auth import CredicorpAuth
    from credicorp_auth.cli.token import explain_token

    with CredicorpAuth(
        base_url=sandbox.base_url, client_id=sandbox.client_id, client_secret=CANARY
    ) as auth:
        token = auth.get_token()
        auth.invalidate(token)

        assert "next_refresh" not in explain_token(auth, token)
