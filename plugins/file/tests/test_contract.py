"""The contract of a cache, over files."""

from __future__ import annotations

import pytest

import credicorp_auth_file
from credicorp_auth.plugin.api import Cache
from credicorp_auth.plugin.api.options import AdapterOptions
from credicorp_auth_file import CacheOptions, FileCache, plugin
from credicorp_auth_testing.contracts.cache import CacheContract

pytestmark = pytest.mark.slow


class TestFileCache(CacheContract):
    """Over files."""

    def build_cache(self, place):
        return FileCache(CacheOptions(directory=place))

    def break_cache(self, cache, place):
        place.chmod(0o777)


def test_the_hook_builds_the_cache(tmp_path):
    """The plugin makes a cache of its options."""
    options = AdapterOptions({"directory": str(tmp_path / "x")}, setting="cache_options")
    made = plugin.credicorp_cache(options)

    assert 1 == plugin.CREDICORP_API
    assert isinstance(made, Cache)
    assert isinstance(made, FileCache)


def test_names_of_the_package():
    """The package gives what it names, when asked, and nothing else."""
    for name in credicorp_auth_file.__all__:
        assert name == getattr(credicorp_auth_file, name).__name__
    with pytest.raises(AttributeError, match="elsewhere"):
        credicorp_auth_file.elsewhere  # noqa: B018 # the access is the test
