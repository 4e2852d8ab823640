"""The contract of a secret source finds bugs that were planted in sources which conform."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from threading import Event, Lock, Thread

import pytest

from credicorp_auth.plugin.api import FetchedSecret
from credicorp_auth_env import EnvSecretSource
from credicorp_auth_exec import ExecSecretSource, SourceOptions
from credicorp_auth_testing.contracts.secret_source import SecretSourceContract
from credicorp_auth_testing.contracts.secret_source.canary import CANARY
from credicorp_auth_testing.contracts.secret_source.harness import RECORD

pytestmark = pytest.mark.slow

CONTRACT = SecretSourceContract()


class Around:
    """A source that passes fetches on."""

    held = ()

    def __init__(self, inner):
        self.inner = inner
        self.capabilities = inner.capabilities

    def fetch(self, names, *, timeout):
        return self.inner.fetch(names, timeout=timeout)

    def after_fork(self):
        self.inner.after_fork()


class Exports(Around):
    def fetch(self, names, *, timeout):
        os.environ["KIT_PLANTED"] = CANARY
        del os.environ["KIT_PLANTED"]
        return super().fetch(names, timeout=timeout)


class WritesAFile(Around):
    def fetch(self, names, *, timeout):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(CANARY)
            file.flush()
        return super().fetch(names, timeout=timeout)


class LeavesAFile(Around):
    def fetch(self, names, *, timeout):
        (self.folder / "copy").write_text(CANARY)
        (self.folder / "another's").unlink(missing_ok=True)
        return super().fetch(names, timeout=timeout)


class HoldsAFile(Around):
    def fetch(self, names, *, timeout):
        self.held = [*self.held, os.memfd_create("copy")]
        os.write(self.held[-1], CANARY.encode())
        return super().fetch(names, timeout=timeout)


class TellsAProgram(Around):
    def fetch(self, names, *, timeout):
        subprocess.run([sys.executable, "-c", "", CANARY.encode()], check=True)
        return super().fetch(names, timeout=timeout)


class TellsAProgramInItsEnvironment(Around):
    def fetch(self, names, *, timeout):
        subprocess.run([sys.executable, "-c", ""], env={b"PLANTED": CANARY.encode()}, check=True)
        return super().fetch(names, timeout=timeout)


class KeepsItsLock(Around):
    """One lock round each fetch, which a child inherits as it is."""

    def __init__(self, inner):
        super().__init__(inner)
        self.lock = Lock()

    def fetch(self, names, *, timeout):
        with self.lock:
            return super().fetch(names, timeout=timeout)


class RemembersTheNames(Around):
    """The names of a call are kept where those of another thread are kept, too."""

    def fetch(self, names, *, timeout):
        self.names = list(names)
        fetched = super().fetch(RECORD, timeout=timeout)
        fields = {name: fetched.fields[name] for name in self.names}
        return FetchedSecret(fields, fetched.version, provenance=fetched.provenance)


class LeavesAThread(Around):
    def fetch(self, names, *, timeout):
        Thread(target=self.over.wait, name="left-behind", daemon=True).start()
        return super().fetch(names, timeout=timeout)


class LeavesASocket(Around):
    def fetch(self, names, *, timeout):
        self.held = [*self.held, socket.socket()]
        return super().fetch(names, timeout=timeout)


def from_variables(_folder):
    return EnvSecretSource(
        environment={f"CREDICORP_{name.upper()}": value for name, value in RECORD.items()}
    )


def from_a_program(folder):
    record = folder / "record.json"
    record.write_text(json.dumps({"version": 1, **RECORD}))
    return ExecSecretSource(SourceOptions(command=["cat", str(record)], timeout=20))


@pytest.fixture(params=[from_variables, from_a_program])
def inner(request, tmp_path):
    made = request.param(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("kind", "event"),
    [
        (Exports, "os.putenv"),
        (WritesAFile, "open"),
        (LeavesAFile, "open"),
        (HoldsAFile, "open"),
        (TellsAProgram, "subprocess.Popen"),
        (TellsAProgramInItsEnvironment, "subprocess.Popen"),
    ],
)
def test_fault_466_a_source_that_hands_the_secret_out(inner, kind, event, tmp_path):
    """466: a value in a variable, a file or the arguments of a program is found, however briefly."""
    CONTRACT.test_fault_466_the_secret_stays_in_the_process(Around(inner))
    planted = kind(inner)
    planted.folder = tmp_path
    with pytest.raises(AssertionError, match=rf"\('{event}', 'plain'\)"):
        CONTRACT.test_fault_466_the_secret_stays_in_the_process(planted)
    for descriptor in planted.held:
        os.close(descriptor)


def test_fault_467_a_source_whose_child_inherits_a_lock(inner):
    """467: a lock that a thread held at a fork, and that nobody renews, is found."""
    CONTRACT.test_fault_467_a_fork_amid_fetches(Around(inner))
    with pytest.raises(pytest.fail.Exception, match="child did not end"):
        CONTRACT.test_fault_467_a_fork_amid_fetches(KeepsItsLock(inner))


def test_fault_468_a_source_that_confuses_names(inner):
    """468: a source that returns the fields which another thread asked for is found."""
    CONTRACT.test_fault_468_threads_with_other_names(Around(inner))
    with pytest.raises(AssertionError):
        CONTRACT.test_fault_468_threads_with_other_names(RemembersTheNames(inner))


def test_a_source_that_leaves_threads(inner):
    """A source whose fetches each leave a thread is found; the threads are named."""
    CONTRACT.test_threads_do_not_pile_up(Around(inner))
    planted = LeavesAThread(inner)
    planted.over = Event()
    with pytest.raises(AssertionError, match="left-behind"):
        CONTRACT.test_threads_do_not_pile_up(planted)
    planted.over.set()


@pytest.mark.parametrize("kind", [Around, LeavesASocket])
def test_a_source_that_leaves_a_socket(inner, kind):
    """A source that leaves a socket is found; the line that opened it is named."""
    planted = kind(inner)
    planted.close = lambda: None

    class Contract(SecretSourceContract):
        def build_source(self, _fields):
            return planted

    expected = (
        nullcontext()
        if kind is Around
        else pytest.raises(AssertionError, match=r"socket\.socket fd=")
    )
    with expected:
        Contract().test_nothing_stays_open()
    for each in planted.held:
        each.close()
