"""Tests of fetched records: faults 200 and 204."""

from __future__ import annotations

import pytest

from credicorp_auth.errors import SecretUnavailable
from credicorp_auth.http.secret import Secret
from credicorp_auth.plugin.api import FetchedSecret, SecretSource, SecretSourceCapabilities
from credicorp_auth_testing.contracts.secret_source.harness import (
    RECORD,
    TIMEOUT,
    Build,
    SecretSourceHarness,
    names_of,
    needs_records,
    reveal,
)


class FetchTests(SecretSourceHarness):
    """Tests of fetched records: faults 200 and 204."""

    def test_it_is_a_secret_source(self, source: SecretSource) -> None:
        """The source has every method of its port, and declares its capabilities."""
        assert isinstance(source, SecretSource)
        assert isinstance(source.capabilities, SecretSourceCapabilities)

    def test_a_client_id_that_it_has_is_declared(self, source: SecretSource) -> None:
        """A source that returns a client id declares it: otherwise the engine never asks for it."""
        try:
            source.fetch(["client_id"], timeout=TIMEOUT)
        except SecretUnavailable:
            return

        assert source.capabilities.supplies_client_id

    def test_fault_200_one_record_has_all_fields(self, source: SecretSource) -> None:
        """One fetch returns every requested field, all of one named version."""
        names = names_of(source)
        fetched = source.fetch(names, timeout=TIMEOUT)

        assert isinstance(fetched, FetchedSecret)
        assert {name: RECORD[name] for name in names} == reveal(fetched.fields, names)
        assert fetched.version
        assert fetched.provenance

    def test_fault_204_values_are_secrets(self, source: SecretSource) -> None:
        """Every fetched value is a `Secret`, for any type in the store."""
        fetched = source.fetch(names_of(source), timeout=TIMEOUT)

        assert {Secret} == {type(value) for value in fetched.fields.values()}

    @pytest.mark.parametrize("kind", [tuple, list, set, frozenset])
    def test_names_come_in_any_collection(self, source: SecretSource, kind: type) -> None:
        """Field names may come in any kind of collection."""
        assert "client_secret" in source.fetch(kind(["client_secret"]), timeout=TIMEOUT).fields

    def test_no_more_is_needed_than_was_asked(self, build: Build) -> None:
        """A record without a client id is enough if the secret alone is requested."""
        source = build({"client_secret": "of-one-field"})
        fetched = source.fetch(["client_secret"], timeout=TIMEOUT)

        assert {"client_secret": "of-one-field"} == reveal(fetched.fields, ["client_secret"])

    def test_other_fields_can_be_asked_for(self, source: SecretSource) -> None:
        """A record may hold further fields, such as a cache's encryption key."""
        needs_records(source)
        fetched = source.fetch(["encryption_key"], timeout=TIMEOUT)

        assert {"encryption_key": RECORD["encryption_key"]} == reveal(
            fetched.fields, ["encryption_key"]
        )

    def test_equal_versions_mean_equal_fields(self, source: SecretSource) -> None:
        """An unchanged record has the same version and the same values."""
        first, second = (source.fetch(names_of(source), timeout=TIMEOUT) for _ in range(2))

        assert first.version == second.version
        assert first.fields == second.fields

    @pytest.mark.parametrize(
        "value", ["a b", "&=+%:?#", '"', "{x}", "é€😀", "\\n", "x" * 2000], ids=ascii
    )
    def test_values_arrive_as_they_are(self, build: Build, value: str) -> None:
        """No value is unquoted, trimmed, cut or converted."""
        source = build({**RECORD, "client_secret": value})
        names = names_of(source)

        assert {**RECORD, "client_secret": value}.items() >= reveal(
            source.fetch(names, timeout=TIMEOUT).fields, names
        ).items()
