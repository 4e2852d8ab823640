"""Tests of missing, invalid and unavailable secrets: faults 180, 181, 183 and 189."""

from __future__ import annotations

import pytest

from credicorp_auth.plugin.api import SecretSource
from credicorp_auth_testing.contracts.secret_source.canary import CANARY
from credicorp_auth_testing.contracts.secret_source.harness import (
    RECORD,
    TIMEOUT,
    Build,
    SecretSourceHarness,
    names_of,
    needs_records,
    needs_rotation,
    refusal,
    reveal,
)


class FetchFailureTests(SecretSourceHarness):
    """Tests of missing, invalid and unavailable secrets: faults 180, 181, 183 and 189."""

    def test_fault_180_missing(self, build: Build) -> None:
        """A missing field is `secret.missing` and is named, even if other fields exist."""
        source = build({"client_secret": CANARY})
        needs_records(source)
        error = refusal(source, ["client_id", "client_secret"])

        assert ("secret.missing", False) == (error.code, error.retryable)
        assert "client_id" in str(error).lower()

    def test_fault_180_names_that_are_not_stored(self, source: SecretSource) -> None:
        """An unknown field name is `secret.missing` as well, without a guess."""
        error = refusal(source, ["client_secret", "no_such_field"])

        assert ("secret.missing", False) == (error.code, error.retryable)
        assert "no_such_field" in str(error).lower()

    @pytest.mark.parametrize("value", ["", " ", "\t "], ids=ascii)
    def test_fault_181_empty(self, build: Build, value: str) -> None:
        """An empty value, or only white space, is `secret.empty`."""
        source = build({**RECORD, "client_secret": value})
        error = refusal(source, names_of(source))

        assert ("secret.empty", False) == (error.code, error.retryable)
        assert "secret" in str(error).lower()

    @pytest.mark.parametrize(
        "value",
        [f"{CANARY}\0", f"{CANARY}\n{CANARY}", f" {CANARY}", CANARY * 3000],
        ids=["nul", "lines", "white-space", "long"],
    )
    def test_fault_183_invalid(self, build: Build, value: str) -> None:
        """A value that cannot be a credential is `secret.invalid`, not silently corrected."""
        source = build({**RECORD, "client_secret": value})
        error = refusal(source, names_of(source))

        assert ("secret.invalid", False) == (error.code, error.retryable)

    def test_a_refusal_is_not_for_ever(self, build: Build) -> None:
        """After a failed fetch, the source returns the corrected value."""
        source = build({**RECORD, "client_secret": ""})
        needs_rotation(source)
        refusal(source, names_of(source))
        self.rotate({**RECORD, "client_secret": "put-right"})

        assert {"client_secret": "put-right"} == reveal(
            source.fetch(["client_secret"], timeout=TIMEOUT).fields, ["client_secret"]
        )

    def test_fault_189_unreachable(self, source: SecretSource) -> None:
        """An unreachable store is `secret.unavailable`, retryable, even if reached before."""
        source.fetch(names_of(source), timeout=TIMEOUT)
        self.break_down()
        error = refusal(source, names_of(source))

        assert ("secret.unavailable", True) == (error.code, error.retryable)
