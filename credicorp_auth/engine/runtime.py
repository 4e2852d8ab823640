"""Runtime without client credentials: fetching documents and verifying tokens."""

from __future__ import annotations

from random import SystemRandom
from typing import TYPE_CHECKING, Final

from credicorp_auth.engine.adapter_call import call_adapter
from credicorp_auth.http.messages import HttpResponse

if TYPE_CHECKING:
    from credicorp_auth.engine.clock import Clock
    from credicorp_auth.engine.event_emitter import EventEmitter
    from credicorp_auth.http.messages import HttpRequest
    from credicorp_auth.lifecycle.windows import Instant
    from credicorp_auth.plugin.api import Provider, Transport

_DICE: Final = SystemRandom()  # a copy of a process, such as a restored one, draws other numbers


class AnonymousRuntime:
    """
    Supplies clocks, sends requests and emits events.

    Args:
        transport: The transport adapter and its provider.
        emitter: Emits events.
        clock: The wall clock and the boot clock.
    """

    def __init__(
        self, transport: tuple[Transport, Provider], emitter: EventEmitter, clock: Clock
    ) -> None:
        self.transport, self._provider = transport
        self.clock = clock
        self.emit, self.known_secrets = emitter.emit, emitter.known_secrets

    def after_fork(self) -> None:
        """Drop what belongs to the parent process, for a runtime that owns its transport."""
        self.transport.after_fork()

    def now(self) -> Instant:
        """Return the time by both clocks."""
        return self.clock.now()

    def random(self) -> float:
        """Return a number in [0, 1)."""
        return _DICE.random()

    def send(self, request: HttpRequest, *, timeout: float) -> HttpResponse:
        """Send a request through the chosen transport."""
        return call_adapter(
            self._provider,
            lambda: self.transport.send(request, timeout=timeout),
            expected=(HttpResponse,),
            stage="transport.send",
            secrets=lambda: (*self.known_secrets(), *request.secrets()),
        )
