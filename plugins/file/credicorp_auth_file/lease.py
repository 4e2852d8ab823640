"""
The right to mint for all processes of the host: a locked file that its holder keeps young.

The kernel frees the lock of a holder that died, so its successor need not wait. A holder that
stands still keeps the lock, but leaves no signs of life: one successor then puts a locked file of
its own in place of that one. Whatever asks, renews or takes over does so under the lock of the
folder, so that nobody takes over between another's look and step. Giving back needs no lock: it
unlocks a file that, whatever its name is by now, is only the holder's own.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final

from attrs import frozen

from credicorp_auth.errors import CacheUnavailable
from credicorp_auth.plugin.api import LeaseState
from credicorp_auth_file.folder import open_folder
from credicorp_auth_file.record import MOST_BELIEVED

if TYPE_CHECKING:
    from credicorp_auth_file.folder import Folder
    from credicorp_auth_file.lock import LockFile, Locks
    from credicorp_auth_file.operations import Operations

LEASE: Final = ".lease"
NO_LOCKS: Final = frozenset({errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP})

_DIGITS: Final = 20


@frozen
class FileLease:
    """
    A lease, or the news that another has it.

    Args:
        state: What came of asking.
        number: Its number; 0 where it was not acquired.
        holding: What it holds.
    """

    state: LeaseState
    number: int = 0
    holding: Holding | None = None

    def renew(self) -> bool:
        """Leave a sign of life; return whether it is still ours."""
        return self.holding is not None and self.holding.renew()

    def release(self) -> None:
        """Give it back, once; the file of a successor is another one."""
        if self.holding is not None:
            self.holding.release()


@frozen(eq=False)
class Holding:
    """
    A lock file in our hands, and where it was put.

    Args:
        path: The folder.
        name: The file's name in it.
        file: The file.
        locks: Whose it is.
        system: The operating system.
    """

    path: str
    name: str
    file: LockFile
    locks: Locks
    system: Operations

    def renew(self) -> bool:
        """Leave a sign of life; return False where it was lost, or nobody can tell."""
        try:
            with open_folder(self.path, self.system) as folder, self.locks.held(folder):
                is_ours = self.file.is_at(folder, self.name)
                if is_ours:
                    self.file.heartbeat()
                else:
                    self.release()
                return is_ours
        except (OSError, CacheUnavailable):
            return False

    def release(self) -> None:
        """Unlock and close the file."""
        self.locks.give_back(self.file)


def take_lease(folder: Folder, locks: Locks, stem: str, *, seconds: float, above: int) -> FileLease:
    """
    Ask for the lease of a key, once, under the lock of the folder.

    Args:
        folder: The folder.
        locks: The lock files of this cache.
        stem: The name of the key's files.
        seconds: Without a sign of life for so long, the holder stands still.
        above: A number that the new one must exceed.
    """
    name = f"{stem}{LEASE}"
    file = locks.open(folder, name)
    try:
        if file.take():
            return _build_lease(folder, locks, name, file, _next_number(folder, file, above))
        if _is_alive(folder, file, seconds):
            locks.give_back(file)
            return FileLease(LeaseState.HELD)
        number = _next_number(folder, file, above)
    except BaseException:
        locks.give_back(file)
        raise
    locks.give_back(file)
    return _take_over(folder, locks, name, number)


def _is_alive(folder: Folder, file: LockFile, seconds: float) -> bool:
    # A sign from the future was left before the wall clock was set back: it says nothing.
    silent_for = folder.system.wall() - file.last_heartbeat()
    return -seconds <= silent_for < seconds


def _take_over(folder: Folder, locks: Locks, name: str, number: int) -> FileLease:
    with folder.temporary(b"") as temporary:
        file = locks.open(folder, temporary)
        try:
            file.take()
            lease = _build_lease(folder, locks, name, file, number)
            folder.rename(temporary, name)
        except BaseException:
            locks.give_back(file)
            raise
    return lease


def _next_number(folder: Folder, file: LockFile, above: int) -> int:
    kept = file.read(_DIGITS)
    last = int(kept) if len(kept) == _DIGITS and kept.isdigit() else 0
    known = [each for each in (last, above) if each <= MOST_BELIEVED]
    microseconds = int(folder.system.wall() * 1_000_000)
    return max([microseconds, *(each + 1 for each in known)])


def _build_lease(folder: Folder, locks: Locks, name: str, file: LockFile, number: int) -> FileLease:
    file.write(b"%0*d" % (_DIGITS, number))
    file.heartbeat()
    holding = Holding(folder.path, name, file, locks, folder.system)
    return FileLease(LeaseState.ACQUIRED, number, holding)
