"""The distributions: nine of one shape, a core without adapters, and lists from which the rest is derived."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from configparser import ConfigParser
from pathlib import Path

import distributions
import pytest

from credicorp_auth.plugin.loading.kinds import KINDS

CHECKOUT = Path(os.environ.get("CREDICORP_CHECKOUT") or Path(__file__).parents[2])
FOLDERS = sorted(each.parent.name for each in (CHECKOUT / "plugins").glob("*/setup.cfg"))
LISTED = distributions.listed(root=CHECKOUT)
# Where a plugin could have to be named beside its own folder; pages and tests may name any of them.
SHARED = [
    *(CHECKOUT / name for name in ("setup.cfg", "pyproject.toml", "tox.ini", "conftest.py", ".ci/run")),
    *(CHECKOUT / ".pre-commit-config.yaml", *CHECKOUT.glob("*.txt")),
    *sorted((CHECKOUT / "tools").glob("*.*")),
    *sorted((CHECKOUT / "credicorp_auth").rglob("*.py")),
]  # fmt: skip
DEMO = "commands_pre = {[testenv]wheels} --extras cli standard.txt testing plugins/httpx[httpx]"
"""The demo is a program that uses one of them."""


def setup_of(folder):
    setup = ConfigParser()
    setup.read(folder / "setup.cfg", "utf-8")
    return setup


def test_the_list_of_everything_holds_every_plugin():
    """all.txt has each folder of plugins/ once; standard.txt those that the defaults name."""
    standard = [each.folder.name for each in distributions.listed("standard.txt", CHECKOUT) if each.is_plugin]  # fmt: skip

    assert FOLDERS == sorted(each.folder.name for each in LISTED if each.is_plugin)
    assert CHECKOUT.resolve() == LISTED[0].folder
    assert sorted(name for kind in KINDS for name in kind.standard) == sorted(standard)


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_plugin_has_the_shape_of_all(folder):
    """Each has the same files, the core's version, and the names that follow from its folder."""
    place, core = CHECKOUT / "plugins" / folder, setup_of(CHECKOUT)
    setup, package = setup_of(place), place / f"credicorp_auth_{folder}"
    points = {
        (section, name): module
        for section, lines in setup["options.entry_points"].items()
        for name, module in (line.split(" = ") for line in lines.strip().splitlines())
    }

    assert {"README.md", "pyproject.toml", "setup.cfg", "tests"} <= {each.name for each in place.iterdir()}  # fmt: skip
    assert (package / "py.typed").is_file()
    assert list((place / "tests").glob("test_*.py"))
    assert f"credicorp-auth-{folder}" == setup["metadata"]["name"]
    for section, key in (("metadata", "version"), ("metadata", "license"), ("options", "python_requires")):  # fmt: skip
        assert core[section][key] == setup[section][key]
    assert [package.name] == setup["options"]["packages"].split()
    assert "credicorp-auth>=1.0" == setup["options"]["install_requires"].split()[0]
    assert points == {
        (kind.group, each.name): each.module
        for kind in KINDS
        for each in kind.own
        if each.folder == folder
    }
    assert points


def test_the_core_holds_no_adapter():
    """Its wheel has one package and no entry point of an adapter, and no requirement or extra names a plugin."""
    setup = setup_of(CHECKOUT)
    groups = {kind.group for kind in KINDS}
    packages = {each.partition(".")[0] for each in setup["options"]["packages"].split()}
    required = "\n".join(line for lines in LISTED[0].required.values() for line in lines)

    assert {"credicorp_auth"} == packages
    assert not groups & set(setup["options.entry_points"])
    assert "credicorp-auth" not in required
    assert [] == [each for each in FOLDERS if (CHECKOUT / "credicorp_auth" / each).exists()]


def test_the_defaults_are_names_of_the_standard_list():
    """Each adapter that the settings name by default is one that standard.txt installs."""
    from credicorp_auth import Settings

    settings = Settings(client_id="c")
    chosen = {settings.transport, settings.cache, settings.secrets or "env"}

    assert chosen == {name for kind in KINDS for name in kind.standard}


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_plugin_is_named_in_two_lines_outside_its_folder(folder):
    """Its line in a list and its name in the core: adding one touches nothing else of code and configuration."""
    named = re.compile(
        rf'plugins/{folder}\b|credicorp[-_]auth[-_]{folder}\b|_own\(.*"{folder}["\[]|^    {folder}:'
    )
    lines = [
        f"{path.relative_to(CHECKOUT)}: {line.strip()}"
        for path in SHARED
        for line in path.read_text("utf-8").splitlines()
        if named.search(line) and line != DEMO
    ]

    assert 2 == len(lines), lines
    assert [".txt", ".py"] == [Path(each.partition(":")[0]).suffix for each in lines]


def test_a_tenth_plugin_is_taken_up_by_its_line_alone(tmp_path):
    """A folder and a line in all.txt: it is built, measured, typed, linked and held to its oldest libraries."""
    for name in ("setup.cfg", "pyproject.toml", "all.txt", "standard.txt"):
        shutil.copy(CHECKOUT / name, tmp_path)
    shutil.copytree(CHECKOUT / "tools", tmp_path / "tools", ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
    for each in LISTED[1:]:
        copied = tmp_path / each.folder.relative_to(CHECKOUT.resolve())
        copied.mkdir(parents=True)
        shutil.copy(each.folder / "setup.cfg", copied)
    tenth = tmp_path / "plugins" / "tenth"
    tenth.mkdir()
    (tenth / "setup.cfg").write_text(
        "[metadata]\nname = credicorp-auth-tenth\n[options]\npackages = credicorp_auth_tenth\n"
        "install_requires =\n    credicorp-auth>=1.0\n    tenth-library[speed]>=3.1\n"
        "[options.extras_require]\ntest = tenth-fake>=9\n"
    )
    with (tmp_path / "all.txt").open("a") as file:
        file.write("./plugins/tenth  # the newest\n")
    program = [sys.executable, str(tmp_path / "tools" / "coverage_config.py"), "coverage.toml"]
    subprocess.run(program, cwd=tmp_path, check=True)
    measured = tomllib.loads((tmp_path / "coverage.toml").read_text())["tool"]["coverage"]["run"]
    found = distributions.listed(root=tmp_path)

    assert "credicorp-auth-tenth" == found[-1].name
    assert "credicorp_auth_tenth" in distributions.packages(tmp_path)
    assert "credicorp_auth_tenth" in distributions.plugin_packages(tmp_path)
    assert distributions.packages(tmp_path) == measured["source_pkgs"]
    assert measured["branch"]
    constraints = distributions.floors(found)
    assert "tenth-library==3.1" in constraints
    assert not [each for each in constraints if each.startswith(("credicorp-auth", "tenth-fake", "pytest"))]  # fmt: skip


@pytest.mark.parametrize("line", ["./plugins/nobody", "credicorp-auth-redis", "redis>=5", "-e ."])
def test_a_list_names_folders_alone(line):
    """What could be looked up on an index is no line of a list."""
    with pytest.raises(ValueError, match="no folder of a distribution"):
        distributions.read_target(line, CHECKOUT)


def test_wheels_refuse_a_name_of_ours_that_is_not_among_the_folders(tmp_path):
    """A plugin without the core beside it is refused before anything is built or looked up."""
    program = [sys.executable, str(CHECKOUT / "tools" / "wheels.py"), "--store", str(tmp_path)]
    ran = subprocess.run(
        [*program, "plugins/redis"], capture_output=True, text=True, check=False, timeout=300
    )

    assert 1 == ran.returncode
    assert "credicorp-auth-redis requires credicorp-auth: name its folder too" in ran.stderr
    assert [] == list(tmp_path.iterdir())
