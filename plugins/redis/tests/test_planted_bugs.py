"""The contract of a cache finds bugs that were planted in a cache over Redis."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis

from credicorp_auth.errors import CacheUnavailable
from credicorp_auth.plugin.api import CacheCapabilities
from credicorp_auth_testing.contracts.cache import CacheContract

pytestmark = pytest.mark.slow


class Planted:
    """A cache in a few lines: one connection of redis-py without a time limit."""

    capabilities = CacheCapabilities()

    def __init__(self, url):
        self.client = redis.Redis.from_url(url, single_connection_client=True, socket_timeout=None)

    def read(self, key, *, timeout):
        return self.ask(self.client.get, key)

    def write(self, key, entry, *, lifetime, timeout):
        self.ask(self.client.set, key, entry, px=int(lifetime * 1000))

    def discard(self, key, *, expected=None, timeout):
        return bool(self.ask(self.client.delete, key))

    def ask(self, command, *arguments, **options):
        try:
            return command(*arguments, **options)
        except redis.RedisError:
            pass
        raise CacheUnavailable("Redis failed")

    def after_fork(self):
        pass

    def close(self):
        self.client.close()


@pytest.fixture
def server(servers):
    return servers.start()


@pytest.fixture
def planted(server):
    made = Planted(server.url)
    yield made
    made.close()


@pytest.fixture
def contract(server):
    class Contract(CacheContract):
        longest_wait = 1.0

        def freeze_cache(self, cache, place):
            server.freeze()

    return Contract()


def test_fault_470_a_cache_that_shares_its_connection_with_a_child(planted, contract):
    """470: a connection that parent and child use at once is found, by a wrong entry or an error."""
    with pytest.raises((AssertionError, CacheUnavailable, pytest.fail.Exception)):
        contract.test_fault_470_parent_and_child_at_once(planted)


def test_a_cache_without_a_time_limit(planted, contract, tmp_path):
    """A cache that waits for a server which stands still is found."""
    with pytest.raises(pytest.fail.Exception, match="did not end within 1 s, the time limit of a"):
        contract.test_a_server_that_stands_still(planted, Path(tmp_path))
