"""JSON records: a secret source over them is thirty lines, and passes the contract of all others."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from credicorp_auth.errors import InvalidSetting, SecretUnavailable
from credicorp_auth.http.secret import Secret, SecretBytes
from credicorp_auth.plugin.api import FetchedSecret, SecretSourceCapabilities
from credicorp_auth.plugin.api.json_record import read_field_names, read_json_record
from credicorp_auth_testing.contracts.secret_source import SecretSourceContract

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from credicorp_auth.plugin.api import SecretSource


class JsonFileSource:
    """A secret source over one JSON file: all that such a source needs."""

    capabilities = SecretSourceCapabilities(supplies_client_id=True, rotates=True)

    def __init__(self, path: Path) -> None:
        self._path = path

    def fetch(self, names: Collection[str], *, timeout: float) -> FetchedSecret:
        content = self._read()
        if content is None:
            raise SecretUnavailable(f"{self._path} cannot be read", retryable=True)
        return read_json_record(content, names, place=str(self._path))

    def close(self) -> None:
        """Do nothing."""

    def after_fork(self) -> None:
        """Do nothing."""

    def _read(self) -> SecretBytes | None:
        try:
            return SecretBytes(self._path.read_bytes())
        except OSError:
            return None


class TestJsonFile(SecretSourceContract):
    """A source that leaves the reading of its record to the helper."""

    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.path = tmp_path / "record.json"

    def build_source(self, fields: Mapping[str, str]) -> SecretSource:
        self.rotate(fields)
        return JsonFileSource(self.path)

    def rotate(self, fields: Mapping[str, str]) -> None:
        self.path.with_suffix(".new").write_text(json.dumps(dict(fields)))
        self.path.with_suffix(".new").replace(self.path)

    def break_down(self) -> None:
        self.path.unlink()


def test_a_source_takes_thirty_lines() -> None:
    """The source above, which passes the whole contract, has no more."""
    assert len(inspect.getsource(JsonFileSource).splitlines()) <= 30


def test_fields_have_the_names_of_members() -> None:
    """A mapping names members; a version that the store states is taken over."""
    content = SecretBytes(b'{"user": "app", "client_secret": "s", "more": [1]}')
    read = read_json_record(
        content, ["client_id", "client_secret"], place="there", fields={"client_id": "user"}, version="7"
    )  # fmt: skip
    fields = {"client_id": Secret("app"), "client_secret": Secret("s")}

    assert FetchedSecret(fields, "7", provenance="there") == read


@pytest.mark.parametrize(
    ("content", "code", "expected"),
    [
        (b'{"a": "canary"}', "secret.missing", "there: member 'client_secret' does not exist"),
        (b'{"client_secret": null}', "secret.missing", "does not exist"),
        (b'{"client_secret": ["canary"]}', "secret.invalid", "is not text"),
        (b'{"client_secret": ""}', "secret.empty", "is empty"),
        (b'{"client_secret": "canary "}', "secret.invalid", "white space"),
        (b'{"client_secret": "canary", "client_secret": "x"}', "secret.invalid", "twice"),
        (b'["canary"]', "secret.invalid", "not one JSON object"),
        (b'{"client_secret": "canary\xff"}', "secret.invalid", "UTF-8"),
        (b'{"client_secret": "\\ud800canary"}', "secret.invalid", "UTF-8"),
    ],
    ids=ascii,
)
def test_fault_180_181_183_184_records_that_hold_no_secret(content: bytes, code: str, expected: str) -> None:  # fmt: skip
    """The error names place and member, says what is wrong, and shows nothing of the content."""
    with pytest.raises(SecretUnavailable) as caught:
        read_json_record(SecretBytes(content), ["client_secret"], place="there")

    assert code == caught.value.code
    assert expected in str(caught.value)
    assert "canary" not in str(caught.value)
    assert "fields" in caught.value.hint


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", {}),
        ({}, {}),
        ({"a": "b"}, {"a": "b"}),
        ("client_id=user name, client_secret = pass=word ,", {"client_id": "user name", "client_secret": "pass=word"}),
    ],
)  # fmt: skip
def test_option_fields(value: str | Mapping[str, str], expected: Mapping[str, str]) -> None:
    """A mapping, or text as the environment gives it."""
    assert expected == read_field_names(value)


@pytest.mark.parametrize("value", ["a", "a=", "=b", "a=b,a=c", {"a": ""}, {"": "b"}, {"a": "b", " a": "c"}, 5, None, ["ab", 5]])  # fmt: skip
def test_option_fields_refused(value: str) -> None:
    """A name without a partner, or twice, is `config.value`."""
    with pytest.raises(InvalidSetting, match="`fields`") as caught:
        read_field_names(value)

    assert "config.value" == caught.value.code
