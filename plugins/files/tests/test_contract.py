"""The contract of a secret source, over a Kubernetes volume and over a plain directory."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from credicorp_auth_files import FilesSecretSource, SourceOptions
from credicorp_auth_testing.contracts.secret_source import SecretSourceContract

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from credicorp_auth.plugin.api import SecretSource


class TestKubernetesVolume(SecretSourceContract):
    """Files behind the link `..data`, which is swapped; the former version is removed."""

    @pytest.fixture(autouse=True)
    def _volume(self, volume: Any) -> None:
        self.volume = volume

    def build_source(self, fields: Mapping[str, str]) -> SecretSource:
        self.volume.write(**fields)
        return FilesSecretSource(SourceOptions(directory=self.volume.directory))

    def rotate(self, fields: Mapping[str, str]) -> None:
        self.volume.write(**fields)

    def break_down(self) -> None:
        self.volume.swap("..data")


class TestSwappedDirectory(SecretSourceContract):
    """A directory that is a link to a release, as deployment tools and people make them."""

    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.place, self.count = tmp_path, 0

    def build_source(self, fields: Mapping[str, str]) -> SecretSource:
        self.rotate(fields)
        return FilesSecretSource(SourceOptions(directory=self.place / "current"))

    def rotate(self, fields: Mapping[str, str]) -> None:
        self.count += 1
        folder = self.place / str(self.count)
        folder.mkdir()
        for name, value in fields.items():
            (folder / name).write_text(f"{value}\n")
        self._swap(folder.name)

    def break_down(self) -> None:
        self._swap("current")
        shutil.rmtree(self.place / str(self.count))

    def _swap(self, target: str) -> None:
        (self.place / "next").symlink_to(target)
        (self.place / "next").rename(self.place / "current")
