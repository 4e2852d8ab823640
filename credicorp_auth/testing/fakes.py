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

from credicorp_auth.http.messages import HttpResponse
from credicorp_auth.http.secret import Secret
from credicorp_auth.plugin.api import (
    CacheCapabilities,
    FetchedSecret,
    SecretSourceCapabilities,
    TransportCapabilities,
)
from credicorp_auth.testing.scripted_runtime import token_response

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from credicorp_auth.errors import CredicorpAuthError
    from credicorp_auth.http.messages import HttpRequest


class _Adapter:
    """What the stand-ins have in common: a notebook, and nothing to close."""

    def __init__(self, calls: list[str] | None = None) -> None:
        self.calls = [] if calls is None else calls
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
        responses: Answers to give, errors to raise, or functions of the request that do either.
        calls: Where each request is written down.
        expires_in: Lifetime of the tokens given when the script has run out.

    .. versionadded:: 1.0.0
    """

    capabilities = TransportCapabilities()

    def __init__(
        self,
        responses: Iterable[
            HttpResponse | BaseException | Callable[[HttpRequest], HttpResponse]
        ] = (),
        *,
        calls: list[str] | None = None,
        expires_in: float = 3600,
    ) -> None:
        super().__init__(calls)
        self.responses = deque(responses)
        self.sent: list[HttpRequest] = []
        self.expires_in = expires_in
        self.timeouts: list[float] = []
        self.gate = threading.Event()
        self.gate.set()
        self._guard = threading.Lock()

    def send(self, request: HttpRequest, *, timeout: float) -> HttpResponse:
        """Answer as the script says, once nobody holds the answers up."""
        with self._guard:
            self.sent.append(request)
            self.timeouts.append(timeout)
            number = len(self.sent)
            self.calls.append("send")
            given = self.responses.popleft() if self.responses else None
        self.gate.wait(timeout)
        if given is None:
            return token_response(f"token-{number}", expires_in=self.expires_in)
        if isinstance(given, BaseException):
            raise given
        return given if isinstance(given, HttpResponse) else given(request)


class SwitchableCache(_Adapter):
    """
    Keeps entries in a dict, until it is switched off.

    Args:
        calls: Where each call is written down.

    .. versionadded:: 1.0.0
    """

    capabilities = CacheCapabilities()

    def __init__(self, calls: list[str] | None = None) -> None:
        super().__init__(calls)
        self.entries: dict[str, bytes] = {}
        self.lifetimes: dict[str, float] = {}
        self.down = False

    def _ask(self, message: str) -> None:
        self.calls.append(f"cache {message}")
        if self.down:
            text = "the cache is down"
            raise OSError(text)

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
        calls: Where each fetch is written down.
        client_id: What it gives as `client_id` when asked for it.

    .. versionadded:: 1.0.0
    """

    capabilities = SecretSourceCapabilities(supplies_client_id=True, rotates=True)

    def __init__(
        self,
        secrets: Iterable[str | CredicorpAuthError] = ("listed-secret",),
        *,
        calls: list[str] | None = None,
        client_id: str = "listed-client",
    ) -> None:
        super().__init__(calls)
        self.secrets = deque(secrets)
        self.client_id = client_id

    def fetch(self, names: Collection[str]) -> FetchedSecret:
        """Return the next record, with the fields asked for."""
        self.calls.append("fetch")
        secret = self.secrets.popleft() if len(self.secrets) > 1 else self.secrets[0]
        if not isinstance(secret, str):
            raise secret
        values = {"client_id": self.client_id, "client_secret": secret}
        fields = {name: Secret(values[name]) for name in names}
        return FetchedSecret(fields, version=secret, provenance="a list")


def wait_idle() -> None:
    """Wait until no engine of this process has a call or an call under way."""
    for thread in threading.enumerate():
        if thread.name.startswith("credicorp-auth"):
            # It is listed a moment before it runs, and cannot be joined until then.
            while thread.ident is None:  # pragma: no branch - a race of microseconds
                time.sleep(0.001)  # pragma: no cover - the same
            thread.join()
