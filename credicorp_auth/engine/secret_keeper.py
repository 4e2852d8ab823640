"""The client's credentials, read when needed and kept in memory for a while."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from credicorp_auth.engine.adapter_call import call_adapter
from credicorp_auth.errors import AdapterBroken, SecretUnavailable
from credicorp_auth.lifecycle.client import ClientCredentials
from credicorp_auth.oauth.secret import Secret
from credicorp_auth.ports import FetchedSecret

if TYPE_CHECKING:
    from credicorp_auth.engine.clock import Clock
    from credicorp_auth.ports import Provider, SecretSource

SECRET_SECONDS: Final = 300.0
"""How long a secret is kept in memory before its source is asked again."""


class SecretKeeper:
    """
    Reads credentials from their source, one reader at a time, and keeps them for five minutes.

    Args:
        source: Where they are.
        provider: Its name, for messages.
        client_id: The id from the settings; None where the source supplies it.
        clock: The engine's clock.
    """

    def __init__(
        self, source: SecretSource, provider: Provider, client_id: str | None, clock: Clock
    ) -> None:
        self.source = source
        self._provider = provider
        self._client_id = client_id
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: tuple[ClientCredentials, float] | None = None

    def fetch(self, *, past_cache: bool) -> tuple[ClientCredentials, bool]:
        """
        Return the credentials, and whether the source was read for them.

        Args:
            past_cache: Read the source even if what is kept could still serve.

        Raises:
            SecretUnavailable: The source does not have them, or cannot be read now.
        """
        with self._lock:  # flights wait for one read; callers with a living token never come here
            if not past_cache and (kept := self._still_kept()):
                return kept, False
            read = self._read()
            self._kept = (read, self._clock.boot() + SECRET_SECONDS)
            return read, True

    def forget(self) -> None:
        """Drop what is kept: the next flight reads the source."""
        # Without the lock, which a slow read may hold: one assignment is atomic.
        self._kept = None

    def after_fork(self) -> None:
        """Drop the lock, which may belong to a thread of the parent."""
        self._lock = threading.Lock()

    def _still_kept(self) -> ClientCredentials | None:
        if self._kept is None:
            return None
        credentials, until = self._kept
        outlived = credentials.expires_at is not None and (
            self._clock.wall() >= credentials.expires_at
        )
        return None if outlived or self._clock.boot() >= until else credentials

    def _read(self) -> ClientCredentials:
        names = ("client_secret",) if self._client_id else ("client_id", "client_secret")
        try:
            fetched = call_adapter(
                self._provider, lambda: self.source.fetch(names), expected=FetchedSecret
            )
        except AdapterBroken as broken:
            fault = broken.what
        else:
            secrets = {name: self._field(fetched, name) for name in names}
            client_id = self._client_id or secrets["client_id"].reveal()
            return ClientCredentials(
                client_id, secrets["client_secret"], fetched.version, fetched.expires_at
            )
        raise SecretUnavailable(
            fault, code="secret.plugin_error", cure="mend or update the secret source's adapter."
        )

    def _field(self, fetched: FetchedSecret, name: str) -> Secret:
        value = fetched.fields.get(name)
        if isinstance(value, Secret) and value.reveal().strip():
            return value
        problem = "missing" if value is None else "empty"
        raise SecretUnavailable(
            f"secret source {self._provider} has no {name}: it is {problem}",
            code=f"secret.{problem}",
            cure=f"store a {name} where the source reads it.",
        )
