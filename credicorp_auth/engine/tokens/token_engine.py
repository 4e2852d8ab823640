"""
Token engine: returns the held token, or makes callers wait for the in-flight call.

The fresh path reads two clocks and one record; it takes no lock, calls no hook and does no I/O.
All other decisions are made under the entry's lock; all waits happen outside it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from credicorp_auth.engine.fork import renew_after_fork
from credicorp_auth.engine.single_flight.call import IN_FLIGHT, run_guarded, start_or_run
from credicorp_auth.engine.single_flight.waiter import ThreadWaiter, waiting_task, wake_all
from credicorp_auth.engine.tokens.admission import Admissions, WaitHandle
from credicorp_auth.engine.tokens.bearer_reports import BearerReports
from credicorp_auth.engine.tokens.completion import Completion
from credicorp_auth.engine.tokens.token_entries import TokenEntries
from credicorp_auth.errors import Closed, CredicorpAuthError
from credicorp_auth.lifecycle.obtain import discard_token, obtain_token, refresh_token_entry
from credicorp_auth.lifecycle.runtime import ObtainedToken
from credicorp_auth.oauth.refusal import refuses_client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from credicorp_auth.engine.single_flight.call import InFlightCall
    from credicorp_auth.engine.single_flight.waiter import Waiter
    from credicorp_auth.engine.tokens.entry import Held, TokenEntry
    from credicorp_auth.engine.tokens.runtime import ServerRuntime
    from credicorp_auth.http.secret import Secret
    from credicorp_auth.lifecycle.client import Client
    from credicorp_auth.lifecycle.runtime import TokenRequirements
    from credicorp_auth.lifecycle.windows import Windows
    from credicorp_auth.oauth.scope import RequestedScope, Scope
    from credicorp_auth.oauth.token import AccessToken


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
        self._client = client
        self._runtime = runtime
        self._admissions = Admissions(runtime, timeout)
        self._completion = Completion(client, runtime)
        self._boot = runtime.clock.boot
        self._entries = TokenEntries(client.template.scope, runtime.clock, max_entries)
        runtime.cache.make_room(max_entries)
        self._default = self._entries.default
        self._closed = False
        self.reports = BearerReports(self._entries, runtime, self._discard)
        renew_after_fork(self)

    @property
    def default(self) -> TokenEntry:
        """The entry of the default scope; it is never evicted."""
        return self._default

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
        entry = self._default if scope is None else self._entries.entry(scope)
        wall, boot, fresh_wall, fresh_boot, fresh, _ = entry.fresh
        if wall() < fresh_wall and boot() < fresh_boot:
            return fresh
        handle = self._admit(entry, timeout, ThreadWaiter)
        if not isinstance(handle, WaitHandle):
            return handle
        assert isinstance(handle.waiter, ThreadWaiter)  # noqa: S101 - for type checkers
        try:
            handle.waiter.wait(handle.deadline - self._boot())
        finally:
            self._stop_waiting(handle)
        token = self._conclude(handle)
        return token or self.get_token(scope, timeout=handle.deadline - self._boot())

    async def aget_token(
        self,
        scope: RequestedScope = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - ends this wait, not the shared call
    ) -> AccessToken:
        """Return a usable token, as `get_token` does; await it if none is held."""
        entry = self._default if scope is None else self._entries.entry(scope)
        wall, boot, fresh_wall, fresh_boot, fresh, _ = entry.fresh
        if wall() < fresh_wall and boot() < fresh_boot:
            return fresh
        handle = self._admit(entry, timeout, waiting_task)
        if not isinstance(handle, WaitHandle):
            return handle
        assert not isinstance(handle.waiter, ThreadWaiter)  # noqa: S101 - for type checkers
        try:
            await handle.waiter.wait(handle.deadline - self._boot())
        finally:
            self._stop_waiting(handle)
        token = self._conclude(handle)
        return token or await self.aget_token(scope, timeout=handle.deadline - self._boot())

    def _admit(
        self, entry: TokenEntry, timeout: float | None, waits: Callable[[], Waiter]
    ) -> AccessToken | WaitHandle:
        with entry.lock:
            if self._closed:
                raise Closed("the CredicorpAuth is closed")
            evicted = entry.evicted  # since it was looked up
            admission = None if evicted else self._admissions.admit(entry, timeout, waits)
        if admission is None:
            return self._admit(self._entries.entry(entry.scope), timeout, waits)
        if admission.deferred is not None:
            code = admission.deferred.code
            self._runtime.emit("refresh.deferred", code=code, scope=str(entry.scope))
        if admission.call_start is not None:
            if admission.call_start.replaces_lost:
                self._runtime.emit("single_flight.abandoned", scope=str(entry.scope))
            run = partial(
                self._run_call, entry, admission.call_start.call, admission.call_start.requirements
            )
            start_or_run("credicorp-auth single-flight", run)
        return admission.result

    def _run_call(
        self, entry: TokenEntry, call: InFlightCall, requirements: TokenRequirements
    ) -> None:
        IN_FLIGHT.set((*IN_FLIGHT.get(), entry))
        call.progress.begin()
        operation = obtain_token if entry.held is None else refresh_token_entry
        run = partial(operation, self._client, self._runtime, requirements)
        outcome = run_guarded(run, self._runtime.all_secrets)
        if isinstance(outcome, ObtainedToken):
            self._note_eviction(entry, outcome)
        wake_all(self._completion.complete(entry, call, outcome))

    def _note_eviction(self, entry: TokenEntry, obtained: ObtainedToken) -> None:
        """Emit an event for a mint that was needed only because the entry had been evicted."""
        lost_until, entry.lost_until = entry.lost_until, 0.0
        if obtained.mint_seconds is not None and obtained.issued.boot < lost_until:
            max_entries = self._entries.max_entries
            self._runtime.emit("token.evicted", scope=str(entry.scope), max_entries=max_entries)

    @staticmethod
    def _stop_waiting(handle: WaitHandle) -> None:
        with handle.entry.lock:
            if handle.waiter in handle.call.waiters:
                handle.call.waiters.remove(handle.waiter)

    def _conclude(self, handle: WaitHandle) -> AccessToken | None:
        """
        Return a valid token to one waiter, or raise the call's error.

        Return None if the call's token has been dropped or has expired since the call completed,
        and the caller has time left to ask again.
        """
        outcome = handle.call.outcome
        self._runtime.emit(
            "token.waited", scope=str(handle.entry.scope), completed=outcome is not None
        )
        now, held = self._runtime.now(), handle.entry.held
        usable = held if held is not None and held.valid_at(now) else None
        if usable is not None and not self._refuses(outcome):
            if isinstance(outcome, CredicorpAuthError) or outcome is None:
                self._runtime.emit("refresh.deferred", scope=str(handle.entry.scope))
            return usable.token
        if isinstance(outcome, CredicorpAuthError):
            raise outcome.copy()
        if self._closed:
            raise Closed("the CredicorpAuth was closed while a token was being obtained")
        if outcome is not None and now.boot < handle.deadline:
            return None
        raise handle.call.progress.deadline_passed(
            f"no token for client {self._client.client_id!r} at "
            f"{self._runtime.locate_endpoint().url} within the time allowed"
        )

    @staticmethod
    def _refuses(outcome: object) -> bool:
        return isinstance(outcome, CredicorpAuthError) and refuses_client(outcome)

    def invalidate(self, token: AccessToken) -> bool:
        """Drop a token if it is still held; return whether it was."""
        found = self._entries.holding(token)
        if found is None:
            return False
        entry, held = found
        with entry.lock:
            forgotten = entry.forget(held)
            entry.rejections.forget()
        self._runtime.forgive(entry.scope)
        if forgotten:
            self._discard(entry, held)
        return forgotten

    def drop(self, value: Secret) -> None:
        """Drop every held token that has this value."""
        for each in self._entries.held_tokens(value):
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
        found = self._entries.holding(token)
        return None if found is None else found[1].windows

    def forget_secrets(self) -> None:
        """Drop cached secrets and all recorded refusals."""
        self._runtime.credentials.forget()
        self._runtime.forgive(None)

    def close(self) -> None:
        """Drop the tokens, wake all waiters with `Closed`, close the adapters; idempotent."""
        if self._closed:
            return
        self._closed = True
        for entry in self._entries.all():
            with entry.lock:
                entry.drop()
                waiters = [] if entry.call is None else entry.call.waiters
                entry.call = None
            wake_all(waiters)
        self._runtime.close()

    def after_fork(self) -> None:
        """Keep the tokens in the forked child; drop what belongs to the parent's threads."""
        self._entries.after_fork()
        self._runtime.after_fork()
