"""The house: arrows that import contracts cannot see, sizes, names, and what is public."""

from __future__ import annotations

import ast
import os
import re
import sys
import tomllib
from configparser import ConfigParser
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import house
import pytest

import credicorp_auth

CHECKOUT = Path(os.environ.get("CREDICORP_CHECKOUT") or Path(__file__).parents[2])
PACKAGES = [
    CHECKOUT / "credicorp_auth",
    CHECKOUT / "testing" / "credicorp_auth_testing",
    *sorted((CHECKOUT / "plugins").glob("*/credicorp_auth_*")),
]
SHIPPED = sorted(each for folder in PACKAGES for each in folder.rglob("*.py"))
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


def test_sizes_and_arrows_are_within_their_limits(capsys):
    """Modules and functions are small, few modules are loose, and no import runs in a circle."""
    within = house.main(CHECKOUT) == 0

    assert within, capsys.readouterr().out


def test_a_circle_is_found_also_if_only_types_close_it():
    """Modules that import each other are found, beside others that only import them."""
    types_only = ast.parse("if TYPE_CHECKING:\n    from rooms.hall import Door")
    trees = {
        "rooms": ast.parse(""),
        "rooms.hall": ast.parse("from rooms import cellar"),
        "rooms.cellar": types_only,
        "rooms.roof": ast.parse("import rooms.hall"),
    }
    imports = {name: set(house.read_imports(tree, trees)) for name, tree in trees.items()}

    assert house.find_circles(imports) == {"rooms.hall", "rooms.cellar"}


def test_a_module_of_a_few_lines_counts_unless_it_is_a_marker_or_a_seam(tmp_path):
    """A small module counts; a package's docstring and names and the seams of a plugin do not."""
    core = tmp_path / "credicorp_auth" / "engine"
    plugin = tmp_path / "plugins" / "sample" / "credicorp_auth_sample"
    modules = {
        core / "__init__.py": 'from .plugin import SMALL\n__all__ = ["SMALL"]\n',
        core / "plugin.py": "SMALL = 1\n",
        core / "inner" / "__init__.py": "def build() -> None:\n    pass\n",
        plugin / "__init__.py": "def __getattr__(name: str) -> None:\n    pass\n",
        plugin / "plugin.py": "SMALL = 1\n",
    }
    for path, text in modules.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    figures = house.measure(tmp_path)

    assert (5, 4, 2) == tuple(
        figures[each] for each in figures if "under 30" in each or "of them" in each
    )


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
        "credicorp_auth.lazy",
        "credicorp_auth.plugin.api.clocks",
        "credicorp_auth.plugin.api.credential",
        "credicorp_auth.plugin.api.hookspecs",
        "credicorp_auth.plugin.api.json_record",
        "credicorp_auth.plugin.api.late_lock",
        "credicorp_auth.http.messages",
        "credicorp_auth.http.secret",
        "credicorp_auth.http.strict_json",
        "credicorp_auth.plugin.api.option_values",
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
    sandbox = CHECKOUT / "testing" / "credicorp_auth_testing" / "sandbox"
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
    folder = CHECKOUT / "testing" / "credicorp_auth_testing" / "sandbox"

    assert [] == [
        f"{name_of(path)} imports {module}"
        for path, tree in TREES.items()
        if path.is_relative_to(folder)
        for module in imports(tree)
        if module.startswith("credicorp_auth")
        and not module.startswith("credicorp_auth_testing.sandbox")
    ]


def programs():
    """Group the modules whose imports may meet, by name: what is installed, and each folder of programs."""
    installed = {
        ".".join(path.relative_to(top.parent).with_suffix("").parts).removesuffix(".__init__"): path
        for top in PACKAGES
        for path in top.rglob("*.py")
    }
    folders = ("benchmarks", "benchmarks/fleet", "demo", "fuzz", "tools", "tests/support")
    return {
        "installed": installed,
        **{each: {path.stem: path for path in (CHECKOUT / each).glob("*.py")} for each in folders},
    }


def imported_modules(path, modules):
    """Yield the modules, of those given, that a module imports anywhere, for types alone too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names if each.name in modules)
        elif isinstance(node, ast.ImportFrom):
            for each in node.names:
                name = f"{node.module}.{each.name}"
                yield name if name in modules else node.module


def in_circles(graph):
    """Return what is left of a graph without the modules that no circle goes through."""
    while True:
        targets = set().union(*graph.values()) if graph else set()
        left = {each: found & graph.keys() for each, found in graph.items() if each in targets}
        left = {each: found for each, found in left.items() if found}
        if left == graph:
            return left
        graph = left


def test_a_circle_is_seen():
    """The check below keeps a circle of three, and drops what only leads to it or away from it."""
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "end"}, "start": {"a"}, "end": set()}

    assert {"a": {"b"}, "b": {"c"}, "c": {"a"}} == in_circles(graph)


@pytest.mark.parametrize("program", list(programs()))
def test_no_import_circle(program):
    """No module imports one that imports it, directly or not, at any time, or for its types."""
    modules = programs()[program]
    graph = {
        name: set(imported_modules(path, modules)) & modules.keys() - {name}
        for name, path in modules.items()
    }

    assert modules
    assert {} == in_circles(graph)


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


def test_the_packages_of_the_test_tools_are_listed():
    """Each folder of credicorp_auth_testing with modules is in its metadata."""
    setup = ConfigParser()
    setup.read(CHECKOUT / "testing" / "setup.cfg")
    packages = {
        ".".join(path.parent.relative_to(CHECKOUT / "testing").parts)
        for path in SHIPPED
        if path.name == "__init__.py" and path.is_relative_to(CHECKOUT / "testing")
    }

    assert packages == set(setup["options"]["packages"].split())


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


@pytest.mark.parametrize("folder", ["testing", *sorted(name_of(each.parent) for each in (CHECKOUT / "plugins").glob("*/setup.cfg"))])  # fmt: skip
def test_a_distribution_asks_for_what_it_imports(folder):
    """Each library that a distribution imports comes with what its own metadata ask for, extras included."""
    core = ConfigParser()
    core.read(CHECKOUT / "setup.cfg")
    own = ConfigParser()
    own.read(CHECKOUT / folder / "setup.cfg")
    extras = own["options.extras_require"].values() if "options.extras_require" in own else []
    asked = "\n".join(
        [core["options"]["install_requires"], own["options"]["install_requires"], *extras]
    )
    brought = brought_by([each for each in asked.split("\n") if each], set())
    foreign = {
        (name_of(path), name)
        for path, tree in TREES.items()
        if path.is_relative_to(CHECKOUT / folder)
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
    import click

    from credicorp_auth.cli.group import COMMANDS
    from credicorp_auth.cli.run import credicorp_auth as command_line
    from credicorp_auth_testing.commands import new, sandbox

    page = (CHECKOUT / "docs/reference/cli.md").read_text()
    context = click.Context(command_line)
    built_in = {name: command_line.get_command(context, name) for name in COMMANDS}
    for name, command in {**built_in, "new": new, "sandbox": sandbox}.items():
        assert f"## credicorp-auth {name}" in page
        assert [] == [opt for each in command.params for opt in each.opts if f"`{opt}`" not in page]
