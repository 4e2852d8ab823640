"""Threads that call the API with a bearer until a test has seen enough: rotations under load."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager

from credicorp_auth.errors import CredicorpAuthError
from credicorp_auth_urllib3 import BearerPoolManager

THREADS = 8


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
