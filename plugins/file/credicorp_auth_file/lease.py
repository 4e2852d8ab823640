"""
Lease to mint for all processes of the host: a locked file with a heartbeat.

The kernel frees the lock of a holder that died, so its successor need not wait. A holder that
hangs keeps the lock, but its heartbeat stops: one successor then replaces the file with a locked
file of its own. Acquiring, renewing and taking over happen under the lock of the folder, so that
no takeover happens between a check and the action on it. Releasing needs no lock: it unlocks a
file that is the holder's own, under any name.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final

from attrs import frozen

from credicorp_auth.errors import CacheUnavailable
from credicorp_auth.plugin.api import LeaseState
from credicorp_auth_file.folder import open_folder
from credicorp_auth_file.record import MAX_PLAUSIBLE_NUMBER

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
    The outcome of a lease request.

    Args:
        state: Whether it was acquired, is held by another process, or failed.
        number: Its number; 0 if it was not acquired.
        holding: The lock file; None if it was not acquired.
    """

    state: LeaseState
    number: int = 0
    holding: Holding | None = None

    def renew(self, *, timeout: float) -> bool:
        """Send a heartbeat; return whether the lease is still held."""
        return self.holding is not None and self.holding.renew(timeout)

    def release(self, *, timeout: float) -> None:  # noqa: ARG002 - the port's
        """Release the lease; a successor's file is a different one and stays locked."""
        if self.holding is not None:
            self.holding.release()


@frozen(eq=False)
class Holding:
    """
    A lock file that this process holds, and its location.

    Args:
        path: Path of the folder.
        name: The file's name in it.
        file: The lock file.
        locks: The lock files of this cache.
        system: The operating system calls.
    """

    path: str
    name: str
    file: LockFile
    locks: Locks
    system: Operations

    def renew(self, timeout: float) -> bool:
        """Send a heartbeat; return False if the lease was lost, or that cannot be checked."""
        try:
            with open_folder(self.path, self.system) as folder, self.locks.held(folder, timeout):
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
    Request the lease of a key once, under the lock of the folder.

    Args:
        folder: The folder.
        locks: The lock files of this cache.
        stem: File name of the key, without suffix.
        seconds: Seconds without a heartbeat after which the holder counts as hung.
        above: A number that the new one must exceed.

    Returns:
        The lease; `FAILED` if its holder hangs and cannot be replaced, as on Windows.
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
    if not folder.system.posix:  # the file cannot be replaced while its holder has it open
        return FileLease(LeaseState.FAILED)
    return _take_over(folder, locks, name, number)


def _is_alive(folder: Folder, file: LockFile, seconds: float) -> bool:
    # A heartbeat from the future was sent before the wall clock was set back; it is ignored.
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
    known = [each for each in (last, above) if each <= MAX_PLAUSIBLE_NUMBER]
    microseconds = int(folder.system.wall() * 1_000_000)
    return max([microseconds, *(each + 1 for each in known)])


def _build_lease(folder: Folder, locks: Locks, name: str, file: LockFile, number: int) -> FileLease:
    file.write(b"%0*d" % (_DIGITS, number))
    file.heartbeat()
    holding = Holding(folder.path, name, file, locks, folder.system)
    return FileLease(LeaseState.ACQUIRED, number, holding)
