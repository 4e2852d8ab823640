"""A stranger's adapter: written, built, installed beside the core, and conforming as it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from configparser import ConfigParser

import pytest

from credicorp_auth import errors
from credicorp_auth.cli.run import run
from credicorp_auth_testing.scaffold import SHAPES, write_distribution

pytestmark = pytest.mark.slow

LINES_OF_OWN_CODE = 60


def do(*arguments, cwd, **environ):
    """Run a program; it must succeed."""
    ran = subprocess.run(
        arguments,
        cwd=cwd,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert 0 == ran.returncode, ran.stdout[-3000:] + ran.stderr[-3000:]
    return ran.stdout


def code_lines(path):
    """Count the lines of a module that are neither blank nor of a docstring or comment."""
    import ast

    tree = ast.parse(path.read_text())
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)]  # fmt: skip
    emitted = {line for node in texts for line in range(node.lineno, node.end_lineno + 1)}
    lines = enumerate(path.read_text().splitlines(), 1)
    return sum(1 for number, line in lines if number not in emitted and line.strip() and not line.strip().startswith("#"))  # fmt: skip


@pytest.mark.timeout(300)  # a build, an installation and a whole suite
@pytest.mark.parametrize("kind", list(SHAPES))
def test_a_new_distribution_conforms(kind, tmp_path):
    """Written, built and installed, an adapter of each kind is listed, found by name, and conforms."""
    made = write_distribution(kind, "my-own", tmp_path)
    do(sys.executable, "-m", "build", "--wheel", "--no-isolation", cwd=made)
    (wheel,) = (made / "dist").glob("*.whl")
    site = tmp_path / "site"
    do(sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", str(site), str(wheel), cwd=tmp_path)  # fmt: skip
    # Beside the wheel there is nothing of the source: its tests alone are carried over.
    (made / "tests").rename(tmp_path / "tests")
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH", "")]))
    do(sys.executable, "-m", "pytest", "tests", "-p", "no:cacheprovider", "--credicorp-report", "report.json", cwd=tmp_path, PYTHONPATH=path)  # fmt: skip
    (suite,) = json.loads((tmp_path / "report.json").read_text())["suites"]
    listed = json.loads(do(sys.executable, "-m", "credicorp_auth", "adapters", "--format", "json", cwd=tmp_path, PYTHONPATH=path))  # fmt: skip

    assert {} == suite["failed"]
    assert suite["conforms"]
    assert [("available", "credicorp-auth-my-own", ">=1.0")] == [
        (each["state"], each["distribution"], each["core"])
        for each in listed
        if each["name"] == "my-own"
    ]


@pytest.mark.parametrize("kind", list(SHAPES))
def test_a_working_adapter_is_short(kind, tmp_path):
    """An adapter that works takes fewer than 60 lines of code, its plugin module included."""
    made = write_distribution(kind, "mine", tmp_path)
    modules = (made / "credicorp_auth_mine").glob("*.py")

    assert sum(code_lines(each) for each in modules) < LINES_OF_OWN_CODE


@pytest.mark.parametrize("kind", list(SHAPES))
def test_what_is_written_is_whole(kind, tmp_path):
    """Metadata, entry point, tests, README and tox.ini are there, and nothing is left to fill in."""
    made = write_distribution(kind, "mine", tmp_path)
    files = {each.relative_to(made).as_posix(): each.read_text() for each in made.rglob("*") if each.is_file()}  # fmt: skip
    setup = ConfigParser()
    setup.read_string(files["setup.cfg"])

    assert {"setup.cfg", "pyproject.toml", "README.md", "tox.ini", "tests/test_contract.py"} < set(
        files
    )
    assert (
        "mine = credicorp_auth_mine.plugin"
        == setup["options.entry_points"][SHAPES[kind].kind.group].strip()
    )
    assert [] == [
        name for name, text in files.items() if "TODO" in text or "$" in text.replace("\n$ ", "\n")
    ]
    for name, text in files.items():
        if name.endswith(".py"):
            compile(text, name, "exec")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("My", "cannot be the name"),
        ("a_b", "cannot be the name"),
        ("-x", "cannot be the name"),
        ("x" * 300, "cannot be the name"),
        ("../x", "cannot be the name"),
        ("redis", "of credicorp-auth's own"),
        ("memory", "of credicorp-auth's own"),
        ("there", "is there already"),
    ],
)
def test_names_that_cannot_be(tmp_path, name, said):
    """A name that is no name, is taken, or stands in the way is refused, and nothing is written."""
    (tmp_path / "credicorp-auth-there").mkdir()
    with pytest.raises(errors.InvalidSetting, match=said):
        write_distribution("cache", name, tmp_path)

    assert ["credicorp-auth-there"] == [each.name for each in tmp_path.rglob("*")]


@pytest.mark.parametrize(
    ("name", "adapter"), [("my-cache", "MyCache"), ("cache", "CacheCache"), ("here", "HereCache")]
)
def test_no_class_says_twice_what_it_is(tmp_path, name, adapter):
    """The class of an adapter ends in its kind, once."""
    made = write_distribution("cache", name, tmp_path)

    assert f"class {adapter}:" in next(made.glob("*/cache.py")).read_text()


def test_a_folder_that_cannot_be_written(tmp_path):
    """Where nothing can be written, the message says so and what to do."""
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.InvalidSetting, match="--into"):
        write_distribution("cache", "mine", tmp_path / "file")


def test_the_command(tmp_path, capsys):
    """`new` writes it where it was told to, and says how to go on."""
    assert 0 == run(["new", "cache", "mine", "--into", str(tmp_path)])
    assert (tmp_path / "credicorp-auth-mine" / "setup.cfg").exists()
    assert "pip install -e '.[test]'" in capsys.readouterr().out
