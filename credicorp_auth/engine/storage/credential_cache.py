"""
Cache of the client's credentials, refreshed ahead of expiry and used while stale on errors.

Cached credentials are used for five minutes. In the second half of that time, and shortly before
the expiry that the source states, they are read again in the background. So a rotation is seen
before the old secret expires, and a slow source delays no caller. If the source cannot be read for
now, the cached credentials stay in use, for at most an hour and never past their expiry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from credicorp_auth.engine.adapter_call import call_adapter
from credicorp_auth.engine.single_flight.thread import start_thread
from credicorp_auth.errors import AdapterBroken, CredicorpAuthError, SecretUnavailable
from credicorp_auth.http.secret import Secret
from credicorp_auth.lifecycle.client import ClientCredentials
from credicorp_auth.plugin.api import FetchedSecret
from credicorp_auth.plugin.api.credential import read_credential
from credicorp_auth.plugin.api.late_lock import LateLock

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.engine.clock import Clock
    from credicorp_auth.plugin.api import Provider, SecretSource

SECRET_SECONDS: Final = 300.0
"""Seconds that a secret is used before its source must be read again."""

STALE_SECONDS: Final = 3600.0
"""Maximum age in seconds of a secret that is used while its source cannot be read."""

_AHEAD_OF_EXPIRY: Final = 30.0  # seconds
_RECHECK: Final = 30.0  # seconds between readings of a source that cannot be read


class _Kept(NamedTuple):
    """
    Cached credentials.

    Args:
        credentials: The credentials that were read.
        read_at: Boot-clock time at which the read began.
        reading: The serial number of that read.
        refresh_at: Epoch seconds from which the source should be read again, or None.
    """

    credentials: ClientCredentials
    read_at: float
    reading: int
    refresh_at: float | None = None


class CredentialCache:
    """
    Reads credentials from their source, one read at a time, and caches them.

    Args:
        source: The secret source adapter.
        provider: The adapter's provider, named in messages.
        client_id: The OAuth client id from the settings; None if the source supplies it.
        clock: The wall clock and the boot clock.
    """

    def __init__(
        self, source: SecretSource, provider: Provider, client_id: str | None, clock: Clock
    ) -> None:
        self.source = source
        self.emit: Callable[..., None] = lambda *_args, **_fields: None
        self.provider = provider
        self._client_id = client_id
        self._clock = clock
        self._lock = LateLock()
        self._kept: _Kept | None = None
        self._next_look = 0.0
        self._readings = 0  # begun so far
        self._forgotten = 0  # readings begun when `forget` was last called
        self.times_forgotten = 0

    def fetch(self, *, past_cache: bool) -> ClientCredentials:
        """
        Return the credentials.

        Args:
            past_cache: True to read the source even if the cached credentials are still usable.

        Raises:
            SecretUnavailable: The source lacks the credentials, or cannot be read now.
        """
        kept = self._kept
        if not past_cache and kept is not None and self._serves(kept, SECRET_SECONDS):
            is_due = kept.refresh_at is not None and self._clock.wall() >= kept.refresh_at
            if is_due or not self._serves(kept, SECRET_SECONDS / 2, ahead=_AHEAD_OF_EXPIRY):
                self._look_ahead()
            return kept.credentials
        begun = self._readings
        # Calls wait for one read; callers with a valid token never come here.
        with self._lock.current():
            kept = self._kept
            if kept is not None and (
                kept.reading > begun  # another call's read began after this call asked
                or (not past_cache and self._serves(kept, SECRET_SECONDS))
            ):
                return kept.credentials
            return self._read_or_use_cached(kept, past_cache=past_cache)

    def known(self) -> tuple[Secret, ...]:
        """Return the cached secrets; read nothing."""
        kept = self._kept
        held = [] if kept is None else [kept.credentials, kept.credentials.fallback]
        return tuple(each.client_secret for each in held if each is not None)

    def accept_version(self, credentials: ClientCredentials) -> None:
        """Prefer the version that the server accepts; keep the other one as its fallback."""
        kept = self._kept
        if kept is not None and kept.credentials.version != credentials.version:
            other = kept.credentials._replace(fallback=None)
            self._kept = kept._replace(credentials=credentials._replace(fallback=other))

    def forget(self) -> None:
        """Clear the cache: the next call reads the source."""
        # Without the lock, which a slow read may hold: one assignment is atomic.
        self._forgotten = self._readings
        self.times_forgotten += 1
        self._kept = None
        self._next_look = 0.0

    def _serves(self, kept: _Kept, seconds: float, *, ahead: float = 0.0) -> bool:
        expires_at = kept.credentials.expires_at
        if expires_at is not None and self._clock.wall() + ahead >= expires_at:
            return False
        return self._clock.boot() < kept.read_at + seconds

    def _look_ahead(self) -> None:
        """Read a rotating source in the background; report a failure as an event."""
        now = self._clock.boot()
        if now < self._next_look or not self.source.capabilities.rotates:
            return
        self._next_look = now + _RECHECK
        if not start_thread("credicorp-auth secret", self._read_ahead):
            self._next_look = now  # no background read: the call that finds it too old reads it

    def _read_ahead(self) -> None:
        with self._lock.current():
            try:
                self._read()
            except CredicorpAuthError as error:
                self.emit("secret.stale", code=error.code)

    def _read_or_use_cached(self, kept: _Kept | None, *, past_cache: bool) -> ClientCredentials:
        now = self._clock.boot()
        if past_cache or kept is None or not self._serves(kept, STALE_SECONDS):
            return self._read()
        if now < self._next_look:
            return kept.credentials
        try:
            return self._read()
        except CredicorpAuthError as error:
            if not error.retryable:
                raise
            code = error.code
        self._next_look = now + _RECHECK
        self.emit("secret.stale", code=code)
        return kept.credentials

    def _read(self) -> ClientCredentials:
        """Read the source and cache the result, unless `forget` was called meanwhile."""
        self._readings += 1
        reading, now = self._readings, self._clock.boot()
        names = ("client_secret",) if self._client_id else ("client_id", "client_secret")
        fetched = self.fetch_fields(names)
        fallback = None if fetched.fallback is None else self._credentials(fetched.fallback, names)
        credentials = self._credentials(fetched, names)._replace(fallback=fallback)
        if reading > self._forgotten:
            self._kept = _Kept(credentials, now, reading, fetched.refresh_at)
        self.emit("secret.fetched", client_id=credentials.client_id)
        return credentials

    def fetch_fields(self, names: tuple[str, ...]) -> FetchedSecret:
        """
        Read fields from the source, bypassing the cache.

        Raises:
            SecretUnavailable: The source lacks the fields, or cannot be read now.
        """
        try:
            return call_adapter(
                self.provider,
                lambda: self.source.fetch(names, timeout=self.source.capabilities.timeout),
                expected=FetchedSecret,
                stage="secrets.fetch",
                secrets=self.known,
            )
        except AdapterBroken as broken:
            fault, cause = broken.message, broken.__cause__
        raise SecretUnavailable(
            fault, code="secret.plugin_error", hint="fix or update the secret source's adapter."
        ) from cause

    def _credentials(self, fetched: FetchedSecret, names: tuple[str, ...]) -> ClientCredentials:
        secrets = {name: self._credential(fetched, name) for name in names}
        client_id = self._client_id or secrets["client_id"].reveal()
        return ClientCredentials(
            client_id,
            secrets["client_secret"],
            fetched.version,
            fetched.expires_at,
            is_local=self.source.capabilities.local,
        )

    def _credential(self, fetched: FetchedSecret, name: str) -> Secret:
        found = read_credential(self.field(fetched, name))
        if isinstance(found, Secret):
            return found
        hint = f"store the {name} and nothing else where the source reads it."
        raise found.error(f"secret source {self.provider} has a {name} that", hint=hint)

    def field(self, fetched: FetchedSecret, name: str) -> Secret:
        """
        Return one field of a fetched secret.

        Raises:
            SecretUnavailable: The field is missing or empty.
        """
        value = fetched.fields.get(name)
        if isinstance(value, Secret) and value.reveal().strip():
            return value
        problem = "missing" if value is None else "empty"
        raise SecretUnavailable(
            f"secret source {self.provider} has no {name}: it is {problem}",
            code=f"secret.{problem}",
            hint=f"store a {name} where the source reads it.",
        )
