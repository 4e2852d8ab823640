"""The contract of a secret source: what every one of them makes of the same records."""

from __future__ import annotations

from credicorp_auth.testing.contracts.secret_source.failures import FetchFailureTests
from credicorp_auth.testing.contracts.secret_source.fetching import FetchTests
from credicorp_auth.testing.contracts.secret_source.leaks import LeakTests
from credicorp_auth.testing.contracts.secret_source.lifecycle import LifecycleTests
from credicorp_auth.testing.contracts.secret_source.rotation import RotationTests

__all__ = ["SecretSourceContract"]


class SecretSourceContract(LeakTests, LifecycleTests, FetchTests, FetchFailureTests, RotationTests):
    """
    Every secret source hands over whole records, tells faults alike, and shows no value anywhere.

        class TestMySource(SecretSourceContract):
            def build_source(self, fields):
                my_store.put("my-service", fields)
                return MySource(path="my-service")

            def rotate(self, fields):
                my_store.put("my-service", fields)

            def break_down(self):
                my_store.stop()

    It needs pytest (`pip install credicorp-auth[testing]`). What takes a client id or a rotation is
    skipped where `capabilities` declares none; without `break_down`, so is what takes an outage.

    .. versionadded:: 1.0.0
    """
