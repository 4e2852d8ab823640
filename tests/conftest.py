"""Distributions of strangers, laid out as pip lays them out."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distributions

import pytest

from credicorp_auth.plugin.loading.installed import installed_entry_points

# The snapshot of this process is taken before any stranger stands on its path.
installed_entry_points()


class Plugins:
    """A folder on the path, with distributions that each have one plugin."""

    def __init__(self, folder):
        self.folder = folder
        self.count = 0

    def __call__(
        self, *plugins, group="credicorp_auth.caches", requires="credicorp-auth>=1.0", attribute=""
    ):
        """Install (distribution, name, source) each; return all entry points of the folder."""
        for distribution, name, source in plugins:
            module = f"{self.folder.name.replace('-', '_')}_{self.count}"
            (self.folder / f"{module}.py").write_text(source)
            info = self.folder / f"{distribution.replace('-', '_')}-1.{self.count}.dist-info"
            info.mkdir()
            (info / "METADATA").write_text(
                f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.{self.count}\n"
                f"Requires-Dist: {requires}\n"
            )
            (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}{attribute}\n")
            self.count += 1
        found = distributions(path=[str(self.folder)])
        return sorted((point for each in found for point in each.entry_points), key=lambda each: each.value)  # fmt: skip

    def run(self, *arguments, environ):
        """Run Python with the folder on its path."""
        return subprocess.run(
            [sys.executable, *arguments],
            env={**environ, "PYTHONPATH": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install distributions of strangers, one plugin each."""
    folder = tmp_path / f"strangers_{tmp_path.name}"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return Plugins(folder)
