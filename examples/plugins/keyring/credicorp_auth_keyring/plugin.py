"""Entry point of the secret source `keyring`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from credicorp_auth.plugin.api.hookspecs import hookimpl

if TYPE_CHECKING:
    from credicorp_auth.plugin.api import SecretSource
    from credicorp_auth.plugin.api.options import AdapterOptions

CREDICORP_API = 1


@hookimpl
def credicorp_secret_source(options: AdapterOptions) -> SecretSource:
    """Build the secret source; heavy imports happen here, only if it is chosen."""
    from credicorp_auth_keyring.secrets import KeyringSource, Options  # noqa: PLC0415 - imported only if chosen

    return KeyringSource(options.read(Options))
