"""Commands that installed distributions add: listed unimported, found by name, owned by one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from credicorp_auth import errors
from credicorp_auth.cli.run import run
from credicorp_auth.plugin.loading.commands import OWNERS, InstalledCommands

GROUP = "credicorp_auth.commands"
BUILT_IN = {"token", "doctor"}
HELLO = """
import sys
import click
print("hello is imported", file=sys.stderr)
CREDICORP_API = 1
@click.command()
@click.option("--name", default="you")
def command(name):
    click.echo(f"hello {name}")
"""


@pytest.fixture
def add(install):
    """Install distributions of strangers with one command each; return their entry points."""

    def add(*named, source=HELLO, attribute=":command"):
        plugins = [(distribution, name, source) for distribution, name in named]
        return install(*plugins, group=GROUP, attribute=attribute)

    return add


def environ(**changes):
    kept = {name: value for name, value in os.environ.items() if "CREDICORP" not in name}
    return {**kept, **changes}


def call(install, *arguments, **changes):
    """Run the command line with the strangers' distributions on its path."""
    return install.run("-m", "credicorp_auth", *arguments, environ=environ(**changes))


@pytest.mark.slow
def test_help_lists_installed_commands_and_imports_none(add, install):
    """`--help` names each added command with its distribution, and runs no code of it."""
    add(("stranger", "hello"))
    shown = call(install, "--help")

    assert 0 == shown.returncode, shown.stderr
    assert "hello    stranger 1.0" in shown.stdout
    assert "sandbox  credicorp-auth-testing 1.0.0" in shown.stdout
    assert "" == shown.stderr


@pytest.mark.slow
def test_only_the_called_command_is_imported(add, install):
    """A stranger's command runs with its options; a built-in one, beside it, imports nothing of it."""
    add(("stranger", "hello"))
    ran = call(install, "hello", "--name", "world")
    other = call(install, "adapters")

    assert (0, "hello world\n", "hello is imported\n") == (ran.returncode, ran.stdout, ran.stderr)
    assert (0, "") == (other.returncode, other.stderr)


def test_the_core_imports_no_command_to_list_them():
    """The help of a process of its own leaves the distribution of the tests unimported."""
    code = (
        "import sys\nfrom credicorp_auth.cli.run import run\nrun(['--help'])\n"
        "assert not [each for each in sys.modules if each.startswith('credicorp_auth_testing')]\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environ(), capture_output=True, text=True, check=False
    )

    assert (0, "") == (ran.returncode, ran.stderr)


@pytest.fixture(scope="module")
def call_alone():
    """Run the command line where no distribution but the core can be seen."""
    code = (
        "import sys\nfrom importlib.machinery import PathFinder\n"
        "class NoMetadata:\n"
        "    find_spec = PathFinder.find_spec\n"
        "sys.meta_path = [NoMetadata if each is PathFinder else each for each in sys.meta_path]\n"
        "from credicorp_auth.cli.run import run\n"
        "sys.exit(run(sys.argv[1:]))\n"
    )

    def call_alone(*arguments):
        command = [sys.executable, "-c", code, *arguments]
        return subprocess.run(command, env=environ(), capture_output=True, text=True, check=False)

    return call_alone


@pytest.mark.parametrize("name", sorted(OWNERS))
def test_without_its_distribution_a_command_of_ours_names_the_folder(call_alone, name):
    """Where only the core is installed, `sandbox` and `new` say which folder of a checkout has them."""
    ran = call_alone(name)

    assert 2 == ran.returncode, ran.stderr
    assert f"command '{name}' is not installed: it is part of credicorp-auth-testing" in ran.stderr
    assert "pip install ./testing" in ran.stderr


def test_the_help_of_the_core_alone_lists_its_own_commands(call_alone):
    """Where only the core is installed, the help has no part for commands of others."""
    ran = call_alone("--help")

    assert (0, "") == (ran.returncode, ran.stderr)
    assert "  adapters " in ran.stdout
    assert "installed distributions" not in ran.stdout


def test_a_command_that_nobody_has_is_a_misuse(capsys):
    """A name that no distribution provides is told as click tells it."""
    assert 2 == run(["nonsense"])
    assert "No such command 'nonsense'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("claims", "name", "said"),
    [
        ([("stranger", "sandbox")], "sandbox", "belongs to credicorp-auth-testing, but is claimed by stranger 1.0"),
        ([("credicorp-auth-testing", "new"), ("stranger", "new")], "new", "belongs to credicorp-auth-testing, but is claimed by stranger 1.1"),
        ([("stranger", "token")], "token", "belongs to credicorp-auth, but is claimed by stranger 1.0"),
        ([("one", "x"), ("other", "x")], "x", "is claimed by one 1.0 and other 1.1"),
        ([("a\x1b[31m", "x"), ("other", "x")], "x", r"is claimed by a\x1b[31m 1.0 and other 1.1"),
    ],
)  # fmt: skip
def test_a_name_has_one_owner(add, claims, name, said):
    """A name that two claim, or a stranger though it is ours, is refused with both named; and listed so."""
    commands = InstalledCommands(BUILT_IN, add(*claims))
    with pytest.raises(errors.AdapterConflict) as caught:
        commands.load(name)

    assert f"command '{name}' {said}" == caught.value.message
    assert [(name, f"refused: it {said}")] == commands.describe()
    assert "\x1b" not in str(caught.value)


@pytest.mark.slow
def test_a_claimed_built_in_command_does_not_run(add, install):
    """Not even the built-in command runs under a name that a stranger claims too."""
    add(("stranger", "adapters"))
    ran = call(install, "adapters")

    assert (2, "") == (ran.returncode, ran.stdout)
    assert "'adapters' belongs to credicorp-auth, but is claimed by stranger 1.0" in ran.stderr
    assert "code: plugin.conflict" in ran.stderr


def test_the_same_distribution_twice_on_the_path_is_one(add):
    """An entry point that is found twice claims its name once."""
    found = add(("stranger", "hello"))
    commands = InstalledCommands(BUILT_IN, [*found, *found])

    assert [("hello", "stranger 1.0")] == commands.describe()
    assert "command" == commands.load("hello").name


@pytest.mark.parametrize(
    ("allowed", "name", "passes"),
    [
        (None, "hello", True),
        (["hello"], "hello", True),
        (["sandbox"], "hello", False),
        ([], "hello", False),
        ([], "sandbox", False),
        (["sandbox"], "sandbox", True),
        ([], "token", True),
        ([], "nonsense", True),
    ],
)
def test_the_operator_may_forbid_added_commands(add, allowed, name, passes):
    """The allowlist holds for every added command, ours included, and for no built-in one."""
    found = add(("stranger", "hello"), ("credicorp-auth-testing", "sandbox"))
    commands = InstalledCommands(BUILT_IN, found, allowed=allowed)
    if passes:
        commands.check(name)
    else:
        with pytest.raises(
            errors.AdapterBlocked,
            match=f"command '{name}' is not allowed: CREDICORP_PLUGINS allows",
        ):
            commands.load(name)

    listed = dict(commands.describe())
    assert (allowed is not None and "hello" not in allowed) == ("leaves it out" in listed["hello"])


def test_the_variable_is_the_allowlist(monkeypatch, capsys):
    """CREDICORP_PLUGINS applies to the commands of a process as it does to its adapters."""
    monkeypatch.setenv("CREDICORP_PLUGINS", "urllib3, new")

    assert 2 == run(["sandbox"])
    assert 0 == run(["new", "--help"])
    printed = capsys.readouterr()
    assert "command 'sandbox' is not allowed: CREDICORP_PLUGINS allows 'new urllib3'" in printed.err
    assert "what to do: add the name to CREDICORP_PLUGINS" in printed.err
    assert "Write a distribution for an adapter" in printed.out


@pytest.mark.parametrize(
    ("source", "attribute", "code", "said"),
    [
        ("CREDICORP_API = 1\n", "", "plugin.contract", "is a module, not a command of click"),
        ("CREDICORP_API = 1\ncommand = print\n", ":command", "plugin.contract", "is a builtin_function_or_method, not"),
        ("command = None\n", ":command", "plugin.version", "states no CREDICORP_API"),
        ("CREDICORP_API = 2\ncommand = None\n", ":command", "plugin.version", "states CREDICORP_API = 2"),
        ("import nowhere_to_be_found\n", ":command", "plugin.load", "there is no module 'nowhere_to_be_found'"),
        ("import sys\nsys.exit(7)\n", ":command", "plugin.load", "cannot be imported: SystemExit"),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_a_broken_command_is_told_as_such(add, install, source, attribute, code, said):
    """What a distribution breaks ends in our error, exit code 2 and no traceback."""
    add(("stranger", "hello"), source=source, attribute=attribute)
    ran = call(install, "hello")

    assert 2 == ran.returncode, ran.stderr
    assert f"code: {code}\n" in ran.stderr
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr
