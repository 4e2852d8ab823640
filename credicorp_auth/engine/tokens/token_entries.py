"""
Table of token entries by scope, bounded by second-chance eviction (approximate LRU).

Theory of operation. A caller with a fresh token finds its record by the text or the `Scope` that it
names. It only sets the record's mark `asked`, and only if it is not set, so that threads do not
write to the same memory at each call. The table evicts by second chance (the CLOCK algorithm, an
approximation of LRU). Entries stand in a queue. The entry at its head is evicted if its mark is not
set; otherwise the mark is cleared and the entry moves to the end. A new entry is not marked.

Thread safety, with or without a global interpreter lock. There is no lock: a signal handler or a
finaliser may ask for a token between any two instructions. Each step is one atomic operation of a
dict or a deque whose keys are built-in types, and the state of an entry is a cell (see
`single_flight/cell.py`). A mark that is lost to a race costs an entry its second chance, hence at
most one cache read; threads that add entries at once may exceed the bound by their number until the
next entry is added. An evicted entry holds no token. A caller that looked it up just before looks
the scope up again, and so does a call that brings its token; the calls in flight are kept by scope
and not by entry, so that a scope never has two.

Eviction drops the token. The entry itself is kept aside, for up to `max_entries` evicted scopes:
the ids of rejected tokens and the pauses after 401s outlast an eviction.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Final, cast

from attrs import evolve

from credicorp_auth.engine.fork import Process
from credicorp_auth.engine.tokens.entry import EntryState, TokenEntry
from credicorp_auth.engine.tokens.holders import Holders
from credicorp_auth.oauth.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from credicorp_auth.engine.tokens.entry import Held
    from credicorp_auth.engine.tokens.fresh import Fresh
    from credicorp_auth.http.secret import Secret
    from credicorp_auth.oauth.token import AccessToken

_SECOND_CHANCES: Final = 64
"""Entries that may be spared in a row, so that adding one takes a bounded number of steps."""

SPELLINGS: Final = frozenset({str, Scope})
"""Types of scopes that are looked up by themselves; a subclass may redefine equality."""


class TokenEntries:
    """
    Token entries by scope, at most `max_entries` of them.

    The entry of the default scope is never evicted, nor is an entry with a call in flight, even if
    the bound is exceeded.

    Args:
        default: The default scope.
        max_entries: The maximum number of entries; at least 2.
        may_publish: Whether the clocks are those of the system, which the fresh path reads.
        is_under_way: Returns whether a call for a scope is in flight.
    """

    def __init__(
        self,
        default: Scope,
        max_entries: int,
        *,
        may_publish: bool = True,
        is_under_way: Callable[[Scope], bool] = lambda _scope: False,
    ) -> None:
        self.max_entries, self._is_under_way = max_entries, is_under_way
        self._holders: Holders[TokenEntry] = Holders(self.all)
        self._may_publish = may_publish
        self.default = self._new_entry(default)
        self._by_words = {default.words: self.default}
        # By the spelling of their scope; one that has expired leads to its entry.
        self._fresh: dict[object, Fresh[TokenEntry]] = {}
        self._expired = TokenEntry(default, self._holders, may_publish=False).fresh
        self._queue: deque[TokenEntry] = deque()  # all but the default one
        self._evicted: OrderedDict[frozenset[str], TokenEntry] = OrderedDict()
        self._generation = Process.generation

    def _new_entry(self, scope: Scope) -> TokenEntry:
        return TokenEntry(scope, self._holders, may_publish=self._may_publish)

    def __len__(self) -> int:
        return len(self._by_words)

    def all(self) -> list[TokenEntry]:
        """Return all entries of the table."""
        return list(self._by_words.values())

    def fresh_of(self, scope: Scope | str | Iterable[str]) -> Fresh[TokenEntry]:
        """Return the record of a scope, marked as used; an expired one if there is none."""
        fresh = self._fresh.get(scope) if type(scope) in SPELLINGS else None
        if fresh is None:
            return self._expired
        if not fresh.asked:
            fresh.asked = True
        return fresh

    def entry(self, scope: Scope | str | Iterable[str]) -> TokenEntry:
        """
        Return the entry of a scope; add it if missing, mark it as used otherwise.

        Raises:
            InvalidSetting: The scope violates RFC 6749 section 3.3 (`config.scope`).
        """
        fresh = self._fresh.get(scope) if type(scope) in SPELLINGS else None
        if fresh is not None:
            entry: TokenEntry = fresh.entry
        else:
            wanted = scope if isinstance(scope, Scope) else Scope(scope)
            found = self._by_words.get(wanted.words)
            if found is None:
                # Not marked: scopes that are asked for once must not evict those in use.
                return self._add(wanted)
            entry = found
        if not entry.fresh.asked:
            entry.fresh.asked = True
        return entry

    def known(self, scope: Scope | str | Iterable[str]) -> TokenEntry | None:
        """Return the entry of a scope, or None; do not mark it as used."""
        return self._by_words.get((scope if isinstance(scope, Scope) else Scope(scope)).words)

    def current(self, entry: TokenEntry) -> TokenEntry:
        """Return the entry of a scope, given one that may have been evicted since."""
        return self.place(entry.scope) if entry.state.get().is_evicted else entry

    def place(self, scope: Scope) -> TokenEntry:
        """Return the entry of a scope; add it if missing; do not mark it as used."""
        return self._by_words.get(scope.words) or self._add(scope)

    def hold(self, scope: Scope, held: Held) -> EntryState:
        """Hold a token in the entry that its scope has now; return the entry's state before."""
        while True:
            before, after = self.place(scope).hold(held)
            if not after.is_evicted:
                return before

    def publish(
        self, entry: TokenEntry, held: Held, scope: Scope | str | Iterable[str] | None
    ) -> None:
        """
        Let callers find a fresh token by the spelling of its scope that this caller has used.

        Args:
            entry: The entry that holds the token.
            held: The token.
            scope: The caller's spelling; None for the default scope.
        """
        known = (
            None if scope is None or type(scope) not in SPELLINGS else cast("str | Scope", scope)
        )
        record = held.record(entry)
        if entry.fresh is record and (known is None or self._fresh.get(known) is record):
            return
        record.asked = entry.fresh.asked
        if not entry.publish(held):
            return
        if known is not None:
            entry.change(lambda state: state.known_as(known))
        keys = entry.state.get().keys
        for key in keys:
            self._fresh.pop(key, None)  # so that the key is the very object that a caller has
            self._fresh[key] = record
        if entry.state.get().is_evicted:
            for key in keys:
                self._fresh.pop(key, None)

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

    def _add(self, scope: Scope) -> TokenEntry:
        self._make_room()
        candidate = self._evicted.pop(scope.words, None) or self._new_entry(scope)
        candidate.change(_restored)
        entry = self._by_words.setdefault(scope.words, candidate)
        if entry is candidate:
            self._queue.append(entry)
        return entry

    def _make_room(self) -> None:
        """Evict until there is room for one more; in at most twice `_SECOND_CHANCES` steps."""
        if self._generation != Process.generation:
            # A thread of the parent may have been moving an entry.
            self._generation = Process.generation
            self._queue = deque(each for each in self.all() if each is not self.default)
        for step in range(2 * _SECOND_CHANCES):
            if len(self._by_words) < self.max_entries:
                return
            try:
                entry = self._queue.popleft()
            except IndexError:
                return
            spared = entry.fresh.asked and step < _SECOND_CHANCES
            entry.fresh.asked = False
            if spared or self._is_under_way(entry.scope):
                self._queue.append(entry)
            else:
                self._evict(entry)

    def _evict(self, entry: TokenEntry) -> None:
        # In this order: an entry that is in the table is never marked as evicted.
        self._by_words.pop(entry.scope.words, None)
        before, _ = entry.change(EntryState.evicted)
        for key in before.keys:
            self._fresh.pop(key, None)
        self._evicted[entry.scope.words] = entry
        if len(self._evicted) > self.max_entries:
            self._evicted.popitem(last=False)


def _restored(state: EntryState) -> EntryState:
    return evolve(state, is_evicted=False) if state.is_evicted else state
