"""Cache of entries in files of a private folder, shared by the processes of one host."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Final, TypeGuard

from credicorp_auth.errors import CacheUnavailable
from credicorp_auth.http.secret import SecretBytes
from credicorp_auth.plugin.api import CacheCapabilities, CacheEntry, LeaseState, sound_number
from credicorp_auth_file.failures import perform
from credicorp_auth_file.folder import TEMPORARY, make_folder, open_folder
from credicorp_auth_file.lease import NO_LOCKS, FileLease, take_lease
from credicorp_auth_file.leftovers import RECORD, sweep
from credicorp_auth_file.lock import Locks
from credicorp_auth_file.operations import SYSTEM
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

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from credicorp_auth_file.folder import Folder
    from credicorp_auth_file.operations import Operations

__all__ = ["CacheOptions", "FileCache"]

_RENEWED_WITHIN: Final = 86_400.0  # seconds: the default limit on a token's lifetime


class FileCache:
    """
    A cache in files, for processes of one host and one user.

    Args:
        options: The options; by default, the default of each.
        system: The operating system calls; tests pass fakes.

    .. versionadded:: 1.0.0
    """

    def __init__(self, options: CacheOptions | None = None, *, system: Operations = SYSTEM) -> None:
        self._options = options or CacheOptions()
        self._system = system
        self._locks = Locks(system)

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
        record = perform(self._options.directory, partial(self._read, key))
        return None if record is None else record.entry.reveal()

    def _read(self, key: str) -> Record | None:
        stem = build_stem(key)
        try:
            with self._opened() as folder:
                record = _find(folder, stem)
        except FileNotFoundError:
            return None
        if record is Unreadable.CORRUPT:
            raise CacheUnavailable(
                f"the cache's file {stem}{RECORD} holds no entry",
                code="cache.corrupt",
                hint="nothing to do: the next token replaces it.",
            )
        return record if self._is_valid(record) else None

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
            timeout: Seconds that it may take in all.

        Raises:
            CacheUnavailable: The entry was not stored, and an existing one is unchanged.
        """
        now = self._system.wall()
        # With the arguments in this order, NaN becomes 0.
        ends = min(now + max(0.0, min(lifetime, LONGEST)), LATEST_TIME)
        record = Record(key, SecretBytes(entry), sound_number(number), now, ends)
        del entry  # so that no traceback holds it
        perform(self._options.directory, partial(self._write, record, timeout))

    def _write(self, record: Record, timeout: float) -> None:
        content = record.to_bytes()
        if len(content) > MAX_RECORD:
            raise CacheUnavailable("the entry is longer than any that is read back")
        make_folder(self._options.directory, self._system)
        with self._opened() as folder:
            with folder.temporary(content) as temporary, self._locks.held(folder, timeout):
                self._put(folder, temporary, record)
            folder.sync()
            sweep(folder, self._locks, timeout)

    def _put(self, folder: Folder, temporary: str, record: Record) -> None:
        name = f"{build_stem(record.key)}{RECORD}"
        there = _find(folder, build_stem(record.key))
        if there is Unreadable.NEWER and self._is_recent(folder, name):
            raise CacheUnavailable(
                f"the cache's file {name} was written by a later version of credicorp-auth-file",
                code="cache.newer_schema",
                hint="update this service; until then, it mints for itself.",
            )
        if self._outranks(there, record):
            return
        if self._is_valid(record):
            folder.rename(temporary, name)
        else:
            folder.remove(name)

    def discard(self, key: str, *, expected: bytes | None = None, timeout: float) -> bool:
        """
        Drop the entry of a key.

        Args:
            key: Name of the entry.
            expected: When given, drop only an entry that contains these bytes.
            timeout: Seconds that it may take in all.

        Returns:
            Whether an entry was dropped.

        Raises:
            CacheUnavailable: The entry could not be checked or dropped.
        """
        return perform(
            self._options.directory, partial(self._discard, build_stem(key), expected, timeout)
        )

    def _discard(self, stem: str, expected: bytes | None, timeout: float) -> bool:
        try:
            with self._opened() as folder, self._locks.held(folder, timeout):
                record = _find(folder, stem)
                is_meant = self._is_valid(record) and (
                    expected is None or expected in record.entry.reveal()
                )
                return is_meant and folder.remove(f"{stem}{RECORD}")
        except FileNotFoundError:
            return False

    def lease(self, key: str, *, seconds: float, timeout: float) -> FileLease:
        """
        Request the lease to mint the token of a key, without waiting for its holder.

        Args:
            key: Name of the entry.
            seconds: Seconds after which the lease expires if it is not renewed.
            timeout: Seconds that it may take in all.

        Returns:
            The lease; `FAILED` if the file system has no locks.

        Raises:
            CacheUnavailable: The lock file is not a plain private file (`cache.lock_unsafe`), or
                the folder cannot be used.
        """
        return perform(
            self._options.directory, partial(self._lease, build_stem(key), seconds, timeout)
        )

    def _lease(self, stem: str, seconds: float, timeout: float) -> FileLease:
        try:
            make_folder(self._options.directory, self._system)
            with self._opened() as folder, self._locks.held(folder, timeout):
                record = _find(folder, stem)
                above = record.number if self._is_valid(record) else 0
                return take_lease(folder, self._locks, stem, seconds=seconds, above=above)
        except OSError as failure:
            if failure.errno not in NO_LOCKS:
                raise
        return FileLease(LeaseState.FAILED)

    def entries(self, *, timeout: float) -> list[CacheEntry]:  # noqa: ARG002 - the port's
        """
        List the valid entries, sorted by key.

        Raises:
            CacheUnavailable: The folder cannot be used.
        """
        return perform(self._options.directory, self._entries)

    def _entries(self) -> list[CacheEntry]:
        try:
            with self._opened() as folder:
                found = [_glance(folder, stem) for stem in _stems(folder)]
        except FileNotFoundError:
            return []
        now = self._system.wall()
        return sorted(
            (
                CacheEntry(each.key, max(now - each.written, 0.0), each.ends - now)
                for each in found
                if self._is_valid(each)
            ),
            key=attrgetter("key"),
        )

    def clear(self, *, timeout: float) -> int:
        """
        Drop every entry, and every other file with an entry's name.

        Returns:
            The number of files removed.

        Raises:
            CacheUnavailable: The folder cannot be used.
        """
        return perform(self._options.directory, partial(self._clear, timeout))

    def _clear(self, timeout: float) -> int:
        try:
            with self._opened() as folder, self._locks.held(folder, timeout):
                for name in folder.names():
                    if name.endswith(TEMPORARY):
                        folder.remove(name)
                return sum(folder.remove(f"{stem}{RECORD}") for stem in _stems(folder))
        except FileNotFoundError:
            return 0

    def close(self) -> None:
        """Release the leases that are held."""
        self._locks.close()

    def after_fork(self) -> None:
        """Close the parent's locks in the child, and leave them locked."""
        self._locks.after_fork()

    def _opened(self) -> AbstractContextManager[Folder]:
        return open_folder(self._options.directory, self._system)

    def _is_valid(self, found: Record | Unreadable | None) -> TypeGuard[Record]:
        return isinstance(found, Record) and found.valid_at(self._system.wall())

    def _is_recent(self, folder: Folder, name: str) -> bool:
        # Services that can read it refresh it; one not refreshed for so long is unused.
        found = folder.find(name)
        return found is not None and abs(self._system.wall() - found.st_mtime) < _RENEWED_WITHIN

    def _outranks(self, found: Record | Unreadable | None, record: Record) -> bool:
        return self._is_valid(found) and MAX_PLAUSIBLE_NUMBER >= found.number > record.number > 0


def _find(folder: Folder, stem: str) -> Record | Unreadable | None:
    content = folder.read(f"{stem}{RECORD}")
    return None if content is None else read_record(content, stem)


def _glance(folder: Folder, stem: str) -> Record | Unreadable | None:
    # A listing skips files that cannot be read; a `read` of that key raises the error.
    with suppress(OSError, CacheUnavailable):
        return _find(folder, stem)
    return None


def _stems(folder: Folder) -> list[str]:
    stems = (name.removesuffix(RECORD) for name in folder.names() if name.endswith(RECORD))
    return [stem for stem in stems if build_stem(stem) == stem]
