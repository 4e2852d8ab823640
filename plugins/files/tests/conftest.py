"""Directories as Kubernetes mounts them, and sources that read them."""

from __future__ import annotations

import pytest

from credicorp_auth_files import FilesSecretSource, SourceOptions


class Volume:
    """A secret volume: links to files behind the link `..data`, which each update swaps."""

    def __init__(self, directory):
        self.directory = directory
        self.count = 0
        directory.mkdir()

    def write(self, **fields):
        """Update the volume as the kubelet does, and remove the former version."""
        self.count += 1
        former = (self.directory / "..data").readlink() if self.count > 1 else None
        folder = self.directory / f"..version_{self.count}"
        folder.mkdir()
        for name, value in fields.items():
            (folder / name).write_text(value)
            if not (self.directory / name).is_symlink():
                (self.directory / name).symlink_to(f"..data/{name}")
        self.swap(folder.name)
        if former is not None:
            for each in (self.directory / former).iterdir():
                each.unlink()
            (self.directory / former).rmdir()

    def swap(self, target):
        """Let `..data` lead elsewhere, atomically."""
        (self.directory / "..data_tmp").symlink_to(target)
        (self.directory / "..data_tmp").rename(self.directory / "..data")


@pytest.fixture
def volume(tmp_path):
    return Volume(tmp_path / "volume")


@pytest.fixture
def open_source():
    return lambda directory, **options: FilesSecretSource(
        SourceOptions(directory=directory, **options)
    )
