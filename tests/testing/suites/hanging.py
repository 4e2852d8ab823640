"""Adapters that hang, in a call and again when they are closed, and their contracts."""

from __future__ import annotations

import threading

from credicorp_auth.plugin.api import CacheCapabilities, TransportCapabilities
from credicorp_auth_testing.contracts.cache import CacheContract
from credicorp_auth_testing.contracts.transport import TransportContract


class Hanging:
    """Each method waits for a lock that nobody releases."""

    def __init__(self, capabilities):
        self.capabilities = capabilities
        self.lock = threading.Lock()
        self.lock.acquire()

    def send(self, request, *, timeout):
        self.close()

    def read(self, key, *, timeout):
        self.close()

    def close(self):
        self.lock.acquire()


class TestHangingTransport(TransportContract):
    def build_transport(self, **options):
        return Hanging(TransportCapabilities())


class TestHangingCache(CacheContract):
    def build_cache(self, place):
        return Hanging(CacheCapabilities())


class TestHangingFixture(CacheContract):
    def build_cache(self, place):
        Hanging(CacheCapabilities()).close()
