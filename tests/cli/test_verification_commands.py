"""The commands that need no secret: verify, discover, jwks."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest

from credicorp_auth import CredicorpAuth
from credicorp_auth_testing.sandbox import Sandbox

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-m", "credicorp_auth"]


@pytest.fixture(scope="module")
def sandbox():
    """Open one sandbox for all commands."""
    with Sandbox() as opened:
        yield opened


@pytest.fixture(scope="module")
def token(sandbox):
    """Mint one token for all commands."""
    with CredicorpAuth(
        base_url=sandbox.base_url,
        client_id=sandbox.client_id,
        client_secret=sandbox.client_secret,
        scope="decisions:read",
    ) as auth:
        return auth.get_token().value.reveal()


@pytest.fixture
def call(sandbox):
    """Run a command in an environment that holds no secret."""
    kept = {name: value for name, value in os.environ.items() if "CREDICORP" not in name}
    environ = {
        **kept,
        "COVERAGE_PROCESS_START": os.environ.get("COVERAGE_PROCESS_START", ""),
        "CREDICORP_ISSUER": sandbox.issuer,
        "CREDICORP_AUDIENCE": "partner-api",
        "CREDICORP_BASE_URL": sandbox.base_url,
    }

    def run(*arguments, stdin="", **changes):
        return subprocess.run(
            [*COMMAND, *arguments],
            env={n: value for n, value in {**environ, **changes}.items() if value is not None},
            **({"input": stdin} if isinstance(stdin, str) else {"stdin": stdin}),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run


def test_a_token_on_standard_input_is_verified(call, sandbox, token):
    """The summary says what the token says; the token itself is not shown."""
    ended = call("verify", stdin=f"{token}\n")

    assert (0, "") == (ended.returncode, ended.stderr)
    assert f"issuer: {sandbox.issuer}" in ended.stdout
    assert "scope: decisions:read" in ended.stdout
    assert token not in ended.stdout


def test_a_token_in_a_file_is_verified(call, token, tmp_path):
    """`--file` reads it there, and JSON shows every claim."""
    path = tmp_path / "token"
    path.write_text(token)
    ended = call("verify", "--file", str(path), "--format", "json", "--scope", "decisions:read")

    assert 0 == ended.returncode
    assert {"iss", "aud", "exp", "client_id", "scope"} <= set(json.loads(ended.stdout))


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "ending"),
    [
        ((), "", "verify.format", 3),
        ((), "\n", "verify.format", 3),
        ((), "nonsense", "verify.format", 3),
        ((), "nönsense", "verify.format", 3),
        ((), " {token}", "verify.format", 3),
        ((), "{token}\n\n", "verify.format", 3),
        ((), "a" * 20_000, "verify.too_large", 3),
        (("--audience", "other"), "{token}", "verify.aud", 3),
        (("--scope", "other"), "{token}", "verify.scope", 3),
        (("--issuer", "http://127.0.0.1:1"), "{token}", "verify.iss", 3),
        (("--jwks-url", "http://127.0.0.1:1/"), "{token}", "jwks.unavailable", 4),
    ],
)
def test_a_token_that_cannot_be_trusted_is_refused(call, token, arguments, stdin, code, ending):
    """The exit code says refused, or unreachable where there are no keys; stderr says why."""
    ended = call("verify", *arguments, stdin=stdin.replace("{token}", token))

    assert (ending, "") == (ended.returncode, ended.stdout)
    assert f"code: {code}" in ended.stderr
    assert token not in ended.stderr


@pytest.mark.parametrize("ending", [["verify"], ["verify", "--file", os.devnull]])
def test_an_empty_input_is_named(call, ending):
    """Without a token the message says what the command reads, and how to give it one."""
    ended = call(*ending)

    assert (
        f"error: {'standard input' if ending == ['verify'] else os.devnull} is empty"
        in ended.stderr
    )
    assert "credicorp-auth token --format token | credicorp-auth verify" in ended.stderr


def test_on_a_terminal_it_says_what_it_waits_for(call, token):
    """A person who starts `verify` without a token learns what it reads; then it reads it."""
    terminal, end = pty.openpty()
    os.write(terminal, f"{token}\n\x04".encode())
    ended = call("verify", stdin=end)
    os.close(terminal)
    os.close(end)

    assert 0 == ended.returncode
    assert ended.stderr.startswith("waiting for a token on standard input")
    assert "scope: decisions:read" in ended.stdout


def test_without_an_audience_nothing_is_verified(call, token):
    """A missing setting is an error of usage."""
    ended = call("verify", stdin=token, CREDICORP_AUDIENCE=None)

    assert 2 == ended.returncode
    assert "code: config.verifier" in ended.stderr


def test_a_token_is_no_argument(call, token):
    """A token among the arguments is refused: everybody could read it there."""
    assert 2 == call("verify", token).returncode


def test_metadata_are_shown(call, sandbox):
    """`discover` shows the endpoints that may be used, no matter what `discovery` is set to."""
    shown = call("discover", "--discovery", "off")
    members = json.loads(call("discover", "--format", "json").stdout)

    assert (0, "") == (shown.returncode, shown.stderr)
    assert f"token_endpoint: {sandbox.token_url}" in shown.stdout
    assert "authentication: client_secret_basic client_secret_post" in shown.stdout
    assert sandbox.jwks_url == members["endpoints"]["jwks_uri"]
    assert {} == members["refused"]


def test_metadata_that_cannot_be_had_are_an_error(call):
    """Nobody there, or somebody else: the exit code is that of an unreachable server."""
    assert 4 == call("discover", "--issuer", "http://127.0.0.1:1").returncode
    ended = call("discover", "--discovery", "oidc")
    assert 4 == ended.returncode
    assert "code: endpoint.not_found" in ended.stderr


def test_keys_are_listed(call, sandbox):
    """`jwks` lists each key and what becomes of it, with the keys discovered or set."""
    shown = call("jwks")
    rows = json.loads(call("jwks", "--jwks-url", sandbox.jwks_url, "--format", "json").stdout)

    assert (0, "") == (shown.returncode, shown.stderr)
    assert "RS256" in shown.stdout
    assert [("RSA", "RS256", "verifies")] == [(r["kty"], r["alg"], r["use"]) for r in rows]


def test_a_profile_without_a_secret_is_enough(call, sandbox, token, tmp_path):
    """What only verifies needs no secret in its profile."""
    path = tmp_path / "credicorp.toml"
    path.write_text(f'[rs]\nissuer = "{sandbox.issuer}"\naudience = "partner-api"\n')
    ended = call(
        "verify",
        "--profile",
        "rs",
        stdin=token,
        CREDICORP_CONFIG=str(path),
        CREDICORP_AUDIENCE=None,
    )

    assert (0, "") == (ended.returncode, ended.stderr)


def test_what_becomes_of_a_key_is_said():
    """Dropped keys and keys for another purpose are rows as well."""
    from credicorp_auth.cli.issuer import _key_rows
    from credicorp_auth.jose.keys import DroppedKey, KeySet

    found = KeySet((), (DroppedKey("w", "jwks.weak_key"),), frozenset({"e"}))
    assert ["dropped: jwks.weak_key", "another purpose"] == [row["use"] for row in _key_rows(found)]
