"""One canary, looked for in all that may show it: faults 315, 318, 320, 321, 323, 328 to 331, 333, 334."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import traceback
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import credicorp_auth
from credicorp_auth import Secret, errors
from credicorp_auth.settings.schema import Settings
from credicorp_auth.wiring.engines import build_engine
from credicorp_auth_testing.fakes import SwitchableCache, wait_idle
from credicorp_auth_testing.sandbox import Fault, Sandbox

pytestmark = pytest.mark.slow

CANARY = "hunter2-canary"
CHECKOUT = Path(os.environ.get("CREDICORP_CHECKOUT") or Path(__file__).parents[2])
SHIPPED = [
    path
    for folder in (CHECKOUT / "credicorp_auth", *(CHECKOUT / "plugins").glob("*/credicorp_auth_*"))
    for path in sorted(folder.rglob("*.py"))
]

FAILURES = {
    "refused": [Fault(401, body='{"error": "invalid_client"}', headers={"Content-Type": "application/json"})],
    "echoed": [Fault(400, body=json.dumps({"error": "invalid_request", "error_description": CANARY}), headers={"Content-Type": "application/json"})],
    "busy": [Fault(503)] * 3,
    "nonsense": [Fault(200, body=f"<html>{CANARY}</html>", headers={"Content-Type": "text/html"})],
}  # fmt: skip


@pytest.mark.parametrize("failure", FAILURES)
def test_fault_315_318_320_what_went_wrong_shows_nothing(lab, failure, recwarn):
    """A traceback with its local names, warnings, and all that an error holds as JSON: no canary."""
    outcome, _ = lab.meet(*FAILURES[failure])
    try:
        raise outcome
    except errors.CredicorpAuthError as caught:
        emitted = traceback.TracebackException.from_exception(caught, capture_locals=True)
        texts = [*emitted.format(), json.dumps(vars(caught), default=repr), caught.hint]

    assert CANARY not in "".join(texts)
    assert [] == [str(each.message) for each in recwarn]


def called(tree, *names):
    """Say which of these names, such as `os.system`, a module calls or writes to."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in names:
            yield ast.unparse(node.func)
        if isinstance(node, (ast.Assign, ast.Delete)):
            yield from (
                n for t in node.targets for n in names if ast.unparse(t).startswith(f"{n}[")
            )


def test_fault_318_321_no_warnings_no_children_no_environment_of_ours():
    """What is shipped warns of nothing by `warnings`, changes no variable, and starts no process but the user's own."""
    forbidden = [
        "warnings.warn", "subprocess.run", "subprocess.Popen", "os.system", "os.execv", "os.posix_spawn",
        "os.putenv", "os.environ", "os.environ.update", "os.environ.pop", "os.environ.setdefault",
    ]  # fmt: skip

    starter = "plugins/exec/credicorp_auth_exec/program.py: subprocess.Popen"

    assert 50 < len(SHIPPED)
    assert [starter] == [
        f"{path.relative_to(CHECKOUT)}: {name}"
        for path in SHIPPED
        for name in called(ast.parse(path.read_text("utf-8")), *forbidden)
    ]


def test_fault_287_locks_are_taken_by_with():
    """An interruption between taking a lock and the block that gives it back finds no such place."""
    bare = {
        f"{path.relative_to(CHECKOUT).as_posix()}"
        for path in SHIPPED
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".acquire")
    }

    # A waiter's lock is its own, and is never given back by it.
    assert {"credicorp_auth/engine/single_flight/waiter.py"} == bare


class NotingCache(SwitchableCache):
    """A shared cache that keeps the keys it is asked for."""

    def __init__(self):
        super().__init__()
        self.keys = set()

    def read(self, key, *, timeout):
        self.keys.add(key)
        return super().read(key, timeout=timeout)

    def write(self, key, entry, *, lifetime, timeout):
        self.keys.add(key)
        return super().write(key, entry, lifetime=lifetime, timeout=timeout)


def test_fault_323_keys_say_nothing():
    """What an entry, a file or a lock is named by is a digest, in which nothing can be read."""
    cache = NotingCache()
    with Sandbox() as sandbox:
        engine = build_engine(
            Settings(
                base_url=sandbox.base_url,
                client_id=sandbox.client_id,
                client_secret=sandbox.client_secret,
                scope="decisions:read",
                cache=cache,
            )
        )
        engine.get_token()
        wait_idle()
        engine.close()

    assert set() != cache.keys
    assert [] == [each for each in cache.keys if not re.fullmatch(r"[A-Za-z0-9_-]{32,}", each)]


MINT_UNDER_WATCH = """
import json, sys
from credicorp_auth import CredicorpAuth
transport = sys.argv[1]
def build():
    return CredicorpAuth.from_env(scope="decisions:read", transport=transport)
with build() as warm:
    warm.get_token()  # libraries load their parts, and read what belongs to them
seen = []
def watch(event, arguments):
    if event in {"open", "socket.connect", "subprocess.Popen", "os.exec", "os.posix_spawn", "os.system", "exec"}:
        seen.append([event, str(arguments[1] if event == "socket.connect" else arguments[0])])
with build() as auth:
    sys.addaudithook(watch)
    auth.get_token()
    watched = list(seen)
print(json.dumps(watched))
"""


@pytest.mark.parametrize("transport", ["urllib3", "requests", "httpx"])
def test_fault_328_329_a_mint_touches_nothing_else(transport, tmp_path):
    """To mint a token is one connection to the token endpoint: no file, no netrc, no process."""
    if transport not in {each.name for each in entry_points(group="credicorp_auth.transports")}:
        pytest.skip("not installed beside the core alone; in CI it is, in the environments of all")
    home = tmp_path / "home"
    home.mkdir()
    netrc = home / ".netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    with Sandbox() as sandbox:
        ran = subprocess.run(
            [sys.executable, "-c", MINT_UNDER_WATCH, transport],
            env={
                **os.environ, "HOME": str(home), "NETRC": str(netrc), "CREDICORP_BASE_URL": sandbox.base_url,
                "CREDICORP_CLIENT_ID": sandbox.client_id, "CREDICORP_CLIENT_SECRET": sandbox.client_secret,
            },
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        port = int(sandbox.issuer.rpartition(":")[2])

    assert ("", 0) == (ran.stderr, ran.returncode)
    assert [["socket.connect", str(("127.0.0.1", port))]] == json.loads(ran.stdout)


TOLD = [CHECKOUT / "README.md", CHECKOUT / "SECURITY.md", *sorted((CHECKOUT / "docs").rglob("*.md")), *sorted((CHECKOUT / "plugins").glob("*/README.md"))]  # fmt: skip
# A secret, a token or a key in a text: of ours, of AWS, of Vault, of anybody.
LOOKS_SECRET = re.compile(
    r"eyJ[\w-]{20,}|AKIA[0-9A-Z]{16}|hv[sb]\.\w{20,}|BEGIN [A-Z ]*PRIVATE KEY|csk_(?!sbx_example)\w+|://[^\s/:@]+:(?!pass)[^\s/@{]+@"
)


@pytest.mark.parametrize("row", ["330-fixtures", "331-documentation"])
def test_fault_330_331_examples_hold_dummies(row):
    """Nothing that we tell or ship looks like a secret, and secrets in examples say that they are none."""
    texts = {path: path.read_text("utf-8") for path in (TOLD if row.startswith("331") else SHIPPED)}
    literal = re.compile(r"""client_secret["']?\s*[:=]\s*["']([^"'{]+)["']""")
    dummies = {"not-a-real-secret", "csk_sbx_example", "…", "..."}

    assert [] == [
        f"{path}: {found[0]}"
        for path, text in texts.items()
        for found in LOOKS_SECRET.finditer(text)
    ]
    assert [] == [
        f"{path}: {found[1]}" for path, text in texts.items() for found in literal.finditer(text) if found[1] not in dummies
    ]  # fmt: skip


def test_fault_333_secrets_are_compared_in_constant_time():
    """Equality of secrets goes through `hmac.compare_digest`, and never by the text itself."""
    source = Path(credicorp_auth.http.secret.__file__).read_text("utf-8")
    compared = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and node.name == "__eq__"
    ]
    revealed = [
        f"{path.relative_to(CHECKOUT)}:{node.lineno}"
        for path in SHIPPED
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Compare)
        and any(isinstance(op, (ast.Eq, ast.NotEq)) for op in node.ops)
        and ".reveal()" in ast.unparse(node)
    ]

    assert ["return hmac.compare_digest(self._digest(), other._digest())"] == [
        ast.unparse(each.body[-1]) for each in compared
    ]
    assert [] == revealed
    assert Secret("a") == Secret("a") != Secret("b")


def test_fault_334_a_fingerprint_is_of_its_process():
    """The same secret shows the same fingerprint here, and another one elsewhere."""
    program = "from credicorp_auth import Secret; print(Secret('weak'))"
    ran = [subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip() for _ in range(2)]  # fmt: skip
    here = {str(Secret("weak")), str(Secret("weak"))}

    assert (1, 3) == (len(here), len({*ran, *here}))
    assert all(re.fullmatch(r"<Secret \*\*\* [0-9a-f]{8}>", each) for each in {*ran, *here})
