"""Caches that fail, are slow or return wrong data, for tests of resilience."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NoReturn

from credicorp_auth.errors import CacheUnavailable
from credicorp_auth.plugin.api import CacheCapabilities

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.plugin.api import CacheEntry, Lease


class FailingCache:
    """
    A cache of which every operation raises.

    Args:
        fault: The error to raise; default: `CacheUnavailable`.
        capabilities: The declared capabilities.

    .. versionadded:: 1.0.0
    """

    def __init__(
        self,
        fault: Exception | None = None,
        *,
        capabilities: CacheCapabilities = CacheCapabilities(),  # noqa: B008 - it is frozen
    ) -> None:
        self._fault = fault
        self.capabilities = capabilities
        self.asked: list[str] = []

    def _fail(self, message: str) -> NoReturn:
        self.asked.append(message)
        raise self._fault or CacheUnavailable("the cache is down", retryable=True)

    def read(self, key: str, *, timeout: float) -> bytes | None:
        """Fail."""
        self._fail("read")

    def write(
        self, key: str, entry: bytes, *, lifetime: float, number: int = 0, timeout: float
    ) -> None:
        """Fail."""
        self._fail("write")

    def discard(self, key: str, *, expected: bytes | None = None, timeout: float) -> bool:
        """Fail."""
        self._fail("discard")

    def lease(self, key: str, *, seconds: float, timeout: float) -> Lease:
        """Fail."""
        self._fail("lease")

    def entries(self, *, timeout: float) -> list[CacheEntry]:
        """Fail."""
        self._fail("entries")

    def clear(self, *, timeout: float) -> int:
        """Fail."""
        self._fail("clear")

    def close(self) -> None:
        """Record the call; closing does not fail."""
        self.asked.append("close")

    def after_fork(self) -> None:
        """Do nothing: no resource belongs to the parent."""


class AroundCache:
    """
    A cache that delegates to an inner cache, with the same capabilities.

    Args:
        inner: The inner cache; closing this cache closes it too.

    .. versionadded:: 1.0.0
    """

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    @property
    def capabilities(self) -> CacheCapabilities:
        """The capabilities of the inner cache."""
        capabilities: CacheCapabilities = self.inner.capabilities
        return capabilities

    def read(self, key: str, *, timeout: float) -> bytes | None:
        """Read."""
        entry: bytes | None = self.inner.read(key, timeout=timeout)
        return entry

    def write(
        self, key: str, entry: bytes, *, lifetime: float, number: int = 0, timeout: float
    ) -> None:
        """Write; pass the number only to caches that have leases."""
        order = {"number": number} if self.capabilities.leases else {}
        self.inner.write(key, entry, lifetime=lifetime, timeout=timeout, **order)

    def discard(self, key: str, *, expected: bytes | None = None, timeout: float) -> bool:
        """Discard."""
        return bool(self.inner.discard(key, expected=expected, timeout=timeout))

    def lease(self, key: str, *, seconds: float, timeout: float) -> Lease:
        """Request the lease."""
        lease: Lease = self.inner.lease(key, seconds=seconds, timeout=timeout)
        return lease

    def entries(self, *, timeout: float) -> list[CacheEntry]:
        """List the entries."""
        listed: list[CacheEntry] = self.inner.entries(timeout=timeout)
        return listed

    def clear(self, *, timeout: float) -> int:
        """Clear the inner cache."""
        return int(self.inner.clear(timeout=timeout))

    def close(self) -> None:
        """Close the inner cache."""
        self.inner.close()

    def after_fork(self) -> None:
        """Notify the inner cache of the fork."""
        self.inner.after_fork()


class SlowCache(AroundCache):
    """
    A cache that delays reading, writing, discarding and leases.

    Args:
        inner: The inner cache.
        seconds: Length of each delay; setting `let_go` ends all delays.

    .. versionadded:: 1.0.0
    """

    def __init__(self, inner: Any, *, seconds: float) -> None:
        super().__init__(inner)
        self._seconds = seconds
        self.let_go = threading.Event()

    def read(self, key: str, *, timeout: float) -> bytes | None:
        """Wait, then read."""
        self.let_go.wait(self._seconds)
        return super().read(key, timeout=timeout)

    def write(
        self, key: str, entry: bytes, *, lifetime: float, number: int = 0, timeout: float
    ) -> None:
        """Wait, then write."""
        self.let_go.wait(self._seconds)
        super().write(key, entry, lifetime=lifetime, number=number, timeout=timeout)

    def discard(self, key: str, *, expected: bytes | None = None, timeout: float) -> bool:
        """Wait, then discard."""
        self.let_go.wait(self._seconds)
        return super().discard(key, expected=expected, timeout=timeout)

    def lease(self, key: str, *, seconds: float, timeout: float) -> Lease:
        """Wait, then request the lease."""
        self.let_go.wait(self._seconds)
        return super().lease(key, seconds=seconds, timeout=timeout)


def flip(entry: bytes) -> bytes:
    """Return an entry with one bit of its middle byte flipped, so that it is not ASCII."""
    middle = len(entry) // 2
    return (
        entry[:middle]
        + bytes(each ^ 0x80 for each in entry[middle : middle + 1])
        + entry[middle + 1 :]
    )


def cut(entry: bytes) -> bytes:
    """Return the first half of an entry."""
    return entry[: len(entry) // 2]


class CorruptingCache(AroundCache):
    """
    A cache that returns damaged entries.

    Args:
        inner: The inner cache, which holds the entries as written.
        damage: The function applied to an entry that is read: `flip`, `cut`, or your own.

    .. versionadded:: 1.0.0
    """

    def __init__(self, inner: Any, *, damage: Callable[[bytes], bytes] = flip) -> None:
        super().__init__(inner)
        self._damage = damage

    def read(self, key: str, *, timeout: float) -> bytes | None:
        """Read an entry, and damage it."""
        entry = super().read(key, timeout=timeout)
        return None if entry is None else self._damage(entry)
