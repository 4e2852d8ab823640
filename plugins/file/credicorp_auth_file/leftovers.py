"""Cleanup of expired records, partially written files and leases of unused keys."""

from __future__ import annotations

from contextlib import suppress
from random import SystemRandom
from typing import TYPE_CHECKING, Final

from credicorp_auth.errors import CacheUnavailable
from credicorp_auth_file.folder import TEMPORARY
from credicorp_auth_file.lease import LEASE
from credicorp_auth_file.record import Record, Unreadable, read_record

if TYPE_CHECKING:
    from credicorp_auth_file.folder import Folder
    from credicorp_auth_file.lock import Locks

RECORD: Final = ".json"

_AT_ONCE: Final = 16  # files checked at each write: bounds the work in a full folder
_TORN_AFTER: Final = 600.0  # seconds: a file is written in milliseconds
_FORGOTTEN_AFTER: Final = 7 * 86_400.0  # seconds


def sweep(folder: Folder, locks: Locks, timeout: float) -> None:
    """Check a random sample of the folder's files, and remove those that are not needed."""
    with suppress(OSError):
        names = folder.names()
        for name in SystemRandom().sample(names, min(_AT_ONCE, len(names))):
            # A file that cannot be checked stays; a `read` of its key raises the error.
            with suppress(OSError, CacheUnavailable):
                if _is_done_with(folder, name):
                    _remove(folder, locks, name, timeout)


def _is_done_with(folder: Folder, name: str) -> bool:
    now = folder.system.wall()
    if name.endswith(RECORD):
        stem = name.removesuffix(RECORD)
        record = read_record(folder.read(name) or b"", stem)
        if isinstance(record, Record):
            return record.ends <= now
        return record is not Unreadable.NEWER
    found = folder.find(name)
    age = 0.0 if found is None else now - found.st_mtime
    if name.endswith(TEMPORARY):
        return age > _TORN_AFTER
    return name.endswith(LEASE) and age > _FORGOTTEN_AFTER


def _remove(folder: Folder, locks: Locks, name: str, timeout: float) -> None:
    with locks.held(folder, timeout):
        if not _is_done_with(folder, name):
            return
        if not name.endswith(LEASE):
            folder.remove(name)
            return
        lease = locks.open(folder, name)
        try:
            is_free = lease.take()
        finally:
            locks.give_back(lease)
        # Closed first: Windows removes no open file. None takes it, as the folder is locked.
        if is_free:
            folder.remove(name)
