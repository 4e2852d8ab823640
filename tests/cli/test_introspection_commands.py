"""The commands that ask the server about a token: introspect, revoke."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from credicorp_auth_testing.sandbox import Sandbox, SandboxSettings
from credicorp_auth_testing.sandbox.responses import raw
from credicorp_auth_testing.sandbox.tokens import IssuedToken

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-m", "credicorp_auth"]


@pytest.fixture(scope="module")
def sandbox():
    """Open one sandbox for all commands."""
    with Sandbox(SandboxSettings(token_rate=10**4, token_burst=10**4)) as opened:
        yield opened


@pytest.fixture
def call(sandbox):
    """Run a command that is shown a token on standard input."""
    kept = {name: value for name, value in os.environ.items() if "CREDICORP" not in name}
    environ = {
        **kept,
        "COVERAGE_PROCESS_START": os.environ.get("COVERAGE_PROCESS_START", ""),
        "CREDICORP_BASE_URL": sandbox.base_url,
        "CREDICORP_CLIENT_ID": sandbox.client_id,
        "CREDICORP_CLIENT_SECRET": sandbox.client_secret,
    }

    def run(*arguments, stdin=b"", stdout=subprocess.PIPE, **changes):
        ended = subprocess.run(
            [*COMMAND, *arguments],
            env={**environ, **changes},
            input=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            timeout=300,
            check=False,
        )
        return ended.returncode, (ended.stdout or b"").decode(), ended.stderr.decode()

    return run


def issue(sandbox, value, **claims):
    """Let the sandbox know a token."""
    known = {"exp": time.time() + 600, "client_id": sandbox.client_id, "scope": "a"}
    sandbox.tokens.add(IssuedToken(value, {**known, **claims}))


def test_an_active_token_is_summed_up_and_not_shown(call, sandbox, tmp_path):
    """The exit code is 0, from standard input and from a file; the token is not repeated."""
    issue(sandbox, "opaque-1")
    path = tmp_path / "token"
    path.write_text("opaque-1")
    for code, said, wrong in (
        call("introspect", stdin=b"opaque-1\n"),
        call("introspect", "--file", str(path)),
    ):
        assert (0, "") == (code, wrong)
        assert f"active: yes\nclient: {sandbox.client_id}\nsubject: (not given)\n" in said
        assert "opaque-1" not in said


def test_every_member_is_shown_as_json(call, sandbox):
    """`--format json` shows what the server says, less the token where the server repeats it."""
    issue(sandbox, 'opaque"2', echo={"of": ['opaque"2']}, sub="s")
    code, said, _ = call("introspect", "--format", "json", stdin=b'opaque"2')
    members = json.loads(said)

    assert (0, True, "s") == (code, members["active"], members["sub"])
    assert {"of": ["***"]} == members["echo"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "active: no\ncode: introspection.inactive\n"),
        (("--format", "json"), '{"active": false, "code": "introspection.inactive"}\n'),
    ],
)
def test_an_inactive_token_ends_with_3(call, arguments, said):
    """A token that does not count is said on standard output, and by the exit code."""
    assert (3, said, "") == call("introspect", *arguments, stdin=b"unknown")


@pytest.mark.parametrize(
    ("exp", "shown"), [(None, "(not given)"), (2**53, "9007199254740992, beyond the calendar")]
)
def test_an_end_is_shown_as_far_as_there_is_one(call, sandbox, exp, shown):
    """A token without an end, and one beyond the year 9999, are shown as they are."""
    body = {"active": True, "exp": exp, "sub": "a\x1b[2J"}
    sandbox.switches.fail_next([raw(json.dumps(body))], at="introspection")
    code, said, _ = call("introspect", stdin=b"opaque-3")

    assert 0 == code
    assert f"expires: {shown}\n" in said
    assert "\x1b" not in said


def test_a_full_disk_does_not_hide_that_a_token_is_inactive(call):
    """The exit code still says that the token is not active, and standard error what is lost."""
    with Path("/dev/full").open("wb") as full:
        code, _, wrong = call("introspect", stdin=b"unknown", stdout=full)

    assert 3 == code
    assert "error: the output cannot be written" in wrong


def test_a_closed_pipe_ends_quietly(call):
    """`credicorp-auth introspect | head -0` says nothing."""
    reading, writing = os.pipe()
    os.close(reading)
    code, _, wrong = call("introspect", stdin=b"unknown", stdout=writing)
    os.close(writing)

    assert (1, "") == (code, wrong)


@pytest.mark.parametrize(
    ("stdin", "code", "ending"),
    [
        (b"", "token.format", 3),
        (b"a b", "token.format", 3),
        (b"a\n\n", "token.format", 3),
        (b"\xff\xfe", "token.format", 3),
        (b"a" * 70_000, "token.too_large", 3),
    ],
)
@pytest.mark.parametrize("command", ["introspect", "revoke"])
def test_what_can_be_no_token_is_refused(call, command, stdin, code, ending):
    """The exit code says refused, and standard error why."""
    ended, said, wrong = call(command, stdin=stdin)

    assert (ending, "") == (ended, said)
    assert f"code: {code}\n" in wrong


@pytest.mark.parametrize("command", ["introspect", "revoke"])
def test_a_server_that_is_away_ends_with_4(call, command):
    """Nobody there: unreachable, and nothing is said of the token."""
    url = "http://127.0.0.1:1/x"
    variables = {"CREDICORP_INTROSPECTION_URL": url, "CREDICORP_REVOCATION_URL": url}
    code, said, wrong = call(command, stdin=b"opaque-4", **variables)

    assert (4, "") == (code, said)
    assert "code: transport.connect\n" in wrong
    assert "opaque-4" not in wrong


@pytest.mark.parametrize(
    ("arguments", "said"), [((), "revoked\n"), (("--format", "json"), '{"revoked": true}\n')]
)
def test_a_token_is_revoked(call, sandbox, arguments, said):
    """After the command the server knows the token for revoked; one it never knew is fine too."""
    value = f"opaque-5-{len(arguments)}"
    issue(sandbox, value)

    assert (0, said, "") == call("revoke", *arguments, stdin=value.encode())
    assert sandbox.tokens.find(value).is_revoked()
    assert (0, said, "") == call("revoke", *arguments, stdin=b"never-known")


@pytest.mark.parametrize("command", ["introspect", "revoke"])
def test_a_token_is_no_argument(call, command):
    """A token among the arguments is refused: everybody could read it there."""
    assert 2 == call(command, "opaque")[0]
