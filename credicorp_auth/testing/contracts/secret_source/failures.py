"""Values that cannot be had: faults 180, 181, 183 and 189."""

from __future__ import annotations

import pytest

from credicorp_auth.plugin.api import SecretSource
from credicorp_auth.testing.contracts.secret_source.canary import CANARY
from credicorp_auth.testing.contracts.secret_source.harness import (
    RECORD,
    Build,
    SecretSourceHarness,
    names_of,
    needs_records,
    needs_rotation,
    refusal,
    reveal,
)


class FetchFailureTests(SecretSourceHarness):
    """Values that cannot be had: faults 180, 181, 183 and 189."""

    def test_fault_180_missing(self, build: Build) -> None:
        """A field that is not there is `secret.missing`, named, although others are there."""
        source = build({"client_secret": CANARY})
        needs_records(source)
        error = refusal(source, ["client_id", "client_secret"])

        assert ("secret.missing", False) == (error.code, error.retryable)
        assert "client_id" in str(error).lower()

    def test_fault_180_names_that_nobody_stored(self, source: SecretSource) -> None:
        """A name that means nothing here is missing as well, and no guess is made."""
        error = refusal(source, ["client_secret", "no_such_field"])

        assert ("secret.missing", False) == (error.code, error.retryable)
        assert "no_such_field" in str(error).lower()

    @pytest.mark.parametrize("value", ["", " ", "\t "], ids=ascii)
    def test_fault_181_empty(self, build: Build, value: str) -> None:
        """Nothing, or nothing but white space, is `secret.empty`."""
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
        """What no credential can be is `secret.invalid`, and not mended in silence."""
        source = build({**RECORD, "client_secret": value})
        error = refusal(source, names_of(source))

        assert ("secret.invalid", False) == (error.code, error.retryable)

    def test_a_refusal_is_not_for_ever(self, build: Build) -> None:
        """A source that refused once hands over what is put right afterwards."""
        source = build({**RECORD, "client_secret": ""})
        needs_rotation(source)
        refusal(source, names_of(source))
        self.rotate({**RECORD, "client_secret": "put-right"})

        assert {"client_secret": "put-right"} == reveal(
            source.fetch(["client_secret"]).fields, ["client_secret"]
        )

    def test_fault_189_unreachable(self, source: SecretSource) -> None:
        """A place that does not answer is unavailable for now, whether it was reached before."""
        source.fetch(names_of(source))
        self.break_down()
        error = refusal(source, names_of(source))

        assert ("secret.unavailable", True) == (error.code, error.retryable)
