"""Caches that fail, dawdle or lie: for tests of what must go on without them."""

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
    Has nothing, keeps nothing and leases nothing: whatever it is asked for, it raises.

    Args:
        fault: What it raises; `CacheUnavailable` when not given.
        capabilities: What it claims to be able to do.

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

    def read(self, key: str) -> bytes | None:  # noqa: ARG002 - the port's signature, here and below
        """Fail."""
        self._fail("read")

    def write(self, key: str, entry: bytes, *, lifetime: float, number: int = 0) -> None:  # noqa: ARG002
        """Fail."""
        self._fail("write")

    def discard(self, key: str, *, expected: bytes | None = None) -> bool:  # noqa: ARG002
        """Fail."""
        self._fail("discard")

    def lease(self, key: str, *, seconds: float) -> Lease:  # noqa: ARG002
        """Fail."""
        self._fail("lease")

    def entries(self) -> list[CacheEntry]:
        """Fail."""
        self._fail("entries")

    def clear(self) -> int:
        """Fail."""
        self._fail("clear")

    def close(self) -> None:
        """Take note of it: closing is no trouble."""
        self.asked.append("close")

    def after_fork(self) -> None:
        """Nothing belongs to the parent."""


class AroundCache:
    """
    Passes whatever it is asked for on to a cache inside, and can do what that one can.

    Args:
        inner: The cache inside; closing this one closes it too.

    .. versionadded:: 1.0.0
    """

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    @property
    def capabilities(self) -> CacheCapabilities:
        """What the cache inside can do."""
        capabilities: CacheCapabilities = self.inner.capabilities
        return capabilities

    def read(self, key: str) -> bytes | None:
        """Read."""
        entry: bytes | None = self.inner.read(key)
        return entry

    def write(self, key: str, entry: bytes, *, lifetime: float, number: int = 0) -> None:
        """Write; the number goes to those only who keep things in order."""
        order = {"number": number} if self.capabilities.leases else {}
        self.inner.write(key, entry, lifetime=lifetime, **order)

    def discard(self, key: str, *, expected: bytes | None = None) -> bool:
        """Discard."""
        return bool(self.inner.discard(key, expected=expected))

    def lease(self, key: str, *, seconds: float) -> Lease:
        """Ask for the lease."""
        lease: Lease = self.inner.lease(key, seconds=seconds)
        return lease

    def entries(self) -> list[CacheEntry]:
        """List."""
        listed: list[CacheEntry] = self.inner.entries()
        return listed

    def clear(self) -> int:
        """Clear."""
        return int(self.inner.clear())

    def close(self) -> None:
        """Close the cache inside."""
        self.inner.close()

    def after_fork(self) -> None:
        """Tell the cache inside."""
        self.inner.after_fork()


class SlowCache(AroundCache):
    """
    Takes its time over reading, writing, discarding and leases.

    Args:
        inner: The cache inside.
        seconds: How long each call takes, unless `let_go` is set, which ends all waiting.

    .. versionadded:: 1.0.0
    """

    def __init__(self, inner: Any, *, seconds: float) -> None:
        super().__init__(inner)
        self._seconds = seconds
        self.let_go = threading.Event()

    def read(self, key: str) -> bytes | None:
        """Wait, then read."""
        self.let_go.wait(self._seconds)
        return super().read(key)

    def write(self, key: str, entry: bytes, *, lifetime: float, number: int = 0) -> None:
        """Wait, then write."""
        self.let_go.wait(self._seconds)
        super().write(key, entry, lifetime=lifetime, number=number)

    def discard(self, key: str, *, expected: bytes | None = None) -> bool:
        """Wait, then discard."""
        self.let_go.wait(self._seconds)
        return super().discard(key, expected=expected)

    def lease(self, key: str, *, seconds: float) -> Lease:
        """Wait, then ask for the lease."""
        self.let_go.wait(self._seconds)
        return super().lease(key, seconds=seconds)


def flip(entry: bytes) -> bytes:
    """Return an entry with one bit of its middle byte turned, so that it is no ASCII any more."""
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
    Gives back something else than what it was given.

    Args:
        inner: The cache inside, which holds what was written.
        damage: What becomes of an entry that is read: `flip`, `cut`, or a function of your own.

    .. versionadded:: 1.0.0
    """

    def __init__(self, inner: Any, *, damage: Callable[[bytes], bytes] = flip) -> None:
        super().__init__(inner)
        self._damage = damage

    def read(self, key: str) -> bytes | None:
        """Read, and damage what was found."""
        entry = super().read(key)
        return None if entry is None else self._damage(entry)
