"""The contract of a secret source, over a Vault on loopback."""

from __future__ import annotations

import pytest
from loopback_vault import refusal

from credicorp_auth_testing.contracts.secret_source import SecretSourceContract

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("vault", ["newer"], indirect=True)
class TestVault(SecretSourceContract):
    """A record in Vault's key-value store."""

    @pytest.fixture(autouse=True)
    def _vault(self, vault, connect):
        self.vault, self.connect = vault, connect

    def build_source(self, fields):
        self.rotate(fields)
        return self.connect(self.vault)

    def rotate(self, fields):
        self.vault.write(**fields)

    def break_down(self):
        self.vault.script = [refusal(503, "Vault is sealed")] * 9
