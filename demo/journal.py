"""What happened when: the library's own events, and what the demo did to it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from credicorp_auth import Event


@frozen
class Entry:
    """
    Something that happened.

    Args:
        now: Epoch seconds.
        name: An event's name, or what the demo did.
        scope: The scope it was about; empty for none.
        seconds: How long it took; 0 where that makes no sense.
        lifetime: Seconds of life of a minted token.
    """

    now: float
    name: str
    scope: str = ""
    seconds: float = 0.0
    lifetime: float = 0.0


class Journal:
    """
    Keeps what happened, in order.

    Args:
        scope: The scope that the callers use, as a set of words.
    """

    def __init__(self, scope: str) -> None:
        self.scope = " ".join(sorted(scope.split()))
        self.entries: list[Entry] = []
        self.began = time.time()
        self._lock = threading.Lock()
        self._minted = threading.Event()
        self._reported = 0

    def begin(self) -> None:
        """Set the zero of the timeline."""
        self.began = time.time()

    def observe(self, event: Event) -> None:
        """Take note of an event of the library."""
        fields = event.fields
        entry = Entry(
            time.time(),
            event.name,
            str(fields.get("scope") or ""),
            float(fields.get("seconds") or 0.0),
            float(fields.get("lifetime") or 0.0),
        )
        with self._lock:
            self.entries.append(entry)
        if entry.name == "token.minted" and entry.scope == self.scope:
            self._minted.set()

    def note(self, name: str) -> None:
        """Take note of what the demo does."""
        with self._lock:
            self.entries.append(Entry(time.time(), name))

    def sleep_until(self, second: float) -> None:
        """Sleep until so many seconds after the beginning."""
        time.sleep(max(0.0, self.began + second - time.time()))

    def await_mint(self) -> None:
        """Wait for the next token."""
        self._minted.clear()
        self._minted.wait(10)

    def named(self, name: str) -> list[Entry]:
        """Return the entries of that name, of the callers' scope or of none."""
        with self._lock:
            return [
                each
                for each in self.entries
                if each.name == name and each.scope in {"", self.scope}
            ]

    @property
    def mints(self) -> int:
        """How many tokens were minted, for whatever scope."""
        with self._lock:
            return sum(each.name == "token.minted" for each in self.entries)

    def news(self) -> list[str]:
        """Return what the demo did since it was asked last."""
        with self._lock:
            fresh, self._reported = self.entries[self._reported :], len(self.entries)
        told = {"token.minted": "minted", "endpoint.cooldown": "told to wait"}
        return [
            told.get(each.name, each.name)
            for each in fresh
            if each.name in told or "." not in each.name
        ]
