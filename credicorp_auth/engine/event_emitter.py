"""Event emitter: sends events to the log and the observers."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from credicorp_auth.engine.progress import waiting_for
from credicorp_auth.events import LEVELS, Event
from credicorp_auth.http.untrusted_text import SHORTEST_IN_VALUES, hide_secrets
from credicorp_auth.plugin.api.adapter_failure import describe_failure

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from credicorp_auth.errors import AdapterFailure
    from credicorp_auth.http.secret import Secret

LOGGER: Final = logging.getLogger("credicorp_auth")
# If the application has no log handler, Python would print warnings to stderr.
LOGGER.addHandler(logging.NullHandler())

# Emitted once for each emitter: they apply to every token, so repeating them does not help.
_ONCE: Final = frozenset({"token.expiry_assumed", "token.expiry_as_text", "clock.skew"})


def _name_of(observer: Callable[[Event], object]) -> str:
    name: str = getattr(observer, "__qualname__", type(observer).__qualname__)
    return name


class EventEmitter:
    """
    Emits events.

    Args:
        observers: Called with each event, on the thread that emits it.
        secrets: Returns the credentials that events must not show; none by default.
    """

    def __init__(
        self,
        observers: Sequence[Callable[[Event], object]],
        secrets: Callable[[], Collection[Secret]] = tuple,
    ) -> None:
        self._observers = tuple(observers)
        self.known_secrets = secrets
        self._emitted_once: set[str] = set()

    def emit(self, name: str, **fields: str | float | bool | None) -> None:
        """Emit an event to the log and every observer; log an observer's failure as an event."""
        if name in _ONCE:
            if name in self._emitted_once:
                return
            self._emitted_once.add(name)
        is_logged = LOGGER.isEnabledFor(LEVELS[name])
        if not is_logged and not self._observers:
            return  # untrusted input causes events, and hiding secrets costs more than a signature
        event = Event(name, self._without_secrets(fields))
        if is_logged:
            LOGGER.log(event.level, "%s", event, extra={"credicorp_event": event})
        for observer in self._observers:
            try:
                with waiting_for("observer", _name_of(observer)):
                    observer(event)
            except Exception as fault:  # noqa: BLE001 - an observer must not fail the caller
                self._report(observer, describe_failure(fault, self.known_secrets()))

    @staticmethod
    def _report(observer: Callable[[Event], object], failure: AdapterFailure) -> None:
        """Log an observer's failure; the observers are not told, since they might fail again."""
        at = failure.frames[-1] if failure.frames else ""
        name = _name_of(observer)
        event = Event("observer.failed", {"observer": name, "raised": failure.raised, "at": at})
        LOGGER.warning("%s", event)

    def _without_secrets(
        self, fields: Mapping[str, str | float | bool | None]
    ) -> dict[str, str | float | bool | None]:
        """Return the fields with credentials hidden in every text value."""
        secrets = self.known_secrets()
        return {
            name: hide_secrets(value, secrets, shortest=SHORTEST_IN_VALUES)
            if isinstance(value, str)
            else value
            for name, value in fields.items()
        }
