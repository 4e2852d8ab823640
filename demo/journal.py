"""Log of the demo: the library's events and the demo's own actions."""

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
    An entry of the log.

    Args:
        now: Epoch seconds.
        name: The name of an event or of an action of the demo.
        scope: The scope of the token; empty for none.
        seconds: Duration in seconds; 0 if it has none.
        lifetime: Lifetime of a minted token in seconds.
    """

    now: float
    name: str
    scope: str = ""
    seconds: float = 0.0
    lifetime: float = 0.0


class Journal:
    """
    An ordered log of events and actions.

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
        """Record an event of the library."""
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
        """Record an action of the demo."""
        with self._lock:
            self.entries.append(Entry(time.time(), name))

    def sleep_until(self, second: float) -> None:
        """Sleep until this many seconds after the start."""
        time.sleep(max(0.0, self.began + second - time.time()))

    def await_mint(self) -> None:
        """Wait for the next token."""
        self._minted.clear()
        self._minted.wait(10)

    def named(self, name: str) -> list[Entry]:
        """Return the entries of that name, with the callers' scope or none."""
        with self._lock:
            return [
                each
                for each in self.entries
                if each.name == name and each.scope in {"", self.scope}
            ]

    @property
    def mints(self) -> int:
        """The number of tokens minted, for any scope."""
        with self._lock:
            return sum(each.name == "token.minted" for each in self.entries)

    def news(self) -> list[str]:
        """Return the demo's actions since the last call."""
        with self._lock:
            fresh, self._reported = self.entries[self._reported :], len(self.entries)
        reported = {"token.minted": "minted", "endpoint.cooldown": "told to wait"}
        return [
            reported.get(each.name, each.name)
            for each in fresh
            if each.name in reported or "." not in each.name
        ]
