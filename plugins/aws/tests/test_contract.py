"""The contract of a secret source, over Secrets Manager and over Parameter Store."""

from __future__ import annotations

import pytest

from credicorp_auth_testing.contracts.secret_source import SecretSourceContract

pytestmark = pytest.mark.slow


class CachedCopy(SecretSourceContract):
    """What both have in common: an AWS that may break down."""

    @pytest.fixture(autouse=True)
    def _kept(self, mortal_aws, open_source):
        self.aws, self.open_source = mortal_aws, open_source

    def break_down(self):
        self.aws.stop()


class TestSecretsManager(CachedCopy):
    """A JSON object in Secrets Manager."""

    def build_source(self, fields):
        self.name = self.aws.create(fields)
        return self.open_source(self.aws.url, secret_id=self.name)

    def rotate(self, fields):
        self.aws.put(self.name, fields)


class TestParameterStore(CachedCopy):
    """A JSON object in Parameter Store."""

    def build_source(self, fields):
        self.name = self.aws.parameter(fields)
        return self.open_source(self.aws.url, parameter=self.name)

    def rotate(self, fields):
        self.aws.parameter(fields, self.name)
