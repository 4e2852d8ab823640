"""The contract kit gives a verdict: nothing that an adapter does makes it hang, or run twice."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import threading
import time
from pathlib import Path

import pytest
import trustme

from credicorp_auth_testing.contracts.children import child_of, in_child
from credicorp_auth_testing.limits import limited
from credicorp_auth_testing.wire import Receive, WireServer
from pytest_runs import pytest_of

pytestmark = pytest.mark.slow

SUITES = Path(__file__).with_name("suites")
HANGS = "did not end within 1 s, the time limit of a contract test"


@pytest.mark.parametrize(
    ("suite", "test", "hangs"),
    [
        ("TestHangingTransport", "test_fault_075_cookies_are_dropped", 2),
        ("TestHangingCache", "test_a_key_that_was_never_written_has_no_entry", 2),
        ("TestHangingFixture", "test_a_key_that_was_never_written_has_no_entry", 1),
    ],
)
def test_fault_461_a_hanging_adapter_fails(tmp_path, suite, test, hangs):
    """461: an adapter that hangs fails its test, in call and cleanup each, and the run ends."""
    source = (SUITES / "hanging.py").read_text()
    ran = pytest_of(tmp_path, source, "-k", f"{suite} and {test}", "--credicorp-limit", "1")

    assert 1 == ran.returncode
    assert f"{suite} does not conform" in ran.stdout
    assert hangs == ran.stdout.count(f"E       Failed: it {HANGS}")


@pytest.mark.parametrize(
    ("suite", "test"),
    [
        ("TestForkingTransport", "test_fault_075_cookies_are_dropped"),
        ("TestForkingCache", "test_a_key_that_was_never_written_has_no_entry"),
    ],
)
def test_fault_462_a_fork_does_not_run_the_suite(tmp_path, suite, test):
    """462: a child that raises out of a test ends there; the tests that follow run once."""
    source = (SUITES / "forking.py").read_text()
    ran = pytest_of(tmp_path, source, "-k", f"{suite} and {test} or test_that_follows")

    assert "1 failed, 1 passed" in ran.stdout
    assert 1 == ran.stdout.count("credicorp-auth contracts ==")
    assert "x" == (tmp_path / "followed").read_text()


def test_fault_462_a_child_that_raises_is_a_failure(capfd):
    """462: a child of a test that raises ends there, with its traceback, and fails the test."""

    def work():
        raise SystemExit("raised in the child")

    assert not in_child(work)
    assert "raised in the child" in capfd.readouterr().err
    assert not in_child(lambda: False)
    assert in_child(lambda: True)


def test_fault_461_a_child_that_hangs_is_killed():
    """461: a child of a test that does not end fails the test, and is gone."""
    began, begin = os.pipe()

    def work():
        os.write(begin, b"%d" % os.getpid())
        return bool(signal.pause())

    with pytest.raises(pytest.fail.Exception, match=r"did not end within 0\.5 s"):
        in_child(work, seconds=0.5)
    child = int(os.read(began, 30))
    os.close(began)
    os.close(begin)
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_fault_462_no_child_outlives_its_block():
    """462: if anything is raised beside a child, the child is gone."""
    with contextlib.suppress(ZeroDivisionError), child_of(lambda: bool(signal.pause())) as child:
        raise ZeroDivisionError

    assert not child.succeeded
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01"], ids=["silent", "half a handshake"])
def test_fault_461_a_client_without_handshake_does_not_hold_the_server(said):
    """461: a server under TLS ends although a client connected and does not shake hands."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with limited(20), contextlib.ExitStack() as opened:
        with WireServer([Receive()], tls=context) as server:
            clients = [
                opened.enter_context(socket.create_connection(("127.0.0.1", server.port)))
                for _ in range(8)
            ]
            for client in clients:
                client.sendall(said)
            while len(server.connections) < len(clients):
                time.sleep(0.001)
        assert [b""] * len(clients) == [each.recv(1) for each in clients]


def test_a_shorter_limit_of_the_suite_counts():
    """A timer that ends before ours is left alone, and one that ends later is put back."""
    rang = threading.Event()
    handler = signal.signal(signal.SIGALRM, lambda *_: rang.set())
    before = signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with limited(20):
            assert rang.wait(10)
        signal.setitimer(signal.ITIMER_REAL, 1000)
        with pytest.raises(pytest.fail.Exception), limited(0.05):
            threading.Event().wait(10)
        assert 900 < signal.getitimer(signal.ITIMER_REAL)[0]
    finally:
        signal.setitimer(signal.ITIMER_REAL, *before)
        signal.signal(signal.SIGALRM, handler)


def test_outside_the_main_thread_nothing_is_limited():
    """Where no signal arrives, a test runs without a limit, and without an error."""
    ran = []

    def run():
        with limited(0.001):
            ran.append(threading.Event().wait(0.05))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()

    assert [False] == ran
