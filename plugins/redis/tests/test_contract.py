"""The contract of a cache, over a Redis server of the test's own."""

from __future__ import annotations

import pytest

from credicorp_auth_redis import CacheOptions, RedisCache
from credicorp_auth_testing.contracts.cache import CacheContract

pytestmark = pytest.mark.slow


class TestRedisCache(CacheContract):
    """Over Redis: a test's place is a prefix of its own."""

    @pytest.fixture(autouse=True)
    def _server(self, servers):
        self.server = servers.start()

    def build_cache(self, place):
        return RedisCache(CacheOptions(url=self.server.url, prefix=place.name))

    def break_cache(self, cache, place):
        self.server.kill()

    def freeze_cache(self, cache, place):
        self.server.freeze()
