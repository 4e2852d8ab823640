"""
Fakes of the ports for tests: in-memory implementations with switches and a shared call list.

They are not mocks: each does what its port promises, in memory, and appends one line to the list
for each call.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from credicorp_auth.engine.guard import GUARD_THREAD
from credicorp_auth.engine.single_flight.thread import running_threads
from credicorp_auth.http.messages import HttpResponse
from credicorp_auth.http.secret import Secret
from credicorp_auth.plugin.api import (
    CacheCapabilities,
    FetchedSecret,
    SecretSourceCapabilities,
    TransportCapabilities,
)
from credicorp_auth_testing.scripted_runtime import token_response

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from credicorp_auth.errors import CredicorpAuthError
    from credicorp_auth.http.messages import HttpRequest


class _Adapter:
    """Common base of the fakes: a list of calls, and no resources to close."""

    def __init__(self, calls: list[str] | None = None) -> None:
        self.calls = [] if calls is None else calls
        self.closed = False

    def close(self) -> None:
        """Record that it was closed."""
        self.closed = True

    def after_fork(self) -> None:
        """Do nothing: no resource belongs to the parent."""


class ScriptedTransport(_Adapter):
    """
    A transport with scripted responses; after the script, it returns tokens that count up.

    Args:
        responses: Responses, errors to raise, or functions of the request that return or raise one.
        calls: The list to which each request is appended.
        expires_in: Lifetime of the tokens after the end of the script, in seconds.

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
        """Return the next scripted response, as soon as `gate` is set."""
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
    A cache that keeps entries in a dict, until it is switched off.

    Args:
        calls: The list to which each call is appended.

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

    def read(self, key: str, *, timeout: float) -> bytes | None:  # noqa: ARG002 - the port's
        """Return the entry, or fail."""
        self._ask("read")
        return self.entries.get(key)

    def write(self, key: str, entry: bytes, *, lifetime: float, timeout: float) -> None:  # noqa: ARG002 - the port's
        """Write an entry, or fail."""
        self._ask("write")
        self.entries[key] = entry
        self.lifetimes[key] = lifetime

    def discard(self, key: str, *, expected: bytes | None = None, timeout: float) -> bool:  # noqa: ARG002 - the port's
        """Delete an entry that contains `expected`, or fail."""
        self._ask("discard")
        entry = self.entries.get(key)
        if entry is None or (expected is not None and expected not in entry):
            return False
        del self.entries[key]
        return True


class ListedSecrets(_Adapter):
    """
    A secret source that returns the secrets of a list in order; the last one repeats.

    Args:
        secrets: Secrets, each of which is also its version, or errors to raise.
        calls: The list to which each fetch is appended.
        client_id: The value of the field `client_id`.

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

    def fetch(self, names: Collection[str], *, timeout: float) -> FetchedSecret:  # noqa: ARG002 - the port's
        """Return the next record, with the requested fields."""
        self.calls.append("fetch")
        secret = self.secrets.popleft() if len(self.secrets) > 1 else self.secrets[0]
        if not isinstance(secret, str):
            raise secret
        values = {"client_id": self.client_id, "client_secret": secret}
        fields = {name: Secret(values[name]) for name in names}
        return FetchedSecret(fields, version=secret, provenance="a list")


def wait_idle() -> None:
    """Wait until no engine of this process has a call under way; one of an adapter may hang."""
    while any(not name.startswith(GUARD_THREAD) for name in running_threads()):
        time.sleep(0.001)
