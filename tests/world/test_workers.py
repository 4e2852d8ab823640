"""Servers and task queues whose workers run under gevent or eventlet."""

from __future__ import annotations

import http.client
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from credicorp_auth_testing.wire import Receive, Send, WireServer, response
from redis_server import RedisServer

pytestmark = pytest.mark.slow

PROGRAMS = Path(__file__).parent / "programs"
CALLERS = 200
JSON = ("Content-Type", "application/json")
TOKEN = response(
    b'{"access_token": "abc", "token_type": "Bearer", "expires_in": 3600}', headers=[JSON]
)


def has_eventlet_worker() -> bool:
    """Return whether gunicorn is one of the last that have the worker `eventlet`."""
    return int(version("gunicorn").partition(".")[0]) < 26


class Log:
    """The log of a process, read by a thread so that the process never waits."""

    def __init__(self, process):
        self._stream = process.stderr
        self._lines = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._stream:
            self._lines.put(line)

    def find(self, pattern):
        """Wait for a line that matches, and return the match."""
        while True:
            found = re.search(pattern, self._lines.get(timeout=100))
            if found:
                return found

    def close(self):
        """Close the stream, at its end."""
        self._reader.join(20)
        self._stream.close()


@pytest.fixture(scope="module")
def key():
    """A key of the issuer."""
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def access_token(key):
    """A token that a caller of the service presents."""
    claims = {
        "iss": "https://as.example",
        "aud": "api",
        "sub": "app",
        "client_id": "app",
        "scope": "decisions:read",
        "jti": "1",
        "iat": time.time(),
        "exp": time.time() + 3600,
    }
    return jwt.encode(claims, key, algorithm="ES256", headers={"kid": "1", "typ": "at+jwt"})


@pytest.fixture
def start(pulse, request):
    """Start a worker in the programs' folder, and return its log."""

    def start_worker(*command, **environ):
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", *command],
            cwd=PROGRAMS,
            env={**os.environ, **environ, "WORLD_PULSE": str(pulse.port), "PYTHONPATH": "."},
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

        log = Log(process)

        def stop():
            # With its workers: eventlet's does not end by itself on some interpreters.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            log.close()

        request.addfinalizer(stop)
        return log

    return start_worker


def ask_all(port, token):
    """Send all callers' requests at once; return the responses with their counts."""
    responses = Counter()

    def ask():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=100)
        connection.request("GET", "/me", headers={"Authorization": f"Bearer {token}"})
        response_ = connection.getresponse()
        responses[response_.status, response_.read()] += 1
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(CALLERS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return responses


@pytest.mark.parametrize(
    "worker",
    [
        "gevent",
        pytest.param(
            "eventlet",
            marks=pytest.mark.skipif(not has_eventlet_worker(), reason="gunicorn 26 or newer"),
        ),
    ],
)
@pytest.mark.parametrize("preload", [[], ["--preload"]], ids=["loaded", "preloaded"])
def test_fault_417_gunicorn(pulse, start, key, access_token, worker, preload):
    """417: two hundred guarded requests at once: the keys are fetched once, and one mint is made."""
    jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key()))
    keys = response(json.dumps({"keys": [{**jwk, "kid": "1"}]}).encode(), headers=[JSON])
    with (
        WireServer([Receive(), pulse.beats(), Send(keys)]) as issuer,
        WireServer([Receive(), pulse.beats(), Send(TOKEN)]) as server,
    ):
        log = start(
            *("gunicorn", "-k", worker, "-b", "127.0.0.1:0", *preload, "service:application"),
            WORLD_KEYS=issuer.url,
            WORLD_SERVER=server.url.removesuffix("/token"),
        )
        port = int(log.find(r"Listening at: http://127\.0\.0\.1:(\d+)")[1])
        responses = ask_all(port, access_token)

    assert {(200, b"abc"): CALLERS} == responses
    assert (1, 1) == (len(issuer.connections), len(server.connections))


@pytest.mark.skipif(not find_spec("celery"), reason="only where Celery is installed")
@pytest.mark.parametrize("pool", ["gevent", "eventlet"])
def test_fault_417_celery(pulse, start, run_program, pool):
    """417: two hundred tasks in one worker need one mint."""
    with (
        RedisServer() as redis,
        WireServer([Receive(), pulse.beats(), Send(TOKEN)]) as server,
    ):
        environ = {
            "WORLD_REDIS": redis.url.removesuffix("/0"),
            "WORLD_SERVER": server.url.removesuffix("/token"),
        }
        log = start(
            *("celery", "-A", "tasks", "worker", "-P", pool, "-c", "200", "-l", "INFO"), **environ
        )
        log.find(" ready")
        outcomes = run_program("tasks.py", **environ, WORLD_PULSE="0")

    assert ({"abc": CALLERS}, 1) == (outcomes, len(server.connections))
