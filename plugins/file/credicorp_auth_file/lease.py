"""
Lease to mint for all processes that share the folder: a small file beside the entry.

It names its holder and the time of its last renewal, and is read and replaced under the lock of the
folder. A holder that hangs loses it when the time is over; one that has ended, at once.
"""

from __future__ import annotations

import json
import os
from functools import partial
from typing import TYPE_CHECKING, Final

from attrs import asdict, evolve, frozen

from credicorp_auth.errors import CacheUnavailable
from credicorp_auth.plugin.api import LeaseState
from credicorp_auth.plugin.api.clocks import monotonic, wall
from credicorp_auth_file.failures import perform
from credicorp_auth_file.process import Process, identify
from credicorp_auth_file.record import MAX_PLAUSIBLE_NUMBER, is_count, is_time, parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth_file.folder import Folder

LEASE: Final = ".lease"
_OWNER_BYTES: Final = 16


@frozen
class StoredLease:
    """
    The content of a lease file.

    Args:
        number: Number of the lease.
        owner: Random text that distinguishes this lease from any other.
        renewed: Time of the last renewal in epoch seconds.
        holder: The process that holds it; None if the system does not tell.
    """

    number: int
    owner: str
    renewed: float
    holder: Process | None

    def is_held(self, seconds: float) -> bool:
        """Return whether it was renewed within these seconds by a process that has not ended."""
        # A renewal in the future was before the wall clock was set back; it does not count.
        if not -seconds <= wall() - self.renewed < seconds:
            return False
        return self.holder is None or not self.holder.has_ended()

    def to_bytes(self) -> bytes:
        """Return the content of the file."""
        return json.dumps(asdict(self), separators=(",", ":")).encode("ascii")


def read_lease(folder: Folder, name: str) -> StoredLease | None:
    """
    Read a lease file; None if there is none, or its content is no lease.

    Raises:
        CacheUnavailable: It is not a plain private file (`cache.lock_unsafe`).
    """
    members = parse(folder.read(name, code="cache.lock_unsafe") or b"")
    number, owner, renewed = members.get("number"), members.get("owner"), members.get("renewed")
    if not (is_count(number) and isinstance(owner, str) and is_time(renewed)):
        return None
    return StoredLease(number, owner, renewed, _read_process(members.get("holder")))


def _read_process(members: object) -> Process | None:
    match members:
        case {"pid": int(pid), "started": int(started), "boot": str(boot), "namespace": str(place)}:
            # Other numbers than these mean a group of processes, or all of them.
            return Process(pid, started, boot, place) if pid > 0 else None
        case _:
            return None


class NoLease:
    """Null lease: another process holds it."""

    state = LeaseState.HELD
    number = 0

    def renew(self, *, timeout: float) -> bool:  # noqa: ARG002 - the port's
        """Return False: there is no lease to renew."""
        return False

    def release(self, *, timeout: float) -> None:
        """Do nothing: there is no lease to release."""


class FileLease:
    """
    A lease that was acquired. The copy that the child of a fork has is none.

    Args:
        folder: The folder.
        name: Name of the lease file.
        stored: Its content.
        seconds: Seconds after which it expires.
    """

    state = LeaseState.ACQUIRED

    def __init__(self, folder: Folder, name: str, stored: StoredLease, seconds: float) -> None:
        self._folder = folder
        self._name = name
        self._stored = stored
        self._seconds = seconds
        self._until = monotonic() + seconds
        self._pid = os.getpid()
        self.number = stored.number

    def renew(self, *, timeout: float) -> bool:
        """
        Restart its time, unless another process has taken over; return whether it is still held.

        If the file cannot be reached, it is held until its time is over.
        """
        began = monotonic()
        try:
            holds = self._change(self._prolong, timeout)
        except CacheUnavailable:
            return began < self._until
        self._until = began + self._seconds if holds else began
        return holds

    def release(self, *, timeout: float) -> None:
        """Remove the file if it is still ours; if it cannot be reached, the lease expires."""
        try:
            self._change(self._remove, timeout)
        except CacheUnavailable:
            return

    def _change(self, change: Callable[[], object], timeout: float) -> bool:
        return os.getpid() == self._pid and perform(
            self._folder.path, partial(self._change_own, change, timeout)
        )

    def _change_own(self, change: Callable[[], object], timeout: float) -> bool:
        if not self._folder.exists():
            return False
        with self._folder.locked(timeout):
            found = read_lease(self._folder, self._name)
            is_ours = found is not None and found.owner == self._stored.owner
            if is_ours:
                change()
        return is_ours

    def _prolong(self) -> None:
        self._folder.put(self._name, evolve(self._stored, renewed=wall()).to_bytes())

    def _remove(self) -> None:
        self._folder.remove(self._name)


def is_leased(folder: Folder, stem: str, seconds: float) -> bool:
    """Return whether the lease of a key is held; see `take_lease`. It needs no lock."""
    found = read_lease(folder, f"{stem}{LEASE}")
    return found is not None and found.is_held(seconds)


def take_lease(folder: Folder, stem: str, *, seconds: float, above: int) -> FileLease | NoLease:
    """
    Request the lease of a key once, under the lock of the folder.

    Args:
        folder: The folder.
        stem: File name of the key, without suffix.
        seconds: Seconds without a renewal after which the holder counts as hung.
        above: A number that the new one must exceed.

    Raises:
        CacheUnavailable: The lease file is not a plain private file (`cache.lock_unsafe`).
    """
    name = f"{stem}{LEASE}"
    found = read_lease(folder, name)
    if found and found.is_held(seconds):
        return NoLease()
    now = wall()
    known = [above, found.number if found else 0]
    # Never behind the clock in microseconds, so that it grows also if the files are lost.
    following = (each + 1 for each in known if each <= MAX_PLAUSIBLE_NUMBER)
    number = max(int(now * 1_000_000), *following)
    stored = StoredLease(number, os.urandom(_OWNER_BYTES).hex(), now, identify(os.getpid()))
    folder.put(name, stored.to_bytes())
    return FileLease(folder, name, stored, seconds)
