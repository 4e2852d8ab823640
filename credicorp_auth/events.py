"""
Events of the token lifecycle, for observers and the log; none holds a secret.

There is one class. Its `name` identifies the event; `docs/reference/events.md` lists them.
"""

from __future__ import annotations

import logging
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

LEVELS: Final[Mapping[str, int]] = {
    "token.minted": logging.INFO,
    "token.read_from_cache": logging.DEBUG,
    "token.waited": logging.DEBUG,
    "token.invalidated": logging.DEBUG,
    "token.evicted": logging.WARNING,
    "token.expiry_assumed": logging.WARNING,
    "token.expiry_as_text": logging.WARNING,
    "token.expiry_clamped": logging.WARNING,
    "token.scope_broader": logging.WARNING,
    "token.scope_narrowed": logging.WARNING,
    "token.contradicted": logging.WARNING,
    "bearer.header_replaced": logging.WARNING,
    "refresh.started": logging.DEBUG,
    "refresh.deferred": logging.WARNING,
    "request.sent": logging.DEBUG,
    "request.failed": logging.DEBUG,
    "endpoint.cooldown": logging.WARNING,
    "refusal.remembered": logging.WARNING,
    "secret.fetched": logging.DEBUG,
    "secret.rotated": logging.WARNING,
    "secret.stale": logging.WARNING,
    "cache.failed": logging.WARNING,
    "cache.corrupt": logging.WARNING,
    "adapter.trouble": logging.WARNING,
    "adapter.recovered": logging.INFO,
    "clock.skew": logging.WARNING,
    "single_flight.abandoned": logging.WARNING,
    "token.key_unknown": logging.DEBUG,
    "token.refused": logging.DEBUG,
    "token.revoked": logging.INFO,
    "introspection.completed": logging.DEBUG,
    "introspection.failed": logging.WARNING,
    "revocation.failed": logging.WARNING,
    "jwks.fetched": logging.DEBUG,
    "jwks.key_dropped": logging.WARNING,
    "jwks.refresh_failed": logging.WARNING,
    "jwks.emptied": logging.ERROR,
    "discovery.fetched": logging.DEBUG,
    "discovery.refused": logging.WARNING,
    "discovery.changed": logging.WARNING,
    "discovery.refresh_failed": logging.WARNING,
    "guard.refused": logging.INFO,
    "guard.failed": logging.WARNING,
    "guard.unchecked": logging.ERROR,
    "guard.unmarked": logging.WARNING,
    "observer.failed": logging.WARNING,
}
"""Name and log level of each event."""


def _freeze(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    # All observers share one event, so none of them may write to it.
    return MappingProxyType(dict(fields))


@frozen
class Event:
    """
    Event of the token lifecycle.

    Args:
        name: One of `LEVELS`.
        fields: Its details: text and numbers only, never a secret.

    .. versionadded:: 1.0.0
    """

    name: str
    fields: Mapping[str, str | int | float | bool | None] = field(
        factory=dict[str, str | int | float | bool | None], converter=_freeze
    )

    @property
    def level(self) -> int:
        """The log level, as a number of the module `logging`."""
        return LEVELS[self.name]

    def __reduce__(self) -> tuple[type[Event], tuple[str, dict[str, Any]]]:
        return Event, (self.name, dict(self.fields))  # queues of log records pickle events

    def __str__(self) -> str:
        shown = " ".join(f"{name}={value!r}" for name, value in self.fields.items())
        return f"{self.name} {shown}".rstrip()
