"""A secret source as one writes it in a hurry, and the contract it must fail."""

from __future__ import annotations

from credicorp_auth.http.secret import Secret
from credicorp_auth.plugin.api import FetchedSecret, SecretSourceCapabilities
from credicorp_auth_testing.contracts.secret_source import SecretSourceContract


class HastySource:
    """It keeps the secret as text, calls every version 1, and raises what comes."""

    capabilities = SecretSourceCapabilities(supplies_client_id=True)

    def __init__(self, fields):
        self.fields = fields

    def fetch(self, names, *, timeout):
        values = {name: Secret(self.fields[name]) for name in names}
        return FetchedSecret(values, version="1")

    def close(self):
        pass

    def after_fork(self):
        pass


class TestHastySource(SecretSourceContract):
    def build_source(self, fields):
        return HastySource({name: str(value) for name, value in fields.items()})
