"""
Token engine: returns the held token, or makes callers wait for the in-flight call.

A caller without a fresh record (see `fresh.py`) follows one protocol: decide, join the call, wait,
look at what came. Nothing here holds a lock.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, cast

from attrs import evolve

from credicorp_auth.engine.fork import renew_after_fork
from credicorp_auth.engine.single_flight.calls import SingleFlight
from credicorp_auth.engine.single_flight.driver import adrive, drive
from credicorp_auth.engine.single_flight.in_flight import InFlightCall, run_guarded
from credicorp_auth.engine.single_flight.thread import start_or_run
from credicorp_auth.engine.tokens.admission import Admissions, Decision, UnderWay
from credicorp_auth.engine.tokens.bearer_reports import BearerReports
from credicorp_auth.engine.tokens.completion import Completion
from credicorp_auth.engine.tokens.entry import Held
from credicorp_auth.engine.tokens.rejections import Rejections
from credicorp_auth.engine.tokens.token_entries import TokenEntries
from credicorp_auth.errors import Closed, CredicorpAuthError
from credicorp_auth.lifecycle.obtain import discard_token, obtain_token, refresh_token_entry
from credicorp_auth.lifecycle.runtime import TokenRequirements
from credicorp_auth.oauth.refusal import refuses_client
from credicorp_auth.oauth.token import MINTED

if TYPE_CHECKING:
    from collections.abc import Generator, Hashable, Iterable

    from credicorp_auth.engine.single_flight.driver import Wait
    from credicorp_auth.engine.tokens.entry import TokenEntry
    from credicorp_auth.engine.tokens.runtime import ServerRuntime
    from credicorp_auth.http.secret import Secret
    from credicorp_auth.lifecycle.client import Client
    from credicorp_auth.lifecycle.windows import Windows
    from credicorp_auth.oauth.scope import RequestedScope, Scope
    from credicorp_auth.oauth.token import AccessToken

RECHECK: Final = 2.0
"""Seconds between cache reads while the endpoint must not be asked."""


class TokenEngine:
    """
    Holds one token for each scope, with at most one in-flight call for each.

    Args:
        client: The client that tokens are obtained for.
        runtime: The runtime that performs I/O.
        timeout: Seconds that a call may take in all.
        max_entries: The maximum number of scopes whose tokens are held at once.
    """

    def __init__(
        self, client: Client, runtime: ServerRuntime, *, timeout: float, max_entries: int
    ) -> None:
        self._client, self._runtime, self._timeout = client, runtime, timeout
        self._admissions = Admissions(runtime)
        self._completion = Completion(client, runtime)
        self._calls: SingleFlight[Held] = SingleFlight(
            "single-flight", runtime.clock, timeout, keep=self._keep, note_lost=self._note_lost
        )
        self.entries = TokenEntries(
            client.template.scope,
            max_entries,
            may_publish=runtime.clock.is_of_system,
            is_under_way=self._is_under_way,
        )
        runtime.cache.make_room(max_entries)
        self._default = self.entries.default
        self.reports = BearerReports(self.entries, runtime, self._discard)
        renew_after_fork(self)

    def get_token(
        self, scope: RequestedScope = None, *, timeout: float | None = None
    ) -> AccessToken:
        """
        Return a usable token; block this thread if none is held.

        Args:
            scope: The scope of the token; None for the default scope.
            timeout: The longest wait in seconds; None for the call timeout.

        Raises:
            CredicorpAuthError: No token could be obtained within the timeout.
        """
        return drive(self._obtain(scope, timeout))

    async def aget_token(
        self,
        scope: RequestedScope = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - ends this wait, not the shared call
    ) -> AccessToken:
        """Return a usable token, as `get_token` does; await it if none is held."""
        return await adrive(self._obtain(scope, timeout))

    def _obtain(
        self, scope: RequestedScope, timeout: float | None
    ) -> Generator[Wait, None, AccessToken]:
        """Protocol of a caller that found no fresh record."""
        entry = self._default if scope is None else self.entries.entry(scope)
        seconds = self._timeout if timeout is None else min(timeout, self._timeout)
        deadline = self._runtime.now().boot + seconds
        asked_again = False
        decision = self._decide(entry, deadline)
        while decision.waits:
            joined = self._join(entry, deadline, cache_only=decision.cache_only)
            if isinstance(joined, InFlightCall):
                yield joined, min(deadline, joined.deadline) - self._runtime.now().boot
                token = self._conclude(entry, joined, deadline, asked_again=asked_again)
                if token is not None:
                    return token
                asked_again |= joined.outcome is not None
                entry = self.entries.current(entry)
                joined = self._decide(entry, deadline)
            decision = joined
        return self._follow(decision, entry, scope, deadline)

    def _decide(self, entry: TokenEntry, deadline: float) -> Decision:
        if self._calls.is_closed:
            raise Closed("the CredicorpAuth is closed")
        scope, find = entry.scope, self._calls.find
        full, cache_only = (find((scope.words, each)) is not None for each in (False, True))
        calls = UnderWay(full, cache_only, self._calls.is_inside(scope))
        now, state = self._runtime.now(), entry.state.get()
        return self._admissions.decide(scope, state, now, deadline, calls)

    def _follow(
        self, decision: Decision, entry: TokenEntry, scope: RequestedScope, deadline: float
    ) -> AccessToken:
        """Return the token of a decision, or raise its error."""
        held, error = decision.held, decision.error
        if held is None:
            assert error is not None  # noqa: S101 - for type checkers: it does not wait
            raise error
        if error is not None:
            self._runtime.emit("refresh.deferred", code=error.code, scope=str(entry.scope))
        if decision.refreshes:
            self._join(entry, deadline, cache_only=False, refreshes=True)
        if decision.is_fresh:
            self.entries.publish(entry, held, scope)
        return held.token

    def _join(
        self, entry: TokenEntry, deadline: float, *, cache_only: bool, refreshes: bool = False
    ) -> InFlightCall[Held] | Decision:
        """Return the call for a token, or a decision that makes it superfluous."""

        def instead() -> Decision | None:
            again = self._decide(self.entries.current(entry), deadline)
            needs_it = again.refreshes if refreshes else again.waits
            return None if needs_it and again.cache_only == cache_only else again

        make = partial(self._run_call, entry, cache_only=cache_only)
        key = (entry.scope.words, cache_only)
        return self._calls.join(key, make, instead, subject=entry.scope)

    def _run_call(
        self, entry: TokenEntry, call: InFlightCall[Held], *, cache_only: bool
    ) -> Held | CredicorpAuthError:
        entry = self.entries.current(entry)
        now = self._runtime.now().boot
        if cache_only:
            entry.change(lambda state: evolve(state, next_recheck=now + RECHECK))
        state = entry.state.get()
        requirements = TokenRequirements(
            entry.scope,
            call.deadline,
            newer_than=None if state.held is None else state.held.issuance,
            rejected=frozenset(state.rejected),
            refusal=self._runtime.recall().refusal_of(entry.scope, now),
            cache_only=cache_only,
        )
        operation = obtain_token if state.held is None else refresh_token_entry
        run = partial(operation, self._client, self._runtime, requirements)
        outcome = run_guarded(run, self._runtime.all_secrets)
        return self._completion.complete(entry, outcome)

    def _keep(
        self, call: InFlightCall[Held], outcome: Held | CredicorpAuthError
    ) -> Held | CredicorpAuthError:
        if isinstance(outcome, Held):
            scope = cast("Scope", call.mark.subject)
            before = self.entries.hold(scope, outcome)
            minted = outcome.token.provenance.source == MINTED
            if minted and outcome.windows.issued.boot < before.lost_until:
                # The mint was needed only because the entry had been evicted.
                most = self.entries.max_entries
                self._runtime.emit("token.evicted", scope=str(scope), max_entries=most)
        return outcome

    def _note_lost(self, key: Hashable) -> None:
        words, cache_only = cast("tuple[frozenset[str], bool]", key)
        if not cache_only:
            self._runtime.emit("single_flight.abandoned", scope=" ".join(sorted(words)))

    def _is_under_way(self, scope: Scope) -> bool:
        return any(self._calls.find((scope.words, each)) for each in (False, True))

    def _conclude(
        self, entry: TokenEntry, call: InFlightCall[Held], deadline: float, *, asked_again: bool
    ) -> AccessToken | None:
        """
        Return a valid token to one waiter, or raise the call's error.

        Return None if there is time to ask again: the call was lost, or its token was dropped or
        has expired since. After a second call, a token that was dropped is returned.
        """
        outcome = call.outcome
        entry = self.entries.current(entry)
        scope = str(entry.scope)
        self._runtime.emit("token.waited", scope=scope, completed=outcome is not None)
        now, held = self._runtime.now(), entry.held
        held = outcome if held is None and asked_again and isinstance(outcome, Held) else held
        usable = held if held is not None and held.valid_at(now) else None
        if usable is not None and not _refuses(outcome):
            if not isinstance(outcome, Held):
                self._runtime.emit("refresh.deferred", scope=scope)
            return usable.token
        if isinstance(outcome, CredicorpAuthError):
            raise outcome.copy()
        if self._calls.is_closed:
            raise Closed("the CredicorpAuth was closed while a token was being obtained")
        if now.boot < deadline and not call.is_under_way(now.boot):
            return None
        raise call.progress.deadline_passed(
            f"no token for client {self._client.client_id!r} at "
            f"{self._runtime.locate_endpoint().url} within the time allowed"
        )

    def invalidate(self, token: AccessToken) -> bool:
        """Drop a token if it is still held; return whether it was."""
        found = self.entries.holding(token)
        if found is None:
            return False
        entry, held = found
        before, after = entry.change(
            lambda state: evolve(state.without(held), rejections=Rejections())
        )
        forgotten = before.held is held and after.held is None
        self._runtime.forgive(entry.scope)
        if forgotten:
            self._discard(entry, held)
        return forgotten

    def drop(self, value: Secret) -> None:
        """Drop every held token that has this value."""
        for each in self.entries.held_tokens(value):
            self.invalidate(each)

    def withdraw(self, value: Secret, scopes: Iterable[Scope]) -> None:
        """Drop a token from the cache under the default scope and the given scopes."""
        from credicorp_auth.lifecycle.revoke import withdraw_token  # noqa: PLC0415 - few programs revoke

        wanted = {self._default.scope, *scopes}
        withdraw_token(self._client, self._runtime, value, wanted)

    def _discard(self, entry: TokenEntry, held: Held) -> None:
        self._runtime.emit("token.invalidated", scope=str(entry.scope))
        discard = partial(discard_token, self._client, self._runtime, entry.scope, held.record_id)
        start_or_run("credicorp-auth discard", partial(self._completion.attempt, discard))

    @property
    def keeps_between_processes(self) -> bool:
        """Whether the cache keeps a token after this process has ended."""
        return self._runtime.cache.spans_processes

    def windows_of(self, token: AccessToken) -> Windows | None:
        """Return the windows of a held token; None if it is no longer held."""
        found = self.entries.holding(token)
        return None if found is None else found[1].windows

    def forget_secrets(self) -> None:
        """Drop cached secrets and all recorded refusals."""
        self._runtime.credentials.forget()
        self._runtime.forgive(None)

    def close(self) -> None:
        """Drop the tokens, wake all waiters with `Closed`, close the adapters; idempotent."""
        if not self._calls.close():
            return
        for entry in self.entries.all():
            entry.change(lambda state: evolve(state, held=None, is_closed=True))
        self._runtime.close()

    def after_fork(self) -> None:
        """Drop what belongs to the parent's adapters in the forked child; keep the tokens."""
        self._runtime.after_fork()


def _refuses(outcome: object) -> bool:
    return isinstance(outcome, CredicorpAuthError) and refuses_client(outcome)
