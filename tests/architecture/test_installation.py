"""Installing a checkout by pip, in fresh environments: the lists, each plugin by itself, the core alone."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
import venv
from contextlib import contextmanager
from pathlib import Path

import distributions
import pytest

from credicorp_auth.plugin.loading.kinds import KINDS

pytestmark = pytest.mark.proof

CHECKOUT = Path(os.environ.get("CREDICORP_CHECKOUT") or Path(__file__).parents[2])
PLUGINS = [each for each in distributions.listed(root=CHECKOUT) if each.is_plugin]
OWN = {own.name: (kind, own) for kind in KINDS for own in kind.own}
CLEAN = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("CREDICORP_", "PYTHON", "COVERAGE_", "VIRTUAL_ENV", "TOX_"))
}


class Environment:
    """A fresh virtual environment, and a copy of the checkout to install from."""

    def __init__(self, folder):
        self.checkout = folder / "checkout"
        ignored = shutil.ignore_patterns(".git", ".tox", "build", "*.egg-info", "__pycache__", ".*_cache")  # fmt: skip
        shutil.copytree(CHECKOUT, self.checkout, ignore=ignored)
        venv.create(folder / "venv", with_pip=True)
        self.scripts = folder / "venv" / "bin"
        self.seconds = 0.0

    def pip(self, *arguments):
        """Run pip in the checkout; return what it printed."""
        begun = time.monotonic()
        ran = self.run("-m", "pip", *arguments)
        self.seconds += time.monotonic() - begun
        assert 0 == ran.returncode, ran.stdout + ran.stderr
        return ran.stdout

    def run(self, *arguments, **environ):
        """Run Python in the checkout's folder, isolated from it."""
        return subprocess.run(
            [str(self.scripts / "python"), "-P", *arguments],
            cwd=self.checkout,
            env={**CLEAN, **environ},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    def states(self, **environ):
        """Return state and warning of each of our adapters, as the command lists them."""
        ran = self.run("-m", "credicorp_auth", "adapters", "--format", "json", **environ)
        assert 0 == ran.returncode, ran.stderr
        return {each["name"]: (each["state"], each["warning"]) for each in json.loads(ran.stdout)}


@pytest.fixture
def fresh(tmp_path):
    return Environment(tmp_path)


@contextmanager
def running_sandbox(fresh):
    """Run the command `sandbox` of an environment; yield the variables of its READY line."""
    process = subprocess.Popen(
        [str(fresh.scripts / "credicorp-auth"), "sandbox"],
        env=CLEAN,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        ready = json.loads(process.stdout.readline())
        names = ("base_url", "client_id", "client_secret")
        yield {f"CREDICORP_{name.upper()}": ready[name] for name in names}
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def quick_start():
    """Return the Python blocks of the README that need no other plugin."""
    blocks = re.findall(r"```python\n(.*?)```", (CHECKOUT / "README.md").read_text(), re.DOTALL)
    return "\n".join(each for each in blocks if "httpx" not in each)


def test_the_readmes_quick_start_runs_after_its_install_commands(fresh, evidence):
    """After `pip install -r standard.txt`, and again with the command line, the quick start runs."""
    fresh.pip("install", "-r", "standard.txt")
    installed = sorted(re.findall(r"(?m)^credicorp-auth[\w-]*", fresh.pip("list")))
    fresh.pip("install", "-r", "standard.txt", ".[cli,sandbox]")
    fresh.pip("check")
    with running_sandbox(fresh) as environ:
        ran = fresh.run("-c", quick_start(), **environ)
        header = fresh.run("-m", "credicorp_auth", "token", **environ)
        doctor = fresh.run("-m", "credicorp_auth", "doctor", **environ)

    assert ["credicorp-auth", *(f"credicorp-auth-{each}" for each in ("env", "memory", "urllib3"))] == installed  # fmt: skip
    assert (0, "") == (ran.returncode, ran.stderr)
    assert ["200", "1", "Bearer "] == ran.stdout.splitlines()
    assert (0, 0) == (header.returncode, doctor.returncode), doctor.stdout
    evidence("installation", installed=installed, quick_start=ran.stdout.splitlines(), pip_seconds=round(fresh.seconds, 1))  # fmt: skip


def test_everything_is_installed_by_one_list(fresh):
    """After `pip install -r all.txt` each of our adapters is there, and nothing is broken."""
    fresh.pip("install", "-r", "all.txt", ".[cli]")
    fresh.pip("check")

    assert {"available", "active"} == {state for state, _ in fresh.states().values()}


def test_each_plugin_is_installed_listed_forbidden_and_removed_by_itself(fresh, evidence):
    """Beside the core alone a plugin can be had, listed, forbidden, and removed without a trace."""
    figures = {}
    for plugin in PLUGINS:
        folder = plugin.folder.name
        names = {name for name, (_, own) in OWN.items() if own.folder == folder}
        extras = f"[{','.join(sorted(plugin.extras))}]" if plugin.extras else ""
        fresh.pip("install", ".[cli]", f"./plugins/{folder}{extras}")
        fresh.pip("check")
        there = fresh.states()
        forbidden = fresh.states(CREDICORP_PLUGINS="nothing")
        fresh.pip("uninstall", "--yes", f"credicorp-auth-{folder}")
        fresh.pip("check")
        gone = fresh.states()
        figures[folder] = {"listed": sorted(names), "hint": gone[min(names)][1]}

        assert names == {name for name, (state, _) in there.items() if state != "not installed"}
        assert {"blocked"} == {forbidden[name][0] for name in names}
        assert {"not installed"} == {state for state, _ in gone.values()}
        assert all(OWN[name][1].install_command == warning for name, (_, warning) in gone.items())
    evidence("installation-plugins", **figures, pip_seconds=round(fresh.seconds, 1))


def test_the_core_alone_names_the_folder(fresh):
    """The core by itself, asked for a token, says what to install; that command makes it work."""
    fresh.pip("install", ".")
    code = "from credicorp_auth import CredicorpAuth; CredicorpAuth(client_id='c', client_secret='s').close()"
    said = fresh.run("-c", code).stderr
    fresh.pip("install", "./plugins/urllib3", "./plugins/memory")

    assert "the transport 'urllib3' is not installed" in said
    assert "pip install ./plugins/urllib3 in a checkout of credicorp-auth" in said
    assert (0, "") == (fresh.run("-c", code).returncode, fresh.run("-c", code).stderr)
