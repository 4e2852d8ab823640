"""Encryption keys of cache entries, read from the secret source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from credicorp_auth.engine.storage.credential_cache import SECRET_SECONDS
from credicorp_auth.engine.storage.encryption import read_encryption_keys
from credicorp_auth.errors import CredicorpAuthError
from credicorp_auth.plugin.api.late_lock import LateLock

if TYPE_CHECKING:
    from credicorp_auth.engine.clock import Clock
    from credicorp_auth.engine.storage.credential_cache import CredentialCache
    from credicorp_auth.http.secret import SecretBytes

_RECHECK: Final = 10.0  # seconds between reads caused by entries of unknown keys


class SourceEncryptionKeys:
    """
    Reads encryption keys from the secret source and caches them.

    Args:
        credentials: The credential cache, which reads the source.
        name: The field of the secret that holds the keys.
        clock: The wall clock and the boot clock.
    """

    def __init__(self, credentials: CredentialCache, name: str, clock: Clock) -> None:
        self._credentials = credentials
        self._name = name
        self._clock = clock
        self._lock = LateLock()
        self._kept: tuple[SecretBytes, ...] = ()
        self._failure: CredicorpAuthError | None = None
        self._read_at = 0.0
        self._times_forgotten = credentials.times_forgotten

    def fetch(self, *, reread: bool = False) -> tuple[SecretBytes, ...]:
        """
        Return the keys, the encrypting one first.

        Args:
            reread: True to reread the keys if the last read is over `_RECHECK` seconds old.

        Raises:
            CredicorpAuthError: No keys are cached, and the source has none or cannot be read.
        """
        with self._lock.current():
            self._forget_with_credentials()
            oldest = _RECHECK if reread or not self._kept else SECRET_SECONDS
            if not self._read_at or self._clock.boot() >= self._read_at + oldest:
                self._read()
            if self._kept or self._failure is None:
                return self._kept
            raise self._failure.copy()

    def _forget_with_credentials(self) -> None:
        """Drop the keys if the credential cache was cleared: both come from the same source."""
        if self._times_forgotten != self._credentials.times_forgotten:
            self._times_forgotten = self._credentials.times_forgotten
            self._kept, self._read_at = (), 0.0

    def _read(self) -> None:
        self._read_at = self._clock.boot()
        try:
            fetched = self._credentials.fetch_fields((self._name,))
            self._kept = read_encryption_keys(self._credentials.field(fetched, self._name))
        except CredicorpAuthError as error:
            # Cached keys stay in use: a key is not wrong because its source is unavailable.
            self._failure = error.with_traceback(None)
