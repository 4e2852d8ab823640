"""The single flight under threads, tasks, signals, finalisers, forks, and at the end of the program."""

from __future__ import annotations

import asyncio
import gc
import signal
import subprocess
import sys
import threading
import time

import pytest
from policies import POLICIES, Tokens

from credicorp_auth import errors
from credicorp_auth_testing.fakes import wait_idle
from forks import holds_in_a_child


def test_fault_282_threads_and_tasks_of_two_loops_share_each_request(scale, evidence):
    """282, 295: a thousand threads and a thousand tasks of two loops cost one request, again and again."""
    each, rounds = max(20, round(1000 * scale)), max(2, round(20 * scale))
    for _ in range(rounds):
        subject, found = Tokens(timeout=60), []
        subject.transport.gate.clear()

        async def ask(subject=subject, found=found):
            tokens = await asyncio.gather(*(subject.auth.aget_token() for _ in range(each // 2)))
            found.extend(token.value.reveal() for token in tokens)

        threads = [
            *(
                threading.Thread(target=lambda s=subject, f=found: f.append(s.get()))
                for _ in range(each)
            ),
            *(threading.Thread(target=lambda a=ask: asyncio.run(a())) for _ in range(2)),
        ]
        for thread in threads:
            thread.start()
        subject.transport.gate.set()
        for thread in threads:
            thread.join()
        assert ["token-1"] * (2 * each) == found
        assert 1 == subject.requests
        subject.close()
    evidence("threads-and-tasks", rounds=rounds, callers=2 * each, requests=rounds)


class Storm:
    """Signal handlers and finalisers that drop and ask, beside threads that do the same."""

    def __init__(self, subject):
        self.subject, self.failed = subject, []
        self.counts = {"handlers": 0, "finalisers": 0, "loops": 0}
        self._inside = threading.local()

    def ask(self, kind):
        """Drop what is known and ask; note what went wrong."""
        if kind != "loops" and getattr(self._inside, "now", False):
            return
        self._inside.now = kind != "loops"
        try:
            self.subject.invalidate()
            assert self.subject.get()
        except errors.Reentrant:
            pass  # a finaliser that runs inside the call itself
        except Exception as error:  # noqa: BLE001 - a finaliser's would be lost
            self.failed.append(error)
        finally:
            self._inside.now = False
        self.counts[kind] += 1

    def run(self, until):
        """Make garbage, drop and ask, until then."""
        while time.monotonic() < until:
            Finalised(self)
            self.ask("loops")


class Finalised:
    """Garbage in a circle, whose finaliser asks on the thread that collects it."""

    def __init__(self, storm):
        self.storm, self.me = storm, self

    def __del__(self):
        self.storm.ask("finalisers")


@pytest.mark.parametrize("policy", POLICIES)
def test_fault_491_handlers_and_finalisers_may_ask(policy, scale, evidence):
    """491: handlers on the main thread and finalisers on any drop and ask; all get what they ask for."""
    storm = Storm(POLICIES[policy](timeout=20))
    until = time.monotonic() + 20 * max(scale, 0.02)
    threads = [threading.Thread(target=storm.run, args=(until,)) for _ in range(2)]
    threshold = gc.get_threshold()
    handler = signal.signal(signal.SIGALRM, lambda *_: storm.ask("handlers"))
    gc.set_threshold(20, *threshold[1:])
    signal.setitimer(signal.ITIMER_REAL, 0.004, 0.004)
    try:
        for thread in threads:
            thread.start()
        storm.run(until)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        gc.set_threshold(*threshold)
        for thread in threads:
            thread.join()
    gc.collect()
    wait_idle()

    assert [] == storm.failed
    assert all(storm.counts.values())
    storm.subject.close()
    evidence(f"handlers-and-finalisers-{policy}", failed=0, **storm.counts)


def test_fault_290_forks_in_mid_flight(scale, evidence):
    """290: children that are forked while calls are in flight ask for themselves, and none hangs."""
    forks, right = max(5, round(200 * scale)), 0
    subjects = [make() for make in POLICIES.values()]
    over = threading.Event()

    def work(subject):
        while not over.is_set():
            subject.invalidate()
            subject.get()

    threads = [threading.Thread(target=work, args=(each,)) for each in subjects]
    for each in subjects:
        each.get()  # modules that are loaded on first use: a child inherits the lock of an import
    for thread in threads:
        thread.start()

    def check():
        return all(subject.get() for subject in subjects)

    for _ in range(forks):
        right += holds_in_a_child(check)
    over.set()
    for thread in threads:
        thread.join()

    assert forks == right
    for each in subjects:
        each.close()
    evidence("forks-in-mid-flight", forks=forks, bad=0)


PROGRAM = """
import atexit, threading
from policies import POLICIES

subjects = [make() for make in POLICIES.values()]
for each in subjects[:1] + subjects[2:]:
    each.transport.gate.clear()
    threading.Thread(target=each.get, daemon=True).start()
while any(each.requests == 0 for each in subjects[:1] + subjects[2:]):
    pass
late = POLICIES["tokens"]()
atexit.register(lambda: print(late.get(), POLICIES["introspection"]().get(), POLICIES["document"]().get()))
"""


def test_fault_492_the_program_ends_in_mid_flight():
    """492: at the end of a program calls in flight are left alone, and an exit handler may still ask."""
    path = ":".join(["tests/single_flight", "testing", *sys.path])
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (0, "token-1 True document-1\n", "") == (ran.returncode, ran.stdout, ran.stderr)
