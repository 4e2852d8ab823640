"""Cache of entries in files of a private folder, shared by the processes of one host."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from operator import attrgetter
from random import SystemRandom
from typing import Final, TypeGuard

from credicorp_auth.errors import CacheUnavailable
from credicorp_auth.http.secret import SecretBytes
from credicorp_auth.plugin.api import CacheCapabilities, CacheEntry, sound_number
from credicorp_auth.plugin.api.clocks import wall
from credicorp_auth_file.failures import perform
from credicorp_auth_file.folder import LOCK, NEW, Folder
from credicorp_auth_file.lease import LEASE, FileLease, NoLease, is_leased, take_lease
from credicorp_auth_file.options import CacheOptions
from credicorp_auth_file.record import (
    LATEST_TIME,
    LONGEST,
    MAX_PLAUSIBLE_NUMBER,
    MAX_RECORD,
    Record,
    Unreadable,
    build_stem,
    read_record,
)

__all__ = ["CacheOptions", "FileCache"]

_RECORD: Final = ".json"
_RENEWED_WITHIN: Final = 86_400.0  # seconds: the default limit on a token's lifetime
_SWEPT_AT_ONCE: Final = 4  # files checked at each write: more than one, which a write may add


class FileCache:
    """
    A cache in files, for processes of one host and one user.

    Args:
        options: The options; by default, the default of each.

    .. versionadded:: 1.0.0
    """

    def __init__(self, options: CacheOptions | None = None) -> None:
        self._options = options or CacheOptions()
        self._folder = Folder(self._options.directory)

    @property
    def capabilities(self) -> CacheCapabilities:
        """Report that it is shared, has leases and can be listed."""
        return CacheCapabilities(
            shared=True,
            spans_processes=True,
            leases=True,
            lists=True,
            encryption_key=self._options.encryption_key,
        )

    def read(self, key: str, *, timeout: float) -> bytes | None:  # noqa: ARG002 - the port's
        """
        Return the entry, or None if there is none or it has expired.

        Raises:
            CacheUnavailable: The file holds no entry (`cache.corrupt`), must not be trusted
                (`cache.permissions`), or cannot be read (`cache.unavailable`).
        """
        record = perform(self._folder.path, partial(self._read, build_stem(key)))
        return None if record is None else record.entry.reveal()

    def _read(self, stem: str) -> Record | None:
        record = self._find(stem) if self._folder.exists() else None
        if record is Unreadable.CORRUPT:
            raise CacheUnavailable(
                f"the cache's file {stem}{_RECORD} holds no entry",
                code="cache.corrupt",
                hint="nothing to do: the next token replaces it.",
            )
        return record if _is_valid(record) else None

    def write(
        self, key: str, entry: bytes, *, lifetime: float, number: int = 0, timeout: float
    ) -> None:
        """
        Store an entry, unless the existing one has a larger number.

        Args:
            key: Name of the entry.
            entry: The entry.
            lifetime: Seconds to keep it; 0 also removes an older entry of that key.
            number: Number of the lease under which it was minted; 0 replaces any entry.
            timeout: Seconds to wait for the lock of the folder.

        Raises:
            CacheUnavailable: The entry was not stored, and an existing one is unchanged.
        """
        now = wall()
        # With the arguments in this order, NaN becomes 0.
        ends = min(now + max(0.0, min(lifetime, LONGEST)), LATEST_TIME)
        record = Record(key, SecretBytes(entry), sound_number(number), now, ends)
        del entry  # so that no traceback holds it
        perform(self._folder.path, partial(self._write, record, timeout))

    def _write(self, record: Record, timeout: float) -> None:
        content = record.to_bytes()
        if len(content) > MAX_RECORD:
            raise CacheUnavailable("the entry is longer than any that is read back")
        self._folder.make()
        with self._folder.locked(timeout):
            self._put(record, content)
            self._sweep(but={LOCK, f"{build_stem(record.key)}{_RECORD}"})

    def _put(self, record: Record, content: bytes) -> None:
        stem = build_stem(record.key)
        name = f"{stem}{_RECORD}"
        there = self._find(stem)
        if there is Unreadable.NEWER and self._folder.age(name) < _RENEWED_WITHIN:
            raise CacheUnavailable(
                f"the cache's file {name} was written by a later version of credicorp-auth-file",
                code="cache.newer_schema",
                hint="update this service; until then, it mints for itself.",
            )
        if _is_valid(there) and MAX_PLAUSIBLE_NUMBER >= there.number > record.number > 0:
            return
        if _is_valid(record):
            self._folder.put(name, content)
        else:
            self._folder.remove(name)

    def discard(self, key: str, *, expected: bytes | None = None, timeout: float) -> bool:
        """
        Drop the entry of a key.

        Args:
            key: Name of the entry.
            expected: When given, drop only an entry that contains these bytes.
            timeout: Seconds to wait for the lock of the folder.

        Returns:
            Whether an entry was dropped.

        Raises:
            CacheUnavailable: The entry could not be checked or dropped.
        """
        return perform(
            self._folder.path, partial(self._discard, build_stem(key), expected, timeout)
        )

    def _discard(self, stem: str, expected: bytes | None, timeout: float) -> bool:
        if not self._folder.exists():
            return False
        with self._folder.locked(timeout):
            record = self._find(stem)
            is_meant = _is_valid(record) and (expected is None or expected in record.entry.reveal())
            return is_meant and self._folder.remove(f"{stem}{_RECORD}")

    def lease(self, key: str, *, seconds: float, timeout: float) -> FileLease | NoLease:
        """
        Request the lease to mint the token of a key, without waiting for its holder.

        Args:
            key: Name of the entry.
            seconds: Seconds after which the lease expires if it is not renewed.
            timeout: Seconds to wait for the lock of the folder.

        Raises:
            CacheUnavailable: The lock or the lease is not a plain private file
                (`cache.lock_unsafe`), the file system has no locks, or the folder cannot be used.
        """
        return perform(self._folder.path, partial(self._lease, build_stem(key), seconds, timeout))

    def _lease(self, stem: str, seconds: float, timeout: float) -> FileLease | NoLease:
        self._folder.make()
        # Those who wait for the holder of the lease do not compete with it for the lock.
        is_held = partial(is_leased, self._folder, stem, seconds)
        if is_held():
            return NoLease()
        with self._folder.locked(timeout, unless=is_held) as is_locked:
            if not is_locked:
                return NoLease()
            record = self._find(stem)
            above = record.number if _is_valid(record) else 0
            return take_lease(self._folder, stem, seconds=seconds, above=above)

    def entries(self, *, timeout: float) -> list[CacheEntry]:  # noqa: ARG002 - the port's
        """
        List the valid entries, sorted by key.

        Raises:
            CacheUnavailable: The folder cannot be used.
        """
        return perform(self._folder.path, self._entries)

    def _entries(self) -> list[CacheEntry]:
        found = map(self._glance, self._stems() if self._folder.exists() else ())
        now = wall()
        return sorted(
            (
                CacheEntry(each.key, max(now - each.written, 0.0), each.ends - now)
                for each in found
                if _is_valid(each)
            ),
            key=attrgetter("key"),
        )

    def clear(self, *, timeout: float) -> int:
        """
        Drop every entry and lease, and every other file with the name of one.

        Returns:
            The number of entries removed.

        Raises:
            CacheUnavailable: The folder cannot be used.
        """
        return perform(self._folder.path, partial(self._clear, timeout))

    def _clear(self, timeout: float) -> int:
        if not self._folder.exists():
            return 0
        with self._folder.locked(timeout):
            self._folder.remove(NEW)
            for stem in self._stems(LEASE):
                self._folder.remove(f"{stem}{LEASE}")
            return sum(self._folder.remove(f"{stem}{_RECORD}") for stem in self._stems())

    def close(self) -> None:
        """Do nothing: no file is open between two calls. A lease that is held expires."""

    def after_fork(self) -> None:
        """Close the parent's lock in the child, and leave it locked."""
        self._folder.after_fork()

    def _find(self, stem: str) -> Record | Unreadable | None:
        content = self._folder.read(f"{stem}{_RECORD}")
        return None if content is None else read_record(content, stem)

    def _glance(self, stem: str) -> Record | Unreadable | None:
        # A listing skips files that cannot be read; a `read` of that key raises the error.
        with suppress(OSError, CacheUnavailable):
            return self._find(stem)
        return None

    def _stems(self, kind: str = _RECORD) -> list[str]:
        names = self._folder.names()
        stems = [name.removesuffix(kind) for name in names if name.endswith(kind)]
        return [stem for stem in stems if build_stem(stem) == stem]

    def _sweep(self, *, but: set[str]) -> None:
        """Remove what is not needed of a random sample of the files, under the lock."""
        with suppress(OSError):
            names = [each for each in self._folder.names() if each not in but]
            for name in SystemRandom().sample(names, min(_SWEPT_AT_ONCE, len(names))):
                # A file that cannot be checked stays; a `read` of its key raises the error.
                with suppress(OSError, CacheUnavailable):
                    if self._is_unneeded(name):
                        self._folder.remove(name)

    def _is_unneeded(self, name: str) -> bool:
        if name.endswith(LEASE):  # of a process that was killed; others are removed at release
            return self._folder.age(name) > _RENEWED_WITHIN
        if not name.endswith(_RECORD):
            return False
        record = self._find(name.removesuffix(_RECORD))
        return record is not Unreadable.NEWER and not _is_valid(record)


def _is_valid(found: Record | Unreadable | None) -> TypeGuard[Record]:
    return isinstance(found, Record) and found.valid_at(wall())
