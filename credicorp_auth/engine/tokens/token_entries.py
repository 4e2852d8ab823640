"""
Table of token entries: one for each scope; if there are too many, the least recently used goes.

Theory of operation. A caller with a fresh token takes no lock. It only sets the entry's mark
`used`, and only if it is not set, so that threads do not write to the same memory at each call. The
table evicts by second chance (the CLOCK algorithm, an approximation of LRU): entries stand in a
queue; the one at its head goes if it was not used since it was looked at last, or since it was
added, else its mark is cleared and it moves to the end.

Why this is right under threads, with or without a global interpreter lock: storing a bool in an
entry is one atomic write, and only the order of eviction depends on it. A mark that is lost to a
race costs an entry its second chance, hence at most one reading of the cache. Everything about
tokens is decided under the entry's own lock: an entry is evicted only while nobody holds that lock
and no call is under way, and is marked as evicted; a caller that found it a moment before sees that
under the same lock and looks the scope up again. So no call ever starts for an entry that is not in
the table, and a scope never has two.

The table's own lock guards adding and evicting. It is reentrant, because a signal handler may ask
for a token on the thread that holds it; each step is one atomic operation of a dict or a deque.

What is evicted is the token. The entry itself, without it, is kept aside for as many scopes again:
which tokens were rejected, and how long 401s must not cost another mint, outlasts an eviction.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Final

from credicorp_auth.engine.tokens.entry import Holders, TokenEntry
from credicorp_auth.oauth.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from credicorp_auth.engine.clock import Clock
    from credicorp_auth.engine.tokens.entry import Held
    from credicorp_auth.http.secret import Secret
    from credicorp_auth.oauth.token import AccessToken

_SECOND_CHANCES: Final = 64
"""Entries that may be spared in a row, so that adding one takes a bounded number of steps."""

_MAX_TEXTS: Final = 4
"""Spellings of one scope that are remembered."""


class TokenEntries:
    """
    Token entries by scope, at most `max_entries` of them.

    The entry of the default scope always stays. Entries with a call under way stay, also beyond
    the bound.

    Args:
        default: The default scope.
        clock: The engine's clocks.
        max_entries: Number of entries that hold a token; 2 at least.
    """

    def __init__(self, default: Scope, clock: Clock, max_entries: int) -> None:
        self._clock, self.max_entries = clock, max_entries
        self._holders = Holders()
        self.default = TokenEntry(default, clock, self._holders)
        self._by_scope = {default: self.default}
        self._by_text: dict[str, TokenEntry] = {}
        self._queue: deque[TokenEntry] = deque()  # all but the default one
        self._evicted: OrderedDict[Scope, TokenEntry] = OrderedDict()
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self._by_scope)

    def all(self) -> list[TokenEntry]:
        """Return all entries of the table."""
        return list(self._by_scope.values())

    def entry(self, scope: Scope | str | Iterable[str]) -> TokenEntry:
        """
        Return the entry of a scope, and mark it as used if it was there before.

        Raises:
            InvalidSetting: The scope holds what RFC 6749 section 3.3 forbids (`config.scope`).
        """
        # Only `str` itself: a subclass may have an equality of its own.
        entry = self._by_text.get(scope) if type(scope) is str else None
        if entry is None:
            wanted = scope if isinstance(scope, Scope) else Scope(scope)
            entry = self._by_scope.get(wanted)
            if entry is None:
                # Not marked: scopes that are asked for once must not push out those in use.
                return self._add(wanted)
            if type(scope) is str and len(entry.texts) < _MAX_TEXTS:
                self._remember_text(scope, entry)
        if not entry.asked:
            entry.asked = True
        return entry

    def known(self, scope: Scope | str | Iterable[str]) -> TokenEntry | None:
        """Return the entry of a scope if there is one; it does not count as used for that."""
        entry = self._by_text.get(scope) if type(scope) is str else None
        if entry is not None:
            return entry
        return self._by_scope.get(scope if isinstance(scope, Scope) else Scope(scope))

    def holding(self, token: AccessToken) -> tuple[TokenEntry, Held] | None:
        """Return the entry that holds this very token, and what it holds."""
        for entry in self._holders.find(token.value):
            held = entry.held
            if held is not None and held.token == token:
                return entry, held
        return None

    def held_tokens(self, value: Secret) -> list[AccessToken]:
        """Return the tokens of this value that are held."""
        held = [entry.held for entry in self._holders.find(value)]
        return [each.token for each in held if each is not None and each.token.value == value]

    def _remember_text(self, text: str, entry: TokenEntry) -> None:
        with self._lock:
            if not entry.evicted:
                entry.texts = (*entry.texts, text)
                self._by_text[text] = entry

    def _add(self, scope: Scope) -> TokenEntry:
        with self._lock:
            entry = self._by_scope.get(scope)
            if entry is None:
                self._make_room()
                entry = self._evicted.pop(scope, None) or TokenEntry(
                    scope, self._clock, self._holders
                )
                entry.evicted = False
                self._by_scope[scope] = entry
                self._queue.append(entry)
            return entry

    def _make_room(self) -> None:
        """Evict until there is room for one more; in at most twice `_SECOND_CHANCES` steps."""
        for step in range(2 * _SECOND_CHANCES):
            if len(self._by_scope) < self.max_entries or not self._queue:
                return
            entry = self._queue.popleft()
            spared = entry.asked and step < _SECOND_CHANCES
            entry.asked = False
            if spared or not self._evict(entry):
                self._queue.append(entry)

    def _evict(self, entry: TokenEntry) -> bool:
        """Take an entry from the table, unless somebody is at it; say whether it is gone."""
        if entry.lock.locked():
            return False  # perhaps by this very thread, which a signal handler interrupted
        with entry.lock:
            if entry.call is not None and self._clock.boot() < entry.call.deadline:
                return False
            for text in entry.texts:
                self._by_text.pop(text, None)
            entry.texts = ()
            # In this order: an entry that is in the table is never marked as evicted.
            self._by_scope.pop(entry.scope, None)
            entry.evicted = True
            entry.lost_until = 0.0 if entry.held is None else entry.held.fresh_boot
            entry.drop()
        self._evicted[entry.scope] = entry
        if len(self._evicted) > self.max_entries:
            self._evicted.popitem(last=False)
        return True

    def after_fork(self) -> None:
        """In the child: keep the tokens, drop what belongs to the parent's threads."""
        self._lock = threading.RLock()
        self._holders.after_fork()
        for entry in (*self._by_scope.values(), *self._evicted.values()):
            entry.after_fork()
        # A thread of the parent may have had an entry in its hands.
        self._queue = deque(entry for entry in self._by_scope.values() if entry is not self.default)
