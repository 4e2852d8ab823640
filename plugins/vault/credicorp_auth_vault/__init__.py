"""
Secret source `vault`: client credentials from HashiCorp Vault.

Names are imported on first access, so that inspecting the plugin does not load hvac.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from credicorp_auth.lazy import names_from

if TYPE_CHECKING:
    from credicorp_auth_vault.secrets import VaultOptions, VaultSecretSource

__all__ = ["VaultOptions", "VaultSecretSource"]

__getattr__ = names_from(__name__, {"VaultOptions": "options", "VaultSecretSource": "secrets"})
