"""
Adapters for tests: real implementations of the ports, with switches and a common notebook.

They are not mocks: each does what its port promises, in memory, and writes one line for each thing
it was asked.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from credicorp_auth.oauth.http import HttpResponse
from credicorp_auth.oauth.secret import Secret
from credicorp_auth.ports import (
    CacheCapabilities,
    FetchedSecret,
    SecretSourceCapabilities,
    TransportCapabilities,
)
from credicorp_auth.testing.scripted_world import token_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from credicorp_auth.errors import CredicorpAuthError
    from credicorp_auth.oauth.http import HttpRequest


class _Adapter:
    """What the stand-ins have in common: a notebook, and nothing to close."""

    def __init__(self, notebook: list[str] | None = None) -> None:
        self.notebook = [] if notebook is None else notebook
        self.closed = False

    def close(self) -> None:
        """Take note of having been closed."""
        self.closed = True

    def after_fork(self) -> None:
        """Nothing belongs to the parent."""


class ScriptedTransport(_Adapter):
    """
    Gives scripted answers, in order; when they run out, tokens that count up.

    Args:
        answers: Answers to give, errors to raise, or functions of the request that do either.
        notebook: Where each request is written down.
        expires_in: Lifetime of the tokens given when the script has run out.

    .. versionadded:: 1.0.0
    """

    capabilities = TransportCapabilities()

    def __init__(
        self,
        answers: Iterable[
            HttpResponse | BaseException | Callable[[HttpRequest], HttpResponse]
        ] = (),
        *,
        notebook: list[str] | None = None,
        expires_in: float = 3600,
    ) -> None:
        super().__init__(notebook)
        self.answers = deque(answers)
        self.sent: list[HttpRequest] = []
        self.expires_in = expires_in
        self.timeouts: list[float] = []
        self.held_up = threading.Event()
        self.held_up.set()
        self._guard = threading.Lock()

    def send(self, request: HttpRequest, *, timeout: float) -> HttpResponse:
        """Answer as the script says, once nobody holds the answers up."""
        with self._guard:
            self.sent.append(request)
            self.timeouts.append(timeout)
            number = len(self.sent)
            self.notebook.append("send")
            given = self.answers.popleft() if self.answers else None
        self.held_up.wait(timeout)
        if given is None:
            return token_answer(f"token-{number}", expires_in=self.expires_in)
        if isinstance(given, BaseException):
            raise given
        return given if isinstance(given, HttpResponse) else given(request)


class SwitchableCache(_Adapter):
    """
    Keeps entries in a dict, until it is switched off.

    Args:
        notebook: Where each call is written down.

    .. versionadded:: 1.0.0
    """

    capabilities = CacheCapabilities()

    def __init__(self, notebook: list[str] | None = None) -> None:
        super().__init__(notebook)
        self.entries: dict[str, bytes] = {}
        self.lifetimes: dict[str, float] = {}
        self.down = False

    def _ask(self, what: str) -> None:
        self.notebook.append(f"cache {what}")
        if self.down:
            message = "the cache is down"
            raise OSError(message)

    def read(self, key: str) -> bytes | None:
        """Return what was written, or fail."""
        self._ask("read")
        return self.entries.get(key)

    def write(self, key: str, entry: bytes, *, lifetime: float) -> None:
        """Keep an entry, or fail."""
        self._ask("write")
        self.entries[key] = entry
        self.lifetimes[key] = lifetime

    def discard(self, key: str, *, expected: bytes | None = None) -> bool:
        """Drop an entry that contains `expected`, or fail."""
        self._ask("discard")
        entry = self.entries.get(key)
        if entry is None or (expected is not None and expected not in entry):
            return False
        del self.entries[key]
        return True


class ListedSecrets(_Adapter):
    """
    Gives the secrets of a list, one after the other; the last one for ever after.

    Args:
        secrets: Secrets, each of which is also its version, or errors to raise.
        notebook: Where each fetch is written down.
        client_id: What it gives as `client_id` when asked for it.

    .. versionadded:: 1.0.0
    """

    capabilities = SecretSourceCapabilities(supplies_client_id=True, rotates=True)

    def __init__(
        self,
        secrets: Iterable[str | CredicorpAuthError] = ("listed-secret",),
        *,
        notebook: list[str] | None = None,
        client_id: str = "listed-client",
    ) -> None:
        super().__init__(notebook)
        self.secrets = deque(secrets)
        self.client_id = client_id

    def fetch(self, names: Collection[str]) -> FetchedSecret:
        """Return the next record, with the fields asked for."""
        self.notebook.append("fetch")
        secret = self.secrets.popleft() if len(self.secrets) > 1 else self.secrets[0]
        if not isinstance(secret, str):
            raise secret
        values = {"client_id": self.client_id, "client_secret": secret}
        fields = {name: Secret(values[name]) for name in names}
        return FetchedSecret(fields, version=secret, provenance="a list")


def settle() -> None:
    """Wait until no engine of this process has a flight or an errand under way."""
    for thread in threading.enumerate():
        if thread.name.startswith("credicorp-auth"):
            # It is listed a moment before it runs, and cannot be joined until then.
            while thread.ident is None:  # pragma: no branch - a race of microseconds
                time.sleep(0.001)  # pragma: no cover - the same
            thread.join()
