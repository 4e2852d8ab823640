"""The house: arrows that import contracts cannot see, sizes, names, and what is public."""

from __future__ import annotations

import ast
import os
import re
import statistics
import sys
import tomllib
from configparser import ConfigParser
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest

import credicorp_auth

CHECKOUT = Path(os.environ.get("CREDICORP_CHECKOUT") or Path(__file__).parents[2])
SHIPPED = sorted(
    each
    for folder in (CHECKOUT / "credicorp_auth", *sorted((CHECKOUT / "plugins").glob("*/credicorp_auth_*")))
    for each in folder.rglob("*.py")
)  # fmt: skip
TESTS = sorted([*(CHECKOUT / "tests").rglob("*.py"), *(CHECKOUT / "plugins").glob("*/tests/*.py")])
TREES = {path: ast.parse(path.read_text()) for path in SHIPPED}


def name_of(path):
    return str(path.relative_to(CHECKOUT))


def imports(tree, *, everywhere=True):
    """List the modules a tree imports; with everywhere=False only when it is imported itself."""
    nodes = ast.walk(tree) if everywhere else iter(tree.body)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


def functions():
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                begins = node.body[0]
                spoken = isinstance(begins, ast.Expr) and isinstance(begins.value, ast.Constant)
                if spoken and len(node.body) > 1:
                    begins = node.body[1]
                # Arguments and docstrings are for reading; what counts is what is done.
                yield f"{name_of(path)}:{node.name}", node.end_lineno - begins.lineno + 1


def test_modules_are_small():
    """No module has over 300 lines; half of them have at most 120."""
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in SHIPPED}

    assert {} == {name: length for name, length in lengths.items() if length > 300}
    assert statistics.median(lengths.values()) <= 120


def test_functions_fit_in_one_glance():
    """A function has 12 lines on average, and 19 of 20 have at most 35."""
    lengths = sorted(length for _, length in functions())

    assert statistics.mean(lengths) <= 12
    assert lengths[len(lengths) * 95 // 100] <= 35


def test_no_room_for_odds_and_ends():
    """There is no module for what belongs nowhere."""
    forbidden = {"utils", "helpers", "common", "base", "manager", "util", "core"}

    assert [] == [name_of(path) for path in SHIPPED if path.stem in forbidden]


@pytest.mark.parametrize("layer", ["http", "oauth", "jose", "lifecycle"])
def test_rules_and_story_have_no_hands(layer):
    """Rules and story import nothing that knows the time, the system or the network."""
    hands = {"time", "os", "socket", "threading", "asyncio", "logging", "random", "pluggy"}
    hands |= {"urllib3", "requests", "httpx"}
    folder = CHECKOUT / "credicorp_auth" / layer

    assert [] == [
        f"{name_of(path)} imports {module}"
        for path, tree in TREES.items()
        if path.is_relative_to(folder)
        for module in imports(tree)
        if module.split(".")[0] in hands
    ]


def test_adapters_know_only_what_a_stranger_may_know():
    """Adapters import ports, options, errors, the wire and a few modules named here, or the door."""
    allowed = {
        "credicorp_auth.bearer.body",
        "credicorp_auth.errors",
        "credicorp_auth.bearer.existing_header",
        "credicorp_auth.plugin.api.clocks",
        "credicorp_auth.plugin.api.hookspecs",
        "credicorp_auth.plugin.api.late_lock",
        "credicorp_auth.plugin.api.mounted_file",
        "credicorp_auth.oauth.credential",
        "credicorp_auth.http.messages",
        "credicorp_auth.http.secret",
        "credicorp_auth.http.strict_json",
        "credicorp_auth.plugin.api.options",
        "credicorp_auth.plugin.api",
        "credicorp_auth",
    }

    assert [] == [
        f"{name_of(path)} imports {module}"
        for path, tree in TREES.items()
        if path.is_relative_to(CHECKOUT / "plugins")
        for module in imports(tree)
        if module.split(".")[0] == "credicorp_auth"
        and module not in allowed
        and not module.startswith("credicorp_auth.wire.")
    ]


def test_frameworks_stay_in_their_faces():
    """Frameworks are imported by the modules of their names, and by the sandbox, alone."""
    frameworks = {"aiohttp", "django", "fastapi", "flask", "litestar", "quart", "rest_framework", "starlette", "werkzeug"}  # fmt: skip
    sandbox = CHECKOUT / "credicorp_auth" / "testing" / "sandbox"
    users = {
        name_of(path)
        for path, tree in TREES.items()
        if not path.is_relative_to(sandbox)
        for module in imports(tree)
        if module.split(".")[0] in frameworks
    }

    faces = {"fastapi", "flask", "quart", "starlette", "starlette_routes"}
    faces |= {"aiohttp", "django", "django_checks", "django_views", "drf", "litestar"}
    assert {f"credicorp_auth/resource/{each}.py" for each in faces} == users


def test_the_sandbox_reads_with_other_eyes():
    """The sandbox imports nothing of the library, so that the two sides check each other."""
    folder = CHECKOUT / "credicorp_auth" / "testing" / "sandbox"

    assert [] == [
        f"{name_of(path)} imports {module}"
        for path, tree in TREES.items()
        if path.is_relative_to(folder)
        for module in imports(tree)
        if module.startswith("credicorp_auth")
        and not module.startswith("credicorp_auth.testing.sandbox")
    ]


def test_plugin_modules_are_thin():
    """A plugin module has at most 20 lines, states its version, and imports nothing heavy."""
    plugins = [path for path in SHIPPED if path.name.startswith("plugin")]

    assert 3 <= len(plugins)
    for path in plugins:
        assert len(path.read_text().splitlines()) <= 20, path
        assert re.search(r"^CREDICORP_API.* = 1$", path.read_text(), re.MULTILINE), path
        eager = [m.split(".")[0] for m in imports(TREES[path], everywhere=False)]
        assert set(eager) <= {"__future__", "typing", "credicorp_auth"}, path


def test_nobody_mocks():
    """No test patches or mocks."""
    words = ["unittest." + "mock", "monkeypatch." + "setattr", "mock" + "er", "Magic" + "Mock"]

    assert [] == [
        f"{name_of(path)}: {word}" for path in TESTS for word in words if word in path.read_text()
    ]


def test_metadata_is_in_one_place():
    """pyproject.toml has no [project] table; the core has four dependencies."""
    pyproject = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    setup = ConfigParser()
    setup.read(CHECKOUT / "setup.cfg")
    required = setup["options"]["install_requires"].split()
    packages = {
        ".".join(path.parent.relative_to(CHECKOUT).parts)
        for path in SHIPPED
        if path.name == "__init__.py" and path.is_relative_to(CHECKOUT / "credicorp_auth")
    }

    assert "project" not in pyproject
    names = ["PyJWT[crypto]", "attrs", "pluggy", "urllib3"]
    assert names == sorted(each.split(">=")[0] for each in required)
    assert packages <= set(setup["options"]["packages"].split())


owners_of_packages = cache(packages_distributions)


def brought_by(requirements, seen):
    """Return the names of the distributions that requirements bring, and those that they require."""
    for each in requirements:
        name = canonical(re.match(r"[\w.-]+", each)[0])
        if name not in seen and "extra ==" not in each:
            seen.add(name)
            with suppress(PackageNotFoundError):  # it is for another Python or system
                brought_by(requires(name) or [], seen)
    return seen


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("folder", sorted(each.parent.name for each in (CHECKOUT / "plugins").glob("*/setup.cfg")))  # fmt: skip
def test_a_plugin_asks_for_what_it_imports(folder):
    """Each library that a plugin imports comes with what its own metadata ask for, extras included."""
    core = ConfigParser()
    core.read(CHECKOUT / "setup.cfg")
    own = ConfigParser()
    own.read(CHECKOUT / "plugins" / folder / "setup.cfg")
    extras = own["options.extras_require"].values() if "options.extras_require" in own else []
    asked = "\n".join(
        [core["options"]["install_requires"], own["options"]["install_requires"], *extras]
    )
    brought = brought_by([each for each in asked.split("\n") if each], set())
    foreign = {
        (name_of(path), name)
        for path, tree in TREES.items()
        if path.is_relative_to(CHECKOUT / "plugins" / folder)
        for name in {module.split(".")[0] for module in imports(tree)}
        if name not in sys.stdlib_module_names and not name.startswith("credicorp_auth")
    }
    owners = owners_of_packages()

    assert foreign
    assert [] == [
        (path, name)
        for path, name in sorted(foreign)
        if not {canonical(each) for each in owners.get(name, [])} & brought
    ]


def test_public_names_are_a_promise():
    """The door's names are those of the snapshot; a change is made on purpose."""
    snapshot = Path(__file__).with_name("public_names.txt").read_text().split()

    assert snapshot == credicorp_auth.__all__


def test_everything_public_is_explained():
    """Every public class and function has a docstring that is a sentence."""
    silent = [
        f"{name_of(path)}:{node.name}"
        for path, tree in TREES.items()
        if "sandbox" not in path.parts and not path.name.startswith("plugin")
        for node in tree.body
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and not node.name.startswith("_")
        and not (ast.get_docstring(node) or "").rstrip().endswith((".", "`", ")", "0", "…"))
    ]

    assert [] == silent


def test_ci_runs_what_the_readme_says():
    """The two commands of the README are the ones CI runs."""
    readme, ci = (CHECKOUT / "README.md").read_text(), (CHECKOUT / ".ci/run").read_text()
    for command in (
        "python -m pip install tox && python -m tox run -e demo",
        "python -m pip install tox && python -m tox run",
    ):
        assert command in readme
        assert command in ci


def test_every_error_code_is_in_the_reference():
    """Each code that the source can raise stands in docs/reference/errors.md."""
    page = (CHECKOUT / "docs/reference/errors.md").read_text()
    codes = set()
    for tree in TREES.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg == "code":
                codes |= {n.value for n in ast.walk(node.value) if isinstance(n, ast.Constant)}
            is_code = isinstance(node, ast.Assign) and any(
                getattr(target, "id", "") == "default_code" for target in node.targets
            )
            if is_code:
                codes.add(node.value.value)
    codes = {each for each in codes if isinstance(each, str) and each and not each.endswith(".")}

    assert set() == {each for each in codes if f"`{each}`" not in page and " " not in each}


def test_every_option_of_the_command_line_is_in_the_reference():
    """Each command and option stands in docs/reference/cli.md."""
    from credicorp_auth.cli.run import credicorp_auth as command_line

    page = (CHECKOUT / "docs/reference/cli.md").read_text()
    for name, command in command_line.commands.items():
        assert f"## credicorp-auth {name}" in page
        assert [] == [opt for each in command.params for opt in each.opts if f"`{opt}`" not in page]
