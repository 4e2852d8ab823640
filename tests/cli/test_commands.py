"""The command line, run as a program."""

from __future__ import annotations

import ast
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from credicorp_auth import errors
from credicorp_auth.cli.group import COMMANDS
from credicorp_auth.cli.output import exit_code_of, utc
from credicorp_auth.cli.run import credicorp_auth, run
from credicorp_auth_testing.commands import new
from credicorp_auth_testing.commands import sandbox as sandbox_command
from credicorp_auth_testing.sandbox import Sandbox

pytestmark = pytest.mark.slow

CHECKOUT = Path(os.environ.get("CREDICORP_CHECKOUT") or Path(__file__).parents[2])
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

    assert 0 == ended.returncode
    assert "scope: decisions:read" in ended.stdout
    assert "minted by urllib3" in ended.stdout
    assert "eyJ" not in ended.stdout


@pytest.mark.parametrize(
    ("options", "begins"),
    [
        (["--format", "token"], "eyJ"),
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
    reported = json.loads(call(environ, "token", "--format", "json").stdout)

    assert {"access_token", "token_type", "scope", "expires_at", "lifetime"} == set(reported)


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


def test_fault_409_nothing_is_cut_on_a_narrow_terminal(environ):
    """409: what does not fit into 80 columns goes on in the next line, hints as well."""
    terminal, end = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "adapters"],
        env={**environ, "TERM": "dumb", "COLUMNS": "80"},
        stdout=end,
        stderr=end,
    )
    shown = b""
    while process.poll() is None or select.select([terminal], [], [], 0)[0]:
        if select.select([terminal], [], [], 0.1)[0]:
            shown += os.read(terminal, 65536)
    os.close(end)
    os.close(terminal)
    lines = shown.decode().splitlines()

    assert 0 == process.returncode
    assert "…" not in shown.decode()
    assert max(map(len, lines)) <= 80
    assert "urllib3" in shown.decode()


def test_the_header_is_ready_for_curl(environ):
    """`header` prints one line, as `curl -H @-` reads it from a pipe."""
    shown = call(environ, "header").stdout

    assert shown.startswith("Authorization: Bearer eyJ")
    assert 1 == shown.count("\n")
    assert shown.endswith("\n")


def test_no_help_and_no_page_puts_a_token_into_the_arguments_of_a_program():
    """Help and pages pipe a token; in the argument list every user of the machine could read it."""
    context = click.Context(credicorp_auth)
    helps = [credicorp_auth.get_command(context, name).help for name in COMMANDS]
    pages = [CHECKOUT / "README.md", *(CHECKOUT / "docs").rglob("*.md")]
    texts = [*helps, *(each.read_text() for each in pages)]

    assert [] == [each for each in texts if re.search(r"\$\(credicorp-auth", each)]
    assert any("credicorp-auth header | curl -H @- " in each for each in helps)
    assert any("credicorp-auth header | curl -H @- " in each.read_text() for each in pages)


@pytest.mark.parametrize("command", [["token", "--format", "token"], ["header"]])
def test_a_command_says_that_the_next_one_cannot_reuse_its_token(environ, command, tmp_path):
    """With the cache in memory standard error names the setting; with a cache on disk it is silent."""
    shown = call(environ, *command)
    kept = {"CREDICORP_CACHE": "file", "CREDICORP_CACHE_DIRECTORY": str(tmp_path / "tokens")}
    silent = [call(environ, *command, **kept) for _ in range(2)]

    assert "CREDICORP_CACHE (in a profile: `cache`) to file or redis" in shown.stderr
    assert 1 == shown.stderr.count("\n")
    assert ["", ""] == [each.stderr for each in silent]
    assert silent[0].stdout == silent[1].stdout != shown.stdout


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

    assert 3 == ended.returncode
    assert "Traceback" in ended.stderr
    assert "code: oauth.invalid_client" in ended.stderr
    assert "hunter2" not in ended.stderr


@pytest.mark.parametrize(
    "buffered", [{}, {"PYTHONUNBUFFERED": "1"}], ids=["buffered", "unbuffered"]
)
@pytest.mark.parametrize(
    ("arguments", "streams", "code"),
    [
        (["token"], ["stdout"], 1),
        (["token"], ["stderr"], 0),
        (["adapters"], ["stdout"], 1),
        (["--help"], ["stdout"], 1),
        (["token", "--scope", "nope"], ["stdout"], 3),
        (["token", "--scope", "nope"], ["stderr"], 3),
        (["--debug", "token", "--scope", "nope"], ["stderr"], 3),
        (["token", "--no-such-option"], ["stderr"], 2),
        (["token"], ["stdout", "stderr"], 1),
        (["doctor"], ["stdout"], 2),
    ],
    ids=lambda each: "-".join(map(str, each)) if isinstance(each, list) else each,
)
def test_a_full_disk_keeps_the_exit_code(environ, arguments, streams, code, buffered):
    """Output that is lost is an error; a message that is lost changes no exit code."""
    if arguments == ["doctor"]:
        environ = {**environ, "CREDICORP_CLIENT_SECRET": ""}
    with Path("/dev/full").open("wb") as full:
        pipes = {
            name: full if name in streams else subprocess.PIPE for name in ("stdout", "stderr")
        }
        kept = {name: value for name, value in environ.items() if name != "PYTHONUNBUFFERED"}
        ended = subprocess.run(
            [*COMMAND, *arguments], env={**kept, **buffered}, **pipes, timeout=300, check=False
        )

    assert code == ended.returncode
    if arguments != ["token", "--scope", "nope"] and streams == ["stdout"]:
        assert b"error: the output cannot be written: No space left on device\n" in ended.stderr


def test_a_closed_standard_output_is_no_error(environ):
    """`credicorp-auth token >&-` prints nothing, and succeeds."""
    ended = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, "token"],
        env=environ,
        stderr=subprocess.DEVNULL,
        timeout=300,
        check=False,
    )

    assert 0 == ended.returncode


LAZY = """
import sys
from credicorp_auth.cli.run import run
assert 0 == run(sys.argv[1:])
ours = {name for name in sys.modules if name.startswith("credicorp_auth.")}
print("\\n", sorted(name.removeprefix("credicorp_auth.cli.") for name in ours if ".cli." in name))
print(sorted({name.split(".")[1] for name in ours}))
print(sorted({"rich", "pluggy", "urllib3", "jwt", "flask"} & set(sys.modules)))
"""


@pytest.mark.parametrize(
    ("arguments", "modules", "folders", "libraries"),
    [
        (
            ["--help"],
            {"group", "output", "run"},
            {"cli", "errors", "http", "lazy", "plugin"},
            set(),
        ),
        (
            ["token", "--help"],
            {"group", "options", "output", "run", "token"},
            {"cli", "errors", "http", "lazy", "plugin"},
            set(),
        ),
        (
            ["token"],
            {"group", "options", "output", "run", "token"},
            {"diagnostics", "resource", "testing", "scaffold"},
            {"pluggy", "urllib3"},
        ),
    ],
    ids=["help", "help of one command", "token"],
)
def test_a_command_imports_only_what_it_needs(environ, arguments, modules, folders, libraries):
    """Help imports no command; a command imports its own module, and no library it does not use."""
    shown = subprocess.run(
        [sys.executable, "-c", LAZY, *arguments],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    *_, mine, all_of_them, used = shown.stdout.splitlines()

    assert "" == shown.stderr or "note:" in shown.stderr
    assert sorted(modules) == ast.literal_eval(mine.strip())
    if arguments == ["token"]:
        assert set() == folders & set(ast.literal_eval(all_of_them))
    else:
        assert sorted(folders) == ast.literal_eval(all_of_them)
    assert sorted(libraries) == ast.literal_eval(used)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_each_command_says(name):
    """The lines of `--help`, which are read without the commands, are those of the commands."""
    command = credicorp_auth.get_command(click.Context(credicorp_auth), name)

    assert COMMANDS[name][1] == " ".join(command.help.split("\n\n")[0].split())


def test_a_command_that_is_not_there_is_none():
    """A name that no command has is answered by click, and imports nothing."""
    context = click.Context(credicorp_auth)

    assert credicorp_auth.get_command(context, "no-such-command") is None
    assert sorted(COMMANDS) == credicorp_auth.list_commands(context)


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
    reported = json.loads(call(environ, "adapters", "--format", "json").stdout)
    kinds = {each["name"]: each["kind"] for each in reported if each["own"]}
    states = {each["name"]: each["state"] for each in reported}
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


def test_a_missing_extra_is_named(environ):
    """Without its libraries the command says which extra to install."""
    code = (
        "import sys\nsys.modules.update(dict.fromkeys(('click', 'rich')))\n"
        "sys.argv = ['credicorp-auth', 'token']\n"
        "from credicorp_auth.__main__ import main\n"
        "sys.exit(main())\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False
    )

    assert 2 == ended.returncode, ended.stderr
    assert "pip install '.[cli]' in a checkout of credicorp-auth" in ended.stderr


def test_fault_186_no_option_takes_a_secret():
    """186: no command has an option for a secret, which every user of the machine could read."""
    context = click.Context(credicorp_auth)
    commands = [credicorp_auth.get_command(context, name) for name in COMMANDS]
    options = [
        option
        for command in [credicorp_auth, *commands, new, sandbox_command]
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
        assert "hunter2" not in capsys.readouterr().err
        assert code == run(["--debug", "stumble"])
        assert isinstance(fault, click.exceptions.Abort) or "Traceback" in capsys.readouterr().err
    finally:
        del credicorp_auth.commands["stumble"]


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


def test_a_time_beyond_the_calendar_is_a_number():
    """A time that no calendar has is shown as it is."""
    assert "2001-09-09T01:46:40Z" == utc(1e9)
    assert "1000000000000, beyond the calendar" == utc(1e12)


def test_a_cache_of_one_process_is_shown_to_nobody(environ):
    """The cache in memory cannot be looked into from outside, and the message says what can."""
    ended = call(environ, "cache", "list")

    assert 2 == ended.returncode
    assert "file or redis" in ended.stderr
