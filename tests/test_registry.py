"""Loading adapters: exactly the one named, and a readable word when it cannot be."""

from __future__ import annotations

import sys

import pytest

from credicorp_auth import Event, errors
from credicorp_auth.plugin.api.options import AdapterOptions
from credicorp_auth.plugin.loading.kinds import CACHE, SECRET_SOURCE, TRANSPORT
from credicorp_auth.plugin.loading.registry import Registry

NO_OPTIONS = AdapterOptions({}, setting="cache_options")
GOOD = """
from credicorp_auth.plugin.api.hookspecs import hookimpl
from credicorp_auth_testing.fakes import SwitchableCache
CREDICORP_API = 1
@hookimpl
def credicorp_cache(options):
    return SwitchableCache()
"""
OBSERVER = """
from credicorp_auth.plugin.api.hookspecs import hookimpl
CREDICORP_API = 1
seen = []
@hookimpl
def credicorp_event(event):
    seen.append(event.name)
"""


def test_a_strangers_adapter_is_loaded_by_name(install):
    """The adapter named is loaded, and said to come from its distribution."""
    cache, provider = Registry(install(("good-cache", "good", GOOD))).load(
        CACHE, "good", NO_OPTIONS
    )

    assert cache.read("x", timeout=5) is None
    assert ("good", "good-cache", "1.0") == (
        provider.name,
        provider.distribution,
        provider.version,
    )
    assert "good (good-cache 1.0)" == str(provider)


def test_an_adapters_own_refusal_is_passed_on(install):
    """An adapter that refuses its options is heard, not wrapped."""
    source = GOOD.replace(
        "return ", "raise __import__('credicorp_auth').errors.MissingSetting('url') #"
    )
    with pytest.raises(errors.MissingSetting):
        Registry(install(("picky", "picky", source))).load(CACHE, "picky", NO_OPTIONS)


@pytest.mark.parametrize(
    ("kind", "name", "hint"),
    [
        (CACHE, "redis", r"pip install \./plugins/redis in a checkout of credicorp-auth"),
        (CACHE, "memory", r"pip install \./plugins/memory in a checkout .*-r standard\.txt"),
        (TRANSPORT, "httpx2", r"pip install '\./plugins/httpx\[httpx2\]' in a checkout"),
        (TRANSPORT, "carrier-pigeon", "choose one of: none"),
        (SECRET_SOURCE, "vault", r"pip install \./plugins/vault"),
    ],
)
def test_what_is_not_installed_says_how_to_get_it(kind, name, hint):
    """Not installed differs from broken: it comes with the line that installs it."""
    with pytest.raises(errors.AdapterNotFound, match=hint):
        Registry([]).load(kind, name, NO_OPTIONS)


def test_an_observer_is_loaded_by_name(install):
    """An observer sees events through its hook."""
    found = install(("watcher", "watch", OBSERVER), group="credicorp_auth.observers")
    observe = Registry(found).load_observer("watch")
    observe(Event("token.minted"))

    assert ["token.minted"] == sys.modules[found[0].value].seen
