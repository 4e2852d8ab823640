"""
Secret source `vault`: client credentials from HashiCorp Vault.

Names are imported on first access, so that inspecting the plugin does not load hvac.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from credicorp_auth_vault.secrets import VaultOptions, VaultSecretSource

__all__ = ["VaultOptions", "VaultSecretSource"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from credicorp_auth_vault import secrets  # noqa: PLC0415 # loads hvac

        return getattr(secrets, name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
