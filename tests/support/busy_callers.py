"""Rotations under load: threads that call the API with a bearer while its secret is replaced."""

from __future__ import annotations

import itertools
import threading
import time
from contextlib import contextmanager

from attrs import frozen

from credicorp_auth.errors import CredicorpAuthError
from credicorp_auth_urllib3 import BearerPoolManager

THREADS = 8
PATIENCE = 120.0  # seconds; a token lives for two or three


@contextmanager
def busy_callers(auth, url):
    """Call from eight threads during the block; yield the statuses and the errors that they get."""
    pool, stopped = BearerPoolManager(auth, maxsize=THREADS), threading.Event()
    statuses, failures = [], []

    def work():
        while not stopped.is_set():
            try:
                statuses.append(pool.request("GET", url).status)
            except CredicorpAuthError as error:
                failures.append(error)
            time.sleep(0.02)

    auth.get_token()
    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for each in threads:
        each.start()
    try:
        yield statuses, failures
    finally:
        stopped.set()
        for each in threads:
            each.join()


@frozen
class Outcome:
    """
    What became of the calls during rotations.

    Args:
        seconds: The duration.
        rotations: The number of rotations.
        refusals: The number of token requests that the server refused.
        statuses: The status of each call that got a response.
        failures: The error of each call that got none.
    """

    seconds: float
    rotations: int
    refusals: int
    statuses: list[int]
    failures: list[CredicorpAuthError]

    def figures(self):
        """Return the figures for the evidence."""
        return {
            "seconds": round(self.seconds, 1),
            "calls": len(self.statuses),
            "rotations": self.rotations,
            "refusals": self.refusals,
            "failed": len(self.failures) + sum(each != 200 for each in self.statuses),
        }

    def assert_no_call_failed(self):
        """Each call returned 200, and each rotation cost at most two refused token requests."""
        assert [] == self.failures
        assert {200} == set(self.statuses)
        assert self.refusals <= 2 * self.rotations


def rotate_under_load(sandbox, auth, rotate, *, seconds=0.0, least=1):
    """
    Rotate again and again while eight threads call the API, each time until two tokens were minted.

    Args:
        sandbox: The authorization server and the API.
        auth: The `CredicorpAuth` that the threads use.
        rotate: Rotates; it is called with 2, 3 and so on.
        seconds: How long to go on.
        least: The least number of rotations.
    """
    began = time.monotonic()
    with busy_callers(auth, f"{sandbox.base_url}/decisions/dec_1") as (statuses, failures):
        for number in itertools.count(2):
            rotate(number)
            wait_for_mints(sandbox, failures)
            if failures or (number > least and time.monotonic() > began + seconds):
                break

    took, refusals = time.monotonic() - began, sandbox.counters["token_refused"]
    return Outcome(took, number - 1, refusals, statuses, failures)


def wait_for_mints(sandbox, failures=(), *, count=2):
    """Wait until that many tokens were minted from now on, or a call failed."""
    wanted, end = sandbox.counters["mints"] + count, time.monotonic() + PATIENCE
    while sandbox.counters["mints"] < wanted and not failures:
        assert time.monotonic() < end, "nothing is minted any more"
        time.sleep(0.02)


def rotate_secret(sandbox, publish, *, overlap=0.0):
    """
    Return a rotation of the client secret, `canary-1`, `canary-2` and so on.

    Args:
        sandbox: The authorization server; it accepts the new secret before that is published.
        publish: Puts a secret where the application finds it.
        overlap: Time in seconds for which the old secret still works.
    """

    def rotate(number):
        sandbox.client.add_secret(f"canary-{number}")
        publish(f"canary-{number}")
        time.sleep(overlap)
        sandbox.client.revoke_secret(f"canary-{number - 1}")

    return rotate
