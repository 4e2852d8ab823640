"""Telling the log and the observers what happens."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from credicorp_auth.events import LEVELS, Event
from credicorp_auth.http.untrusted_text import SHORTEST_IN_VALUES, hide_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from credicorp_auth.http.secret import Secret

LOGGER: Final = logging.getLogger("credicorp_auth")
# Without a handler of the application's own, Python would print warnings to stderr.
LOGGER.addHandler(logging.NullHandler())

# Said once: true of every token alike, and no help the second time.
_ONCE: Final = frozenset({"token.expiry_assumed", "token.expiry_as_text", "clock.skew"})


class EventEmitter:
    """
    Tells events.

    Args:
        observers: Called with each event, on the thread that tells it.
        secrets: Returns the credentials that no event may show.
    """

    def __init__(
        self,
        observers: Sequence[Callable[[Event], object]],
        secrets: Callable[[], Collection[Secret]] = tuple,
    ) -> None:
        self._observers = tuple(observers)
        self.known_secrets = secrets
        self._said: set[str] = set()

    def emit(self, name: str, **fields: str | float | bool | None) -> None:
        """Tell the log and every observer; an observer that fails is itself an event."""
        if name in _ONCE:
            if name in self._said:
                return
            self._said.add(name)
        is_logged = LOGGER.isEnabledFor(LEVELS[name])
        if not is_logged and not self._observers:
            return  # the search for secrets costs more than a signature, and strangers cause events
        event = Event(name, self._without_secrets(fields))
        if is_logged:
            LOGGER.log(event.level, "%s", event, extra={"credicorp_event": event})
        for observer in self._observers:
            try:
                observer(event)
            except Exception as fault:  # noqa: BLE001 - an observer's trouble is not the caller's
                LOGGER.warning("%s", Event("observer.failed", {"raised": type(fault).__name__}))

    def _without_secrets(
        self, fields: Mapping[str, str | float | bool | None]
    ) -> dict[str, str | float | bool | None]:
        """Return fields without our credentials, whatever text they are made of."""
        secrets = self.known_secrets()
        return {
            name: hide_secrets(value, secrets, shortest=SHORTEST_IN_VALUES)
            if isinstance(value, str)
            else value
            for name, value in fields.items()
        }
