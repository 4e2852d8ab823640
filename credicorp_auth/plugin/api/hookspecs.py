"""
Plugin hooks, by which an adapter registers and an observer receives events.

A plugin is a module named by an entry point of the group for its kind. It states
`CREDICORP_API = 1` and implements the one hook of its kind with `@hookimpl`. Hooks that build
adapters are called once, when a `CredicorpAuth` is built. `credicorp_event` is called for each
event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pluggy

if TYPE_CHECKING:
    from credicorp_auth.events import Event
    from credicorp_auth.plugin.api import Cache, SecretSource, Transport
    from credicorp_auth.plugin.api.options import AdapterOptions

CREDICORP_API: Final = 1
"""The version of this plugin interface; a plugin module states the one it was written for."""

hookspec: Final = pluggy.HookspecMarker("credicorp_auth")
hookimpl: Final = pluggy.HookimplMarker("credicorp_auth")


class HookSpecs:
    """The hooks a plugin may implement: exactly one of the first three, or the fourth."""

    @hookspec(firstresult=True)
    def credicorp_transport(self, options: AdapterOptions) -> Transport | None:
        """Build the transport. `options` holds the user's `transport_options`."""

    @hookspec(firstresult=True)
    def credicorp_cache(self, options: AdapterOptions) -> Cache | None:
        """Build the cache. `options` holds the user's `cache_options`."""

    @hookspec(firstresult=True)
    def credicorp_secret_source(self, options: AdapterOptions) -> SecretSource | None:
        """Build the secret source. `options` holds the user's `secrets_options`."""

    @hookspec
    def credicorp_event(self, event: Event) -> None:
        """Receive one event of the token lifecycle. It holds no secret, and cannot be changed."""
