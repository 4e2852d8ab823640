"""
Private folder of the cache: safety checks, atomic replacement, and the lock for changes.

The folder is checked at each operation, a file after it was opened. As no other user can write to
the folder, nothing in it is swapped between a check and the use of its path.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from filelock import lock_descriptor, unlock_descriptor

from credicorp_auth.errors import CacheUnavailable
from credicorp_auth.plugin.api.clocks import monotonic, wall
from credicorp_auth_file.failures import refuse
from credicorp_auth_file.record import MAX_RECORD

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

LOCK: Final = "lock"
NEW: Final = "new.tmp"  # one name is enough: files are written under the lock

_ROOT: Final = 0

# Windows has O_BINARY alone of these, and neither owners nor modes.
_FLAGS: Final = ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY")
_SAFELY: Final[int] = sum(getattr(os, each, 0) for each in _FLAGS)  # each is a bit of its own
_OPENS_LINKS: Final = not hasattr(os, "O_NOFOLLOW")
_USER: Final[Any] = getattr(os, "geteuid", None)

# Errors of opening what is no plain file.
_SPECIAL: Final = frozenset({errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.ENODEV})

# Seconds to wait before each retry: Windows does not replace a file while it is being read.
_PAUSES: Final = (0.01, 0.02, 0.04, 0.08, 0.08)
_FIRST_PAUSE: Final = 0.0005  # seconds until the lock is tried again; doubled each time
_LONGEST_PAUSE: Final = 0.02


class Folder:
    """
    The folder of a cache.

    Args:
        path: Its absolute path.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._place = Path(path)
        self._parents = self._place.parents[::-1]
        self._locks: set[int] = set()

    def exists(self) -> bool:
        """
        Return whether it exists, after checks that only this user can write to it.

        Raises:
            CacheUnavailable: It must not be used (`cache.permissions`).
        """
        try:
            self._check()
        except FileNotFoundError:
            return False
        return True

    def make(self) -> None:
        """Create it, and its missing parents, with mode 0700, unless it exists; check it."""
        if not self.exists():
            self._make()
            self._check()

    def _check(self) -> None:
        for parent in self._parents if _USER else ():
            # In a folder that many users may write to, a link in the path may be an attack.
            above = parent.lstat()
            if stat.S_ISLNK(above.st_mode) and above.st_uid not in {_ROOT, _USER()}:
                raise refuse(str(parent), f"is a symbolic link of user {above.st_uid}")
        found = self._place.lstat()
        if is_link(found) or not stat.S_ISDIR(found.st_mode):
            raise refuse(self.path, "is a link, or no folder")
        if not _USER:
            return
        if found.st_uid != _USER():
            raise refuse(self.path, f"belongs to user {found.st_uid}")
        if found.st_mode & 0o022:
            mode = stat.S_IMODE(found.st_mode)
            raise refuse(self.path, f"has mode {mode:04o}, so others can put files there")

    def _make(self) -> None:
        for above, each in pairwise((*self._parents, self._place)):
            if each.exists():
                continue
            if _USER and (owner := above.stat().st_uid) not in {_ROOT, _USER()}:
                # Such as root in a user's home: the user would then find files owned by root.
                raise refuse(str(above), f"belongs to user {owner}, so no folder is made in it")
            with suppress(FileExistsError):
                each.mkdir(0o700)

    def read(self, name: str, *, code: str = "cache.permissions") -> bytes | None:
        """
        Return the content of a file, up to one byte more than a record may have.

        None if the file does not exist.

        Args:
            name: Its name.
            code: Code of the error.

        Raises:
            CacheUnavailable: It is not a plain file of this user, or others can use it.
        """
        try:
            descriptor = self._open(name, os.O_RDONLY, code)
        except FileNotFoundError:
            return None
        try:
            size = os.fstat(descriptor).st_size
            return os.read(descriptor, min(size, MAX_RECORD) + 1)
        finally:
            os.close(descriptor)

    def _open(self, name: str, flags: int, code: str) -> int:
        path = self._place / name
        if _OPENS_LINKS:
            with suppress(FileNotFoundError):
                if is_link(path.lstat()):
                    raise refuse(str(path), "is a link", code=code)
        try:
            descriptor = os.open(path, flags | _SAFELY, 0o600)
        except OSError as failure:
            if failure.errno not in _SPECIAL:
                raise
            raise refuse(str(path), "is not a plain file", code=code) from None
        if fault := _find_fault(os.fstat(descriptor)):
            os.close(descriptor)
            raise refuse(str(path), fault, code=code)
        return descriptor

    def put(self, name: str, content: bytes) -> None:
        """Write a file with mode 0600, and replace any file of that name, under the lock."""
        new = self._place / NEW
        self.remove(NEW)  # that of a process which was killed
        try:
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFELY, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            replace(new, self._place / name)
        except OSError:
            with suppress(OSError):
                self.remove(NEW)
            raise

    def names(self) -> list[str]:
        """List the names of all files in it."""
        with os.scandir(self.path) as found:
            return [each.name for each in found]

    def age(self, name: str) -> float:
        """Return the seconds since a file was written, or, if that is in the future, until then."""
        return abs(wall() - (self._place / name).lstat().st_mtime)

    def remove(self, name: str) -> bool:
        """Remove a file, or a link but not its target; return whether it existed."""
        try:
            (self._place / name).unlink()
        except FileNotFoundError:
            return False
        return True

    @contextmanager
    def locked(self, timeout: float, *, unless: Callable[[], bool] = bool) -> Generator[bool]:
        """
        Hold the lock of the folder, which makes a check and the change after it atomic.

        The system frees it if this process dies.

        Args:
            timeout: Seconds to wait for it.
            unless: Returns whether it is not needed any more; asked whenever it was not free.

        Yields:
            Whether it is held; False if it is not needed any more.

        Raises:
            CacheUnavailable: It was not free in time, so its holder hangs; or its file is not a
                plain private file (`cache.lock_unsafe`).
        """
        descriptor = self._take_lock(timeout, unless)
        if descriptor is None:
            yield False
            return
        self._locks.add(descriptor)
        try:
            yield True
        finally:
            # The other way round, a child forked in between could close a file of its own.
            self._locks.discard(descriptor)
            try:
                unlock_descriptor(descriptor)  # also for a child that has inherited it
            finally:
                os.close(descriptor)

    def _take_lock(self, timeout: float, unless: Callable[[], bool]) -> int | None:
        given_up_at, pause = monotonic() + timeout, _FIRST_PAUSE
        while (descriptor := self._try_lock()) is None and not unless():
            if monotonic() >= given_up_at:
                raise CacheUnavailable(
                    f"the lock of the cache in {ascii(self.path)[1:-1]} is held for too long",
                    hint="find the process that hangs while it has the cache's lock open.",
                    retryable=True,
                )
            time.sleep(pause)  # looked up when called: gevent and eventlet replace it
            pause = min(pause * 2, _LONGEST_PAUSE)
        return descriptor

    def _try_lock(self) -> int | None:
        descriptor = self._open(LOCK, os.O_RDWR | os.O_CREAT, "cache.lock_unsafe")
        try:
            # Others do not see a file that was removed meanwhile; they lock a new one.
            if lock_descriptor(descriptor, blocking=False) and os.fstat(descriptor).st_nlink:
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        return None

    def after_fork(self) -> None:
        """Close the parent's lock in the child, and leave it locked."""
        while self._locks:
            os.close(self._locks.pop())


def is_link(found: os.stat_result) -> bool:
    """Return whether it is a link, or one of the other reparse points of Windows, as junctions."""
    attributes = getattr(found, "st_file_attributes", 0)
    return stat.S_ISLNK(found.st_mode) or bool(attributes & stat.FILE_ATTRIBUTE_REPARSE_POINT)


def _find_fault(found: os.stat_result) -> str | None:
    if not stat.S_ISREG(found.st_mode):
        return "is not a plain file"
    if _USER and found.st_uid != _USER():
        return f"belongs to user {found.st_uid}"
    if _USER and found.st_mode & 0o077:
        return f"has mode {stat.S_IMODE(found.st_mode):04o}, so others can use it"
    # A link count of 0 is fine: the file was replaced while it was open.
    return "has several names" if found.st_nlink > 1 else None


def replace(old: Path, new: Path) -> None:
    """Rename a file, and replace any other; try again for a while if the system refuses it."""
    for pause in _PAUSES:
        with suppress(PermissionError):
            old.replace(new)
            return
        time.sleep(pause)
    old.replace(new)
