"""The contract of a secret source, over a program that prints what a file holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from credicorp_auth_exec import ExecSecretSource, SourceOptions
from credicorp_auth_testing.contracts.secret_source import SecretSourceContract

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from credicorp_auth.plugin.api import SecretSource


class TestExec(SecretSourceContract):
    """A program that prints one JSON object."""

    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.record = tmp_path / "record.json"

    def build_source(self, fields: Mapping[str, str]) -> SecretSource:
        self.rotate(fields)
        return ExecSecretSource(SourceOptions(command=["cat", str(self.record)], timeout=20))

    def rotate(self, fields: Mapping[str, str]) -> None:
        following = self.record.with_suffix(".new")
        following.write_text(json.dumps({"version": 1, **fields}))
        following.replace(self.record)

    def break_down(self) -> None:
        self.record.unlink()
