"""Options of the source, as code and as the environment give them."""

from __future__ import annotations

import pytest

from credicorp_auth import CredicorpAuth
from credicorp_auth.errors import InvalidSetting, MissingSetting
from credicorp_auth.plugin.api import SecretSource, SecretSourceCapabilities
from credicorp_auth.plugin.api.options import AdapterOptions
from credicorp_auth_exec import ExecSecretSource, SourceOptions
from credicorp_auth_exec.plugin import credicorp_secret_source


@pytest.mark.parametrize(
    "text",
    [
        '["/bin/x", "a b", "--c=\\"d\\""]',
        ' ["/bin/x","a b","--c=\\"d\\""] ',
        "/bin/x 'a b' --c='\"d\"'",
    ],
)
def test_a_command_as_text(text):
    """A JSON array, or words with a shell's quotes, of which nothing else of a shell is honoured."""
    assert ("/bin/x", "a b", '--c="d"') == SourceOptions(command=text).command
    assert ("x", "$HOME", "*") == SourceOptions(command="x $HOME *").command


@pytest.mark.parametrize(
    "command",
    ["", "  ", "[", "[]", "[1]", "x 'y", [], (), [b"x"], ["x\0"], ["\ud800"], 5, None, {"x"}, [""], ["./x"], "bin/x"],
    ids=ascii,
)  # fmt: skip
def test_commands_that_are_none(command):
    """What is not a program and its arguments, or is relative, is refused when the source is built."""
    with pytest.raises(InvalidSetting, match="`command`"):
        SourceOptions(command=command)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("environment", "A=b"),
        ("environment", ["A B"]),
        ("environment", [5]),
        ("environment", "*"),
        ("fields", "client_id"),
        ("fields", 5),
        ("fields", "a=b,a=c"),
        ("standard_error", "file"),
        ("timeout", "0"),
        ("timeout", "soon"),
    ],
)
def test_values_that_are_refused(name, value):
    """The error names the option, and quotes no value."""
    with pytest.raises(InvalidSetting, match=f"`{name}`"):
        SourceOptions(command=["x"], **{name: value})


def test_options_as_text():
    """All options can come from variables."""
    options = {
        "command": "x -y",
        "environment": "A,B C,A",
        "fields": "client_id=user",
        "standard_error": "inherit",
        "timeout": "1.5",
    }
    read = AdapterOptions(options, setting="secrets_options").read(SourceOptions)

    assert (
        SourceOptions(("x", "-y"), ("A", "B", "C"), {"client_id": "user"}, "inherit", 1.5) == read
    )


def test_a_command_is_needed():
    """Without one, the error names it."""
    with pytest.raises(MissingSetting, match="`command`"):
        CredicorpAuth(secrets="exec")


def test_it_is_loaded_by_its_name():
    """Setting `secrets` names it; what it is, its hook builds."""
    options = AdapterOptions({"command": ["x"]}, setting="secrets_options")
    built = credicorp_secret_source(options)

    assert isinstance(built, ExecSecretSource)
    assert isinstance(built, SecretSource)
    assert (
        SecretSourceCapabilities(supplies_client_id=True, rotates=True, timeout=5.0)
        == built.capabilities
    )
    with CredicorpAuth(secrets="exec", secrets_options={"command": "x"}) as auth:
        assert "CredicorpAuth" in repr(auth)


def test_no_variable_is_shown(monkeypatch):
    """The source keeps the environment out of its attributes."""
    monkeypatch.setenv("CANARY", "canary-value")
    source = ExecSecretSource(SourceOptions(command=["x"]))

    assert "canary-value" not in repr(vars(source))
