"""Loading adapters: exactly the one named, and a readable word when it cannot be."""

from __future__ import annotations

import sys
from importlib.metadata import distributions

import pytest

from credicorp_auth import Event, errors
from credicorp_auth.options import AdapterOptions
from credicorp_auth.registry import CACHE, SECRET_SOURCE, TRANSPORT, Registry

NO_OPTIONS = AdapterOptions({}, setting="cache_options")
GOOD = """
from credicorp_auth.hookspecs import hookimpl
from credicorp_auth.testing.stand_ins import SwitchableCache
CREDICORP_API = 1
@hookimpl
def credicorp_cache(options):
    return SwitchableCache()
"""
OBSERVER = """
from credicorp_auth.hookspecs import hookimpl
CREDICORP_API = 1
seen = []
@hookimpl
def credicorp_event(event):
    seen.append(event.name)
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install distributions, as pip lays them out, each with one plugin."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install_them(*plugins, group="credicorp_auth.caches"):
        for number, (distribution, name, source) in enumerate(plugins):
            module = f"{tmp_path.name.replace('-', '_')}_{number}"
            (tmp_path / f"{module}.py").write_text(source)
            info = tmp_path / f"{distribution.replace('-', '_')}-1.{number}.dist-info"
            info.mkdir()
            (info / "METADATA").write_text(f"Name: {distribution}\nVersion: 1.{number}\n")
            (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}\n")
        return [
            point for each in distributions(path=[str(tmp_path)]) for point in each.entry_points
        ]

    return install_them


def test_a_strangers_adapter_is_loaded_by_name(install):
    """The adapter named is loaded, and said to come from its distribution."""
    cache, provider = Registry(install(("good-cache", "good", GOOD))).load(
        CACHE, "good", NO_OPTIONS
    )

    assert cache.read("x") is None
    assert ("good", "good-cache", "1.0") == (
        provider.name,
        provider.distribution,
        provider.version,
    )
    assert "good (good-cache 1.0)" == str(provider)


def test_fault_338_what_is_not_named_is_not_imported(install):
    """338: listing imports nothing; loading one adapter imports no other."""
    found = install(("good-cache", "good", GOOD), ("bomb", "bomb", "raise SystemExit"))
    registry = Registry(found)
    registry.load(CACHE, "good", NO_OPTIONS)

    assert ["bomb", "good"] == [each.provider.name for each in registry.listed()]
    assert found[0].value not in sys.modules or found[1].value not in sys.modules


@pytest.mark.parametrize(
    ("source", "code", "said"),
    [
        ("import nowhere_to_be_found", "plugin.load", "ModuleNotFoundError"),
        ("def", "plugin.load", "SyntaxError"),
        (GOOD.replace("CREDICORP_API = 1", ""), "plugin.version", "states no CREDICORP_API"),
        (GOOD.replace("API = 1", "API = 2"), "plugin.version", "CREDICORP_API = 2"),
        (GOOD.replace("credicorp_cache", "credicorp_cash"), "plugin.contract", "hook"),
        (GOOD.replace("(options)", "(option)"), "plugin.contract", "hook"),
        (GOOD.replace("credicorp_cache", "credicorp_transport"), "plugin.contract", "implement"),
        (GOOD.replace("SwitchableCache()", "None"), "plugin.contract", "NoneType"),
        (GOOD.replace("SwitchableCache()", "7"), "plugin.contract", "int"),
        (GOOD.replace("return SwitchableCache()", "raise OSError('hunter2')"), "plugin.contract", "OSError"),
    ],
)  # fmt: skip
def test_fault_335_336_341_what_is_broken_says_how(install, source, code, said):
    """335, 336, 341: broken inside, of another version, against the contract: each its own word."""
    registry = Registry(install(("odd-cache", "odd", source)))
    with pytest.raises(errors.AdapterBroken, match=said) as raised:
        registry.load(CACHE, "odd", NO_OPTIONS)

    assert code == raised.value.code
    assert "odd-cache 1.0" in str(raised.value)
    assert "hunter2" not in f"{raised.value}{raised.value.__context__}"


def test_an_adapters_own_refusal_is_passed_on(install):
    """An adapter that refuses its options is heard, not wrapped."""
    source = GOOD.replace(
        "return ", "raise __import__('credicorp_auth').errors.MissingSetting('url') #"
    )
    with pytest.raises(errors.MissingSetting):
        Registry(install(("picky", "picky", source))).load(CACHE, "picky", NO_OPTIONS)


def test_fault_337_two_claims_to_one_name_are_refused(install):
    """337: two distributions with one name: neither is used, both are named."""
    registry = Registry(install(("one-cache", "same", GOOD), ("two-cache", "same", GOOD)))
    with pytest.raises(errors.AdapterConflict, match=r"one-cache 1\.0.*two-cache 1\.1"):
        registry.load(CACHE, "same", NO_OPTIONS)


def test_fault_337_nobody_may_pose_as_what_is_in_the_box(install):
    """337: a stranger who claims a boxed name is refused, even alone."""
    registry = Registry(install(("squatter", "memory", GOOD)))
    with pytest.raises(errors.AdapterConflict, match="squatter"):
        registry.load(CACHE, "memory", NO_OPTIONS)


@pytest.mark.parametrize(
    ("kind", "name", "cure"),
    [
        (CACHE, "redis", r"pip install 'credicorp-auth\[redis\]'"),
        (TRANSPORT, "carrier-pigeon", "choose one of: none"),
        (SECRET_SOURCE, "vault", "pip install"),
    ],
)
def test_what_is_not_installed_says_how_to_get_it(kind, name, cure):
    """Not installed differs from broken: it comes with the line that installs it."""
    with pytest.raises(errors.AdapterNotFound, match=cure):
        Registry([]).load(kind, name, NO_OPTIONS)


def test_an_observer_is_loaded_by_name(install):
    """An observer sees events through its hook."""
    found = install(("watcher", "watch", OBSERVER), group="credicorp_auth.observers")
    observe = Registry(found).load_observer("watch")
    observe(Event("token.minted"))

    assert ["token.minted"] == sys.modules[found[0].value].seen
