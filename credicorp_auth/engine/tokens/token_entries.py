"""
Table of token entries by scope, bounded by second-chance eviction (approximate LRU).

Theory of operation. A caller with a fresh token takes no lock. It only sets the entry's mark
`asked`, and only if it is not set, so that threads do not write to the same memory at each call.
The table evicts by second chance (the CLOCK algorithm, an approximation of LRU). Entries stand in
a queue. The entry at its head is evicted if its mark is not set; otherwise the mark is cleared and
the entry moves to the end. A new entry is not marked.

Thread safety, with or without a global interpreter lock. Storing a bool in an entry is one atomic
write, and only the order of eviction depends on it. A mark that is lost to a race costs an entry
its second chance, hence at most one cache read. All decisions about tokens are made under the
entry's own lock. An entry is evicted, and marked as evicted, only if that lock is free and no call
is in flight. A caller that looked the entry up just before sees the mark under the same lock and
looks the scope up again. So no call starts for an entry outside the table, and a scope never has
two calls.

The table's own lock guards adding and evicting. It is reentrant, because a signal handler may ask
for a token on the thread that holds it; each step is one atomic operation of a dict or a deque.

Eviction drops the token. The entry itself is kept aside, for up to `max_entries` evicted scopes:
the ids of rejected tokens and the pauses after 401s outlast an eviction.
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
"""Spellings of one scope that are indexed."""


class TokenEntries:
    """
    Token entries by scope, at most `max_entries` of them.

    The entry of the default scope is never evicted, nor is an entry with a call in flight, even if
    the bound is exceeded.

    Args:
        default: The default scope.
        clock: The wall clock and the boot clock.
        max_entries: The maximum number of entries; at least 2.
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
        Return the entry of a scope; add it if missing, mark it as used otherwise.

        Raises:
            InvalidSetting: The scope violates RFC 6749 section 3.3 (`config.scope`).
        """
        # Only `str` itself: a subclass may redefine equality.
        entry = self._by_text.get(scope) if type(scope) is str else None
        if entry is None:
            wanted = scope if isinstance(scope, Scope) else Scope(scope)
            entry = self._by_scope.get(wanted)
            if entry is None:
                # Not marked: scopes that are asked for once must not evict those in use.
                return self._add(wanted)
            if type(scope) is str and len(entry.texts) < _MAX_TEXTS:
                self._remember_text(scope, entry)
        if not entry.asked:
            entry.asked = True
        return entry

    def known(self, scope: Scope | str | Iterable[str]) -> TokenEntry | None:
        """Return the entry of a scope, or None; do not mark it as used."""
        entry = self._by_text.get(scope) if type(scope) is str else None
        if entry is not None:
            return entry
        return self._by_scope.get(scope if isinstance(scope, Scope) else Scope(scope))

    def holding(self, token: AccessToken) -> tuple[TokenEntry, Held] | None:
        """Return the entry that holds a token, and the held token; None if no entry does."""
        for entry in self._holders.find(token.value):
            held = entry.held
            if held is not None and held.token == token:
                return entry, held
        return None

    def held_tokens(self, value: Secret) -> list[AccessToken]:
        """Return the held tokens that have this value."""
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
        """Evict an entry unless it is locked or has a call in flight; return whether it is gone."""
        if entry.lock.locked():
            return False  # waiting might deadlock: a signal handler may run on the locking thread
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
        """Keep the tokens in the forked child; drop what belongs to the parent's threads."""
        self._lock = threading.RLock()
        self._holders.after_fork()
        for entry in (*self._by_scope.values(), *self._evicted.values()):
            entry.after_fork()
        # Rebuild the queue: a thread of the parent may have been moving an entry.
        self._queue = deque(entry for entry in self._by_scope.values() if entry is not self.default)
