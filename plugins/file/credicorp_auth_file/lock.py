"""Kernel file locks, which are freed when their holder dies; a file's existence is no lock."""

from __future__ import annotations

import errno
import os
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, TypeVar

from credicorp_auth.errors import CacheUnavailable
from credicorp_auth_file.failures import refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from credicorp_auth_file.folder import Folder
    from credicorp_auth_file.operations import Operations

T = TypeVar("T")

FOLDER_LOCK: Final = "lock"
_UNSAFE: Final = frozenset({errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.ENODEV})


class LockFile:
    """
    An open file that may be locked. The lock belongs to the file, not to its name.

    Any thread may close the descriptor, and the system may then reuse its number. So every use
    of it holds the guard.

    Args:
        descriptor: Descriptor of the open file.
        path: Path under which it was opened.
        system: The operating system calls.
    """

    def __init__(self, descriptor: int, path: str, system: Operations) -> None:
        self._descriptor: int | None = descriptor
        self._path = path
        self._system = system
        self._guard = threading.Lock()

    def _use(self, work: Callable[[int], T], otherwise: T) -> T:
        with self._guard:
            return otherwise if self._descriptor is None else work(self._descriptor)

    def take(self) -> bool:
        """Lock the file without blocking; return whether this object holds the lock."""
        return self._use(self._system.lock, otherwise=False)

    def is_at(self, folder: Folder, name: str) -> bool:
        """Return whether this is still the file of that name."""
        found = folder.find(name)
        return found is not None and self._use(
            lambda descriptor: os.path.samestat(found, self._system.fstat(descriptor)),
            otherwise=False,
        )

    def heartbeat(self) -> None:
        """Set the file's modification time to now, as a heartbeat."""
        now, system = self._system.wall(), self._system
        # Without POSIX, `utime` takes no descriptor, and an open file keeps its path.
        self._use(
            lambda descriptor: system.utime(descriptor if system.posix else self._path, (now, now)),
            None,
        )

    def last_heartbeat(self) -> float:
        """Return the time of the last heartbeat in epoch seconds."""
        return self._use(lambda descriptor: self._system.fstat(descriptor).st_mtime, 0.0)

    def read(self, size: int) -> bytes:
        """Return the first bytes of the file."""
        return self._use(lambda descriptor: self._system.pread(descriptor, size, 0), b"")

    def write(self, content: bytes) -> None:
        """Write bytes at the start of the file."""
        self._use(lambda descriptor: self._system.pwrite(descriptor, content, 0), 0)

    def give_back(self) -> None:
        """Unlock it, also in child processes that inherited it, and close it."""
        with self._guard:
            descriptor, self._descriptor = self._descriptor, None
            if descriptor is not None:
                with suppress(OSError):  # file systems without locks; closing unlocks too
                    self._system.unlock(descriptor)
                self._system.close(descriptor)

    def abandon(self) -> None:
        """Close it in a forked child, and leave it locked: the lock is the parent's."""
        self._guard = threading.Lock()
        self._use(self._system.close, None)
        self._descriptor = None


class Locks:
    """
    The open lock files, and the lock of the folder.

    Args:
        system: The operating system calls.
    """

    def __init__(self, system: Operations) -> None:
        self._system = system
        self._open: set[LockFile] = set()

    def open(self, folder: Folder, name: str) -> LockFile:
        """
        Open a lock file, and create it if it does not exist.

        Raises:
            CacheUnavailable: It is not a plain private file (`cache.lock_unsafe`).
        """
        try:
            descriptor = folder.open(name)
        except OSError as failure:
            if failure.errno not in _UNSAFE:
                raise
            descriptor = None
        if descriptor is None:
            raise refuse(f"{folder.path}/{name}", "is not a plain file", code="cache.lock_unsafe")
        file = self.keep(descriptor, f"{folder.path}/{name}")
        try:
            folder.check(name, descriptor, code="cache.lock_unsafe")
        except BaseException:
            self.give_back(file)
            raise
        return file

    def keep(self, descriptor: int, path: str) -> LockFile:
        """Register an open file for `after_fork` and `close`."""
        file = LockFile(descriptor, path, self._system)
        self._open.add(file)
        return file

    def give_back(self, file: LockFile) -> None:
        """Unlock and close a file."""
        self._open.discard(file)
        file.give_back()

    @contextmanager
    def held(self, folder: Folder, timeout: float) -> Generator[None]:
        """
        Hold the lock of the folder, which makes a check and the change after it atomic.

        Raises:
            CacheUnavailable: The lock was not free within `timeout` seconds: its holder hangs.
        """
        file = self._take(folder, timeout)
        try:
            yield
        finally:
            self.give_back(file)

    def _take(self, folder: Folder, timeout: float) -> LockFile:
        given_up_at = self._system.monotonic() + timeout
        pause = 0.0005
        while True:
            file = self.open(folder, FOLDER_LOCK)
            try:
                # A cleanup may have removed the file that was opened; others then lock a new one.
                if file.take() and file.is_at(folder, FOLDER_LOCK):
                    return file
            except BaseException:
                self.give_back(file)
                raise
            self.give_back(file)
            if self._system.monotonic() >= given_up_at:
                raise CacheUnavailable(
                    f"the lock of the cache in {ascii(folder.path)[1:-1]} is held for too long",
                    hint="find the process that hangs while it has the cache's lock open.",
                    retryable=True,
                )
            self._system.sleep(pause)
            pause = min(pause * 2, 0.02)

    def close(self) -> None:
        """Unlock and close all lock files."""
        for file in list(self._open):
            self.give_back(file)

    def after_fork(self) -> None:
        """Close the parent's files in the child, and leave them locked."""
        for file in self._open:
            file.abandon()
        self._open = set()
