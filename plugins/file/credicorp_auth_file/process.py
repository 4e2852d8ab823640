"""Identity of a process, by which others on the host tell that it has ended."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Final

from attrs import frozen

_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE: Final = Path("/proc/self/ns/pid")
_ENDED: Final = frozenset("ZX")  # states of a process that its parent has not waited for


@frozen
class Process:
    """
    A process of a Linux system.

    Args:
        pid: Its id.
        started: Its start, in clock ticks after boot: an id is used again, at another time.
        boot: Id of the boot, which differs between hosts.
        namespace: The namespace of process ids, which differs between containers.
    """

    pid: int
    started: int
    boot: str
    namespace: str

    def has_ended(self) -> bool:
        """Return whether it has ended; False if that cannot be told from here."""
        here = identify(os.getpid())
        if here is None or (here.boot, here.namespace) != (self.boot, self.namespace):
            return False
        try:
            os.kill(self.pid, 0)
            _, state, started = _read_status(str(self.pid))
        except ProcessLookupError:
            return True
        except (OSError, OverflowError):  # /proc may hide processes, even those of this user
            return False
        return state in _ENDED or started != self.started


@lru_cache(maxsize=1)
def identify(pid: int) -> Process | None:
    """
    Return the identity of this process; None if the system does not tell it, as Windows.

    Args:
        pid: Its id. It differs in the child of a fork, for which the result is not reused.
    """
    try:
        shown, _, started = _read_status("self")
        boot, namespace = _BOOT.read_text("ascii").strip(), str(_NAMESPACE.readlink())
    except (OSError, ValueError):
        return None
    # /proc may be that of another namespace of process ids.
    return Process(pid, started, boot, namespace) if shown == pid else None


def _read_status(name: str) -> tuple[int, str, int]:
    # The name in parentheses may hold spaces and parentheses itself.
    pid, _, rest = Path(f"/proc/{name}/stat").read_bytes().partition(b" (")
    fields = rest.rpartition(b") ")[2].split()
    return int(pid), fields[0].decode(), int(fields[19])
