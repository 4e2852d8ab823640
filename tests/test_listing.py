"""The list of adapters: how each stands, emitted without importing any of them."""

from __future__ import annotations

import json
import os
import resource
import sys

import pytest

from credicorp_auth.plugin.loading.installed import installed_entry_points, is_importable
from credicorp_auth.plugin.loading.kinds import CACHE, KINDS, OBSERVER, TRANSPORT
from credicorp_auth.plugin.loading.listing import AdapterStatus, list_adapters
from credicorp_auth.plugin.loading.registry import Registry

STANDARD = [each for each in installed_entry_points() if each.name in {"urllib3", "memory", "env"}]
PLUGIN = "CREDICORP_API = 1\nraise SystemExit\n"


def states(found, *, active=frozenset(), allowed=None):
    """Return standing and remark of each adapter, by kind and name."""
    listed = list_adapters(Registry([*STANDARD, *found], allowed=allowed), active)
    return {(each.kind.name, each.provider.name): (each.state, each.warning) for each in listed}


def test_what_is_installed_and_what_could_be():
    """The list has what is installed, and how to install the rest of ours, by its folder."""
    emitted = states([])
    names = {name for (_, name), (state, _) in emitted.items() if state is AdapterStatus.AVAILABLE}
    missing = {name: warning for (_, name), (state, warning) in emitted.items() if state is AdapterStatus.NOT_INSTALLED}  # fmt: skip

    assert {"urllib3", "memory", "env"} == names
    assert {"requests", "httpx", "httpx2", "file", "redis", "vault", "aws", "exec", "files"} == set(
        missing
    )
    assert "pip install ./plugins/redis in a checkout of credicorp-auth" == missing["redis"]
    assert "pip install './plugins/httpx[httpx2]' in a checkout" in missing["httpx2"]


def test_the_core_alone_lists_all_of_ours_as_not_installed():
    """Without any plugin each of our names is listed with the command that installs it."""
    listed = list_adapters(Registry([]))

    assert {AdapterStatus.NOT_INSTALLED} == {each.state for each in listed}
    assert {each.folder for kind in KINDS for each in kind.own} == {
        each.warning.split("/plugins/")[1].split("[")[0].split()[0].strip("'") for each in listed
    }
    assert all(each.is_own for each in listed)


@pytest.mark.parametrize("source", [PLUGIN, "CREDICORP_API = 3", "def", "\0"])
def test_a_plugin_is_neither_imported_nor_read(install, source):
    """What only an import or the source could tell of a plugin is not in the list."""
    found = install(("a-cache", "a", source))

    assert (AdapterStatus.AVAILABLE, "") == states(found)["cache", "a"]
    assert found[0].value not in sys.modules


@pytest.mark.parametrize(
    "value", ["nowhere", "nowhere.plugin", "nowhere:plugin", "!!", "", "..", "odd-name.plugin"]
)
def test_an_entry_point_that_leads_nowhere(install, value):
    """An entry point whose package is not there is broken, and the list is had all the same."""
    install(("a-cache", "a", PLUGIN))
    info = next(install.folder.glob("*.dist-info"))
    (info / "entry_points.txt").write_text(f"[credicorp_auth.caches]\na = {value}\n")
    state, warning = states(found := install())["cache", "a"]

    assert AdapterStatus.BROKEN is state
    assert warning.startswith("there is no package ")
    assert AdapterStatus.AVAILABLE is states(found)["cache", "memory"][0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("metadata", "points"),
    [
        (None, "[credicorp_auth.caches]\na = x\n"),
        ("", "[credicorp_auth.caches]\na = x\n"),
        ("Name: a-cache\n", "[credicorp_auth.caches]\na = x\n"),
        ("Name: a-cache\nVersion: 1\n", "[credicorp_auth.caches]\nno equals sign\n"),
        ("Name: a-cache\nVersion: 1\n", "no section = x\n"),
    ],
)
def test_damaged_metadata_hide_no_other(install, metadata, points):
    """Where one distribution's metadata are damaged, the others are listed and loaded as ever."""
    install(("a-cache", "a", PLUGIN), ("good-cache", "good", "CREDICORP_API = 1\n"))
    info = next(install.folder.glob("a_cache*.dist-info"))
    (info / "METADATA").unlink()
    if metadata is not None:
        (info / "METADATA").write_text(metadata)
    (info / "entry_points.txt").write_text(points)
    listed = install.run(
        "-m", "credicorp_auth", "adapters", "--format", "json", environ={"PATH": os.environ["PATH"]}
    )

    assert (0, "") == (listed.returncode, listed.stderr)
    emitted = {each["name"]: each["state"] for each in json.loads(listed.stdout)}
    assert ("available", "active") == (emitted["good"], emitted["memory"])


def test_a_plugin_inside_a_package_is_found_without_importing_the_package(install):
    """The package that holds a plugin is found, and not run."""
    install(("a-cache", "a", PLUGIN))
    package = install.folder / "bomb_package"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit")
    info = next(install.folder.glob("*.dist-info"))
    (info / "entry_points.txt").write_text("[credicorp_auth.caches]\na = bomb_package.plugin\n")

    assert (AdapterStatus.AVAILABLE, "") == states(install())["cache", "a"]
    assert "bomb_package" not in sys.modules


def test_what_no_finder_can_look_for_is_not_importable():
    """A name that makes a finder fail is one that cannot be imported."""
    assert [False, False] == [is_importable(each) for each in ("", "sys.part")]


def test_claims_to_one_name(install):
    """Two claims are both listed as duplicates that name each other; so is a squatter on a name of ours."""
    found = install(
        ("one", "same", PLUGIN), ("two", "same", PLUGIN), ("squatter", "memory", PLUGIN)
    )
    listed = list_adapters(Registry([*STANDARD, *found]))
    emitted = [(each.provider.distribution, each.warning) for each in listed if each.state is AdapterStatus.DUPLICATE]  # fmt: skip
    memory = (
        "is claimed by memory (credicorp-auth-memory 1.0.0) and memory (squatter 1.2);"
        " it belongs to credicorp-auth-memory"
    )

    assert [
        ("credicorp-auth-memory", memory),
        ("squatter", memory),
        ("one", "is claimed by same (one 1.0) and same (two 1.1)"),
        ("two", "is claimed by same (one 1.0) and same (two 1.1)"),
    ] == emitted


def test_blocked_and_active(install):
    """What the operator leaves out is blocked; what the settings choose is active."""
    found = install(("one", "mine", PLUGIN), ("two", "other", PLUGIN))
    found += install(("w", "watch", PLUGIN), group="credicorp_auth.observers")[-1:]
    emitted = states(found, active={(CACHE, "mine"), (TRANSPORT, "urllib3"), (OBSERVER, "watch")}, allowed={"mine", "urllib3", "env"})  # fmt: skip

    assert AdapterStatus.ACTIVE is emitted["cache", "mine"][0]
    assert (AdapterStatus.BLOCKED, "CREDICORP_PLUGINS leaves it out") == emitted["cache", "other"]
    assert AdapterStatus.BLOCKED is emitted["observer", "watch"][0]
    assert AdapterStatus.ACTIVE is emitted["transport", "urllib3"][0]
    assert AdapterStatus.BLOCKED is emitted["cache", "memory"][0]
    assert AdapterStatus.AVAILABLE is emitted["secret source", "env"][0]


@pytest.mark.parametrize(
    ("requires", "emitted"),
    [
        ("credicorp-auth>=1.0", ">=1.0"),
        ("Credicorp_Auth[cli] (>=1.2,<2) ; python_version > '3'", ">=1.2,<2"),
        ("credicorp-auth", ""),
        ("credicorp-auth-redis>=3", ""),
        ("requests>=2", ""),
    ],
)
def test_the_range_of_the_core(install, requires, emitted):
    """The versions of the core that a distribution asks for are read from its metadata."""
    found = install(("a-cache", "a", PLUGIN), requires=requires)
    listed = list_adapters(Registry(found))

    assert [emitted] == [each.core_range for each in listed if each.provider.name == "a"]
    assert [False] == [each.is_own for each in listed if each.provider.name == "a"]


@pytest.mark.slow
def test_listing_is_quick_and_imports_nothing_of_the_nine_and_five_strangers(install):
    """With our nine and five strangers installed, the command costs less than 0.3 s more than Python itself."""
    bomb = "CREDICORP_API = 1\nimport os\nos._exit(7)\n"
    groups = [kind.group for kind in (TRANSPORT, CACHE, OBSERVER)]
    for number in range(11):  # beside our three
        install((f"stranger-{number}", f"stranger{number}", bomb), group=groups[number % 3])

    def cpu_seconds(*arguments):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        ran = install.run(*arguments, environ={"PATH": os.environ["PATH"]})
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert 0 == ran.returncode, ran.stderr
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return spent, ran.stdout

    # Seconds of processor time, and the best of five: what else the machine does is not counted.
    start = min(cpu_seconds("-c", "pass")[0] for _ in range(5))
    runs = [cpu_seconds("-m", "credicorp_auth", "adapters") for _ in range(5)]

    assert min(spent for spent, _ in runs) - start < 0.3
    listed = [line.split() for line in runs[0][1].splitlines() if "stranger" in line]
    assert ["available"] * 11 == [line[2] for line in listed]
