"""The examples in README and docs run as they stand."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from credicorp_auth_testing.sandbox import Sandbox, SandboxSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "plugins").glob("*/README.md")),
]
_FENCE: Final = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMAND: Final = re.compile(r"^\$ (credicorp-auth .*)$", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block of a page, and the line on which its text begins."""

    text: str
    line: int


def blocks(page: Path, language: str) -> list[Block]:
    """Return the fenced blocks of one language, in order."""
    text = page.read_text("utf-8")
    return [
        Block(found["text"], text.count("\n", 0, found.start("text")))
        for found in _FENCE.finditer(text)
        if found["language"] == language
    ]


def commands(page: Path) -> list[list[str]]:
    """Return the arguments of each `credicorp-auth` command that a page shows."""
    shown = "".join(block.text for block in blocks(page, "console"))
    return [shlex.split(line)[1:] for line in _COMMAND.findall(shown)]


def named(page: Path) -> str:
    """Return what a page is called in test names."""
    return str(page.relative_to(ROOT))


def holding(language: str) -> list[Path]:
    """Return the pages that hold a block of that language."""
    return [page for page in PAGES if blocks(page, language)]


@pytest.fixture
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Point `CREDICORP_*` at a sandbox of the test's own, in an empty folder."""
    with Sandbox(SandboxSettings()) as sandbox:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("CREDICORP_BASE_URL", sandbox.base_url)
        monkeypatch.setenv("CREDICORP_ISSUER", sandbox.issuer)
        monkeypatch.setenv("CREDICORP_AUDIENCE", sandbox.settings.audience)
        monkeypatch.setenv("CREDICORP_CLIENT_ID", sandbox.client_id)
        monkeypatch.setenv("CREDICORP_CLIENT_SECRET", sandbox.client_secret)
        monkeypatch.setenv("CREDICORP_CONFIG", str(tmp_path / "credicorp.toml"))
        yield tmp_path


@pytest.mark.parametrize("page", holding("python"), ids=named)
def test_python_blocks_run_in_order(page: Path, surroundings: Path) -> None:
    """The python blocks of a page, run one after the other, raise nothing."""
    for profile in blocks(page, "toml"):
        path = surroundings / "credicorp.toml"
        path.write_text(profile.text, "utf-8")
        path.chmod(0o600)
    namespace: dict[str, object] = {"__name__": "__main__"}

    for block in blocks(page, "python"):
        # Blank lines in front, so that a traceback names the line of the page.
        code = compile("\n" * block.line + block.text, str(page), "exec")
        exec(code, namespace)


@pytest.mark.parametrize(
    "command",
    [each for page in PAGES for each in commands(page) if each[0] != "sandbox"],
    ids=" ".join,
)
@pytest.mark.usefixtures("surroundings")
def test_commands_succeed(command: list[str]) -> None:
    """A command that a page shows ends with exit code 0, says something, and has no error."""
    ran = subprocess.run(
        [sys.executable, "-m", "credicorp_auth", *command],
        capture_output=True,
        check=False,
        text=True,
        timeout=300,
    )

    assert 0 == ran.returncode
    # Without a cache that outlives the process, a command notes that its token ends with it.
    assert all(line.startswith("note: ") for line in ran.stderr.splitlines())
    assert ran.stdout.strip()


@pytest.mark.parametrize(
    "command",
    [each for page in PAGES for each in commands(page) if each[0] == "sandbox"],
    ids=" ".join,
)
def test_sandbox_commands_start_and_stop(command: list[str]) -> None:
    """A sandbox that a page starts announces itself, and ends cleanly on SIGTERM."""
    with subprocess.Popen(
        [sys.executable, "-m", "credicorp_auth", *command], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        announced = process.stdout.readline()
        process.send_signal(signal.SIGTERM)

    assert '"ready": true' in announced
    assert 0 == process.returncode


def test_there_are_examples() -> None:
    """The patterns above find what they are for: README and tutorial hold python examples."""
    found = [named(page) for page in holding("python")]

    assert {"README.md", "docs/tutorial/first-token.md"} <= set(found)
