"""Contract of secret sources: the same results and errors for the same records."""

from __future__ import annotations

from credicorp_auth_testing.contracts.secret_source.failures import FetchFailureTests
from credicorp_auth_testing.contracts.secret_source.fetching import FetchTests
from credicorp_auth_testing.contracts.secret_source.leaks import LeakTests
from credicorp_auth_testing.contracts.secret_source.lifecycle import LifecycleTests
from credicorp_auth_testing.contracts.secret_source.rotation import RotationTests
from credicorp_auth_testing.contracts.secret_source.traces import TraceTests

__all__ = ["SecretSourceContract"]


class SecretSourceContract(
    LeakTests, TraceTests, LifecycleTests, FetchTests, FetchFailureTests, RotationTests
):
    """
    Tests that a secret source returns whole records, and reports errors without any value.

        class TestMySource(SecretSourceContract):
            def build_source(self, fields):
                my_store.put("my-service", fields)
                return MySource(path="my-service")

            def rotate(self, fields):
                my_store.put("my-service", fields)

            def break_down(self):
                my_store.stop()

    Tests that need a client id or a rotation are skipped if `capabilities` declares none. Without
    `break_down`, tests of an outage are skipped.

    .. versionadded:: 1.0.0
    """

    contract_version = "2.0"
