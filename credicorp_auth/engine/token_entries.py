"""
Table of token entries: one for each scope; if there are too many, the least recently used goes.

Theory of operation. A caller with a fresh token takes no lock. It only sets the entry's mark
`used`, and only if it is not set, so that threads do not write to the same memory at each call. The
table evicts by second chance (the CLOCK algorithm, an approximation of LRU): entries stand in a
queue; the one at its head goes if it was not used since it was looked at last, or since it was
added, else its mark is cleared and it moves to the end.

Why this is right under threads, with or without a global interpreter lock: storing a bool in a slot
is one atomic write, and only the order of eviction depends on it. A mark that is lost to a race
costs an entry its second chance, hence at most one reading of the cache. Everything about tokens is
decided under the entry's own lock: an entry is evicted only while nobody holds that lock and no
flight is under way, and is marked as evicted; a caller that found it a moment before sees that
under the same lock and looks the scope up again. So no flight ever starts for an entry that is not
in the table, and a scope never has two.

The table's own lock guards adding and evicting. It is reentrant, because a signal handler may ask
for a token on the thread that holds it; each step is one atomic operation of a dict or a deque.

What is evicted is the token. The entry itself, without it, is kept aside for as many scopes again:
which tokens were rejected, and how long 401s must not cost another mint, outlasts an eviction.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Final

from credicorp_auth.engine.slot import Holders, Slot
from credicorp_auth.oauth.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from credicorp_auth.engine.clock import Clock
    from credicorp_auth.engine.slot import Held
    from credicorp_auth.oauth.secret import Secret
    from credicorp_auth.oauth.token import AccessToken

_SECOND_CHANCES: Final = 64
"""Entries that may be spared in a row, so that adding one takes a bounded number of steps."""

_MAX_TEXTS: Final = 4
"""Spellings of one scope that are remembered."""


class TokenEntries:
    """
    Token entries by scope, at most `max_entries` of them.

    The entry of the default scope always stays. Entries with a flight under way stay, also beyond
    the bound.

    Args:
        default: The default scope.
        clock: The engine's clocks.
        max_entries: Number of entries that hold a token; 2 at least.
    """

    def __init__(self, default: Scope, clock: Clock, max_entries: int) -> None:
        self._clock, self.max_entries = clock, max_entries
        self._holders = Holders()
        self.default = Slot(default, clock, self._holders)
        self._by_scope = {default: self.default}
        self._by_text: dict[str, Slot] = {}
        self._queue: deque[Slot] = deque()  # all but the default one
        self._evicted: OrderedDict[Scope, Slot] = OrderedDict()
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self._by_scope)

    def all(self) -> list[Slot]:
        """Return all entries of the table."""
        return list(self._by_scope.values())

    def entry(self, scope: Scope | str | Iterable[str]) -> Slot:
        """
        Return the entry of a scope, and mark it as used if it was there before.

        Raises:
            InvalidSetting: The scope holds what RFC 6749 section 3.3 forbids (`config.scope`).
        """
        # Only `str` itself: a subclass may have an equality of its own.
        slot = self._by_text.get(scope) if type(scope) is str else None
        if slot is None:
            wanted = scope if isinstance(scope, Scope) else Scope(scope)
            slot = self._by_scope.get(wanted)
            if slot is None:
                # Not marked: scopes that are asked for once must not push out those in use.
                return self._add(wanted)
            if type(scope) is str and len(slot.texts) < _MAX_TEXTS:
                self._remember_text(scope, slot)
        if not slot.asked:
            slot.asked = True
        return slot

    def known(self, scope: Scope | str | Iterable[str]) -> Slot | None:
        """Return the entry of a scope if there is one; it does not count as used for that."""
        slot = self._by_text.get(scope) if type(scope) is str else None
        if slot is not None:
            return slot
        return self._by_scope.get(scope if isinstance(scope, Scope) else Scope(scope))

    def holding(self, token: AccessToken) -> tuple[Slot, Held] | None:
        """Return the entry that holds this very token, and what it holds."""
        for slot in self._holders.find(token.value):
            held = slot.held
            if held is not None and held.token == token:
                return slot, held
        return None

    def held_tokens(self, value: Secret) -> list[AccessToken]:
        """Return the tokens of this value that are held."""
        held = [slot.held for slot in self._holders.find(value)]
        return [each.token for each in held if each is not None and each.token.value == value]

    def _remember_text(self, text: str, slot: Slot) -> None:
        with self._lock:
            if not slot.evicted:
                slot.texts = (*slot.texts, text)
                self._by_text[text] = slot

    def _add(self, scope: Scope) -> Slot:
        with self._lock:
            slot = self._by_scope.get(scope)
            if slot is None:
                self._make_room()
                slot = self._evicted.pop(scope, None) or Slot(scope, self._clock, self._holders)
                slot.evicted = False
                self._by_scope[scope] = slot
                self._queue.append(slot)
            return slot

    def _make_room(self) -> None:
        """Evict until there is room for one more; in at most twice `_SECOND_CHANCES` steps."""
        for step in range(2 * _SECOND_CHANCES):
            if len(self._by_scope) < self.max_entries or not self._queue:
                return
            slot = self._queue.popleft()
            spared = slot.asked and step < _SECOND_CHANCES
            slot.asked = False
            if spared or not self._evict(slot):
                self._queue.append(slot)

    def _evict(self, slot: Slot) -> bool:
        """Take an entry from the table, unless somebody is at it; say whether it is gone."""
        if slot.lock.locked():
            return False  # perhaps by this very thread, which a signal handler interrupted
        with slot.lock:
            if slot.flight is not None and self._clock.boot() < slot.flight.deadline:
                return False
            for text in slot.texts:
                self._by_text.pop(text, None)
            slot.texts = ()
            # In this order: an entry that is in the table is never marked as evicted.
            self._by_scope.pop(slot.scope, None)
            slot.evicted = True
            slot.lost_until = 0.0 if slot.held is None else slot.held.fresh_boot
            slot.drop()
        self._evicted[slot.scope] = slot
        if len(self._evicted) > self.max_entries:
            self._evicted.popitem(last=False)
        return True

    def after_fork(self) -> None:
        """In the child: keep the tokens, drop what belongs to the parent's threads."""
        self._lock = threading.RLock()
        self._holders.after_fork()
        for slot in (*self._by_scope.values(), *self._evicted.values()):
            slot.after_fork()
        # A thread of the parent may have had an entry in its hands.
        self._queue = deque(slot for slot in self._by_scope.values() if slot is not self.default)
