"""The command line, run as a program."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys

import click
import pytest

from credicorp_auth import errors
from credicorp_auth.cli.run import credicorp_auth, exit_code_of, run
from credicorp_auth.testing.sandbox import Sandbox

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-m", "credicorp_auth"]


@pytest.fixture(scope="module")
def sandbox():
    """Open one sandbox for all commands."""
    with Sandbox() as opened:
        yield opened


@pytest.fixture
def environ(sandbox):
    """Describe the sandbox by variables."""
    kept = {name: value for name, value in os.environ.items() if "CREDICORP" not in name}
    return {
        **kept,
        "COVERAGE_PROCESS_START": os.environ.get("COVERAGE_PROCESS_START", ""),
        "CREDICORP_BASE_URL": sandbox.base_url,
        "CREDICORP_CLIENT_ID": sandbox.client_id,
        "CREDICORP_CLIENT_SECRET": sandbox.client_secret,
    }


def call(environ, *arguments, **changes):
    """Run a command; return how it ended and what it said."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env={**environ, **changes},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_a_token_is_summed_up_and_not_shown(environ):
    """The summary says what the token is; the token itself is masked."""
    ended = call(environ, "token", "--scope", "decisions:read")

    assert (0, "") == (ended.returncode, ended.stderr)
    assert "scope: decisions:read" in ended.stdout
    assert "minted by urllib3" in ended.stdout
    assert "eyJ" not in ended.stdout


@pytest.mark.parametrize(
    ("options", "begins"),
    [
        (["--format", "header"], "Authorization: Bearer eyJ"),
        (["--format", "env"], "CREDICORP_ACCESS_TOKEN=eyJ"),
        (["--reveal"], "token: eyJ"),
    ],
)
def test_a_token_is_shown_when_asked_for(environ, options, begins):
    """Who asks for the token gets it, in the form asked for."""
    assert call(environ, "token", *options).stdout.startswith(begins)


def test_a_token_as_json(environ):
    """The JSON form has what a program needs."""
    told = json.loads(call(environ, "token", "--format", "json").stdout)

    assert {"access_token", "token_type", "scope", "expires_at", "lifetime"} == set(told)


def test_on_a_terminal_the_summary_is_a_table(environ):
    """A person at a terminal gets a table."""
    terminal, end = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "token"], env={**environ, "TERM": "xterm"}, stdout=end, stderr=end
    )
    assert 0 == process.wait(300)
    os.close(end)
    shown = os.read(terminal, 65536).decode()
    os.close(terminal)

    assert "\x1b[1mtoken" in shown
    assert "eyJ" not in shown


def test_the_header_is_ready_for_curl(environ):
    """`header` prints the line that curl's -H takes."""
    assert call(environ, "header").stdout.startswith("Authorization: Bearer eyJ")


@pytest.mark.parametrize(
    ("arguments", "changes", "code", "said"),
    [
        (["token", "--scope", "nope"], {}, 3, "oauth.invalid_scope"),
        (["token"], {"CREDICORP_CLIENT_SECRET": "wrong"}, 3, "oauth.invalid_client"),
        (["token"], {"CREDICORP_BASE_URL": "http://127.0.0.1:1"}, 4, "transport.connect"),
        (["token"], {"CREDICORP_BASE_URL": "http://as.example"}, 2, "config.insecure_url"),
        (["token"], {"CREDICORP_CLIENT_SECRET": ""}, 2, "secret."),
        (["token", "--profile", "none"], {"CREDICORP_CONFIG": "/nowhere"}, 2, "config.missing"),
        (["token", "--no-such-option"], {}, 2, "No such option"),
        (["no-such-command"], {}, 2, "No such command"),
    ],
)
def test_failures_end_with_their_code_and_a_cure(environ, arguments, changes, code, said):
    """Each kind of failure has its exit code; what to do stands on stderr, and no traceback."""
    ended = call(environ, *arguments, **changes)

    assert (code, "") == (ended.returncode, ended.stdout)
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_debug_shows_where_an_error_came_from(environ):
    """With --debug the traceback is shown, and still no secret."""
    ended = call(environ, "--debug", "token", CREDICORP_CLIENT_SECRET="hunter2")

    assert "Traceback" in ended.stderr
    assert "hunter2" not in ended.stderr


def test_strange_names_are_listed_escaped(environ, tmp_path):
    """What a distribution announces moves no cursor and sets no colour of the terminal."""
    metadata = tmp_path / "odd-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[credicorp_auth.caches]\na\x1b[31mred = odd\n")
    paths = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    table = call(environ, "adapters", PYTHONPATH=paths).stdout

    assert "a\\x1b[31mred" in table
    assert "\x1b[31m" not in table


def test_adapters_are_listed_without_being_imported(environ):
    """The list names our adapters, marks those in use, and imports none of them."""
    told = json.loads(call(environ, "adapters", "--format", "json").stdout)
    kinds = {each["name"]: each["kind"] for each in told if each["own"]}
    states = {each["name"]: each["state"] for each in told}
    table = call(environ, "adapters").stdout
    code = (
        "import sys; from credicorp_auth.cli.run import run; run(['adapters']);"
        "assert not [each for each in sys.modules if each.startswith('credicorp_auth_')]"
    )
    checked = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)

    standard = {"urllib3": "transport", "memory": "cache", "env": "secret source"}
    assert standard == {name: kinds[name] for name in standard}
    assert {"active"} == {states[name] for name in standard}
    missing = [name for name, state in states.items() if state == "not installed"]
    assert len(missing) == table.count("in a checkout of credicorp-auth")
    assert 0 == checked.returncode, checked.stderr


def test_the_sandbox_runs_until_it_is_told_to_stop(environ):
    """`sandbox` announces itself in one line and ends cleanly on SIGTERM."""
    process = subprocess.Popen(
        [*COMMAND, "sandbox"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    ready = json.loads(process.stdout.readline())
    ended = call(environ, "header", CREDICORP_BASE_URL=ready["base_url"])
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=300)

    assert 0 == ended.returncode
    assert ("", "", 0) == (out, err, process.returncode)


def _block(names):
    """Return code that hides libraries from the program, as if they were not installed."""
    return f"import sys\nsys.modules.update(dict.fromkeys({names!r}))\n"


@pytest.mark.parametrize(
    ("hidden", "command", "install"),
    [
        (("click", "rich"), "token", "pip install '.[cli]' in a checkout of credicorp-auth"),
        (("flask", "authlib"), "sandbox", "pip install 'credicorp-auth[sandbox]'"),
    ],
)
def test_a_missing_extra_is_named(environ, hidden, command, install):
    """Without its libraries a command says which extra to install."""
    code = _block(hidden) + (
        f"sys.argv = ['credicorp-auth', {command!r}]\n"
        "from credicorp_auth.__main__ import main\n"
        "sys.exit(main())\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False
    )

    assert 2 == ended.returncode, ended.stderr
    assert install in ended.stderr


def test_fault_186_no_option_takes_a_secret():
    """186: no command has an option for a secret, which every user of the machine could read."""
    options = [
        option
        for command in [credicorp_auth, *credicorp_auth.commands.values()]
        for parameter in command.params
        for option in parameter.opts
    ]

    assert [] == [each for each in options if "secret" in each or "password" in each]


def test_a_closed_pipe_is_no_error_of_ours(environ):
    """`credicorp-auth adapters | head -0` ends quietly."""
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [*COMMAND, "adapters", "--format", "json"],
        env=environ,
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)

    assert (1, b"") == (ended.returncode, ended.stderr)


@pytest.mark.parametrize(
    ("fault", "code"),
    [(click.exceptions.Abort(), 130), (RuntimeError("hunter2"), 1), (errors.Closed("x"), 2)],
)
def test_whatever_happens_in_a_command_has_an_ending(capsys, fault, code):
    """Interrupts and mistakes end with a code of their own, and without the mistake's text."""

    @credicorp_auth.command("stumble")
    def stumble():
        raise fault

    try:
        assert code == run(["stumble"])
        if type(fault) is RuntimeError:
            with pytest.raises(RuntimeError):
                run(["--debug", "stumble"])
    finally:
        del credicorp_auth.commands["stumble"]

    assert "hunter2" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.SecretUnavailable("sealed", retryable=True), 4),
        (errors.SecretUnavailable("missing"), 2),
        (errors.TokenEndpointBusy("busy", retry_after=1.0), 4),
        (errors.MalformedResponse("html"), 4),
        (errors.ScopeNotGranted("less", asked=["a"], granted=[]), 3),
        (errors.OriginNotAllowed("foreign", origin="https://x:443"), 2),
    ],
)
def test_endings_follow_whose_fault_it_is(error, code):
    """2 is for the user, 3 for the server's no, 4 for nobody fit to answer."""
    assert code == exit_code_of(error)


def test_a_cache_of_one_process_is_shown_to_nobody(environ):
    """The cache in memory cannot be looked into from outside, and the message says what can."""
    ended = call(environ, "cache", "list")

    assert 2 == ended.returncode
    assert "file or redis" in ended.stderr
