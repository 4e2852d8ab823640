"""The contract of a secret source, over variables and over files as Kubernetes mounts them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from credicorp_auth_env import EnvSecretSource
from credicorp_auth_testing.contracts.secret_source import SecretSourceContract

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from credicorp_auth.plugin.api import SecretSource

PREFIX = "CREDICORP_"


class TestVariables(SecretSourceContract):
    """Each field in a variable; the variables for paths are set to nothing, as compose files do."""

    def build_source(self, fields: Mapping[str, str]) -> SecretSource:
        self.environment = {f"{PREFIX}{name.upper()}_FILE": " " for name in fields}
        self.rotate(fields)
        return EnvSecretSource(environment=self.environment)

    def rotate(self, fields: Mapping[str, str]) -> None:
        self.environment.update({f"{PREFIX}{name.upper()}": fields[name] for name in fields})


class TestMountedFiles(SecretSourceContract):
    """Each field in a file behind two links, the first of which is swapped."""

    @pytest.fixture(autouse=True)
    def _volume(self, tmp_path: Path) -> None:
        self.volume = tmp_path
        self.versions = 0

    def build_source(self, fields: Mapping[str, str]) -> SecretSource:
        self.rotate(fields)
        environment = {}
        for name in ("client_id", "client_secret", "encryption_key", "no_such_field"):
            (self.volume / name).symlink_to(f"..data/{name}")
            environment[f"{PREFIX}{name.upper()}_FILE"] = str(self.volume / name)
        return EnvSecretSource(environment=environment)

    def rotate(self, fields: Mapping[str, str]) -> None:
        self.versions += 1
        folder = self.volume / f"..{self.versions}"
        folder.mkdir()
        for name, value in fields.items():
            (folder / name).write_text(f"{value}\n")
        self._swap(folder.name)

    def break_down(self) -> None:
        self._swap("..data")

    def _swap(self, target: str) -> None:
        (self.volume / "..next").symlink_to(target)
        (self.volume / "..next").rename(self.volume / "..data")
