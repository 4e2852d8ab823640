"""Adapters that fork and let the child raise, and their contracts."""

from __future__ import annotations

import os
from pathlib import Path

from credicorp_auth.plugin.api import CacheCapabilities, TransportCapabilities
from credicorp_auth_testing.contracts.cache import CacheContract
from credicorp_auth_testing.contracts.transport import TransportContract


class Forking:
    """Each call raises in a child, which nobody ends."""

    def __init__(self, capabilities):
        self.capabilities = capabilities

    def send(self, request, *, timeout):
        child = os.fork()
        if child:
            os.waitpid(child, 0)
        raise RuntimeError("raised in parent and child")

    def read(self, key, *, timeout):
        self.send(key, timeout=1)

    def close(self):
        pass


class TestForkingTransport(TransportContract):
    def build_transport(self, **options):
        return Forking(TransportCapabilities())


class TestForkingCache(CacheContract):
    def build_cache(self, place):
        return Forking(CacheCapabilities())


def test_that_follows():
    with Path("followed").open("a") as followed:
        followed.write("x")
