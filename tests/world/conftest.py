"""
Programs that run in a world of their own, and servers that go on only while such a program does.

A program under gevent or eventlet has one thread for all its greenlets. If one of them blocks it,
none of the others runs, and none can send a beat. So a server that waits for beats before it goes
on is answered by a program that never blocks, however slow the machine is.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROGRAMS = Path(__file__).parent / "programs"
PATIENCE = 30.0


class Pulse:
    """Counts the bytes that a program sends while it runs, and wakes those who wait for them."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._changed = threading.Condition()
        self.count = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                peer, _ = self._listener.accept()
                threading.Thread(target=self._take, args=(peer,), daemon=True).start()

    def _take(self, peer: socket.socket) -> None:
        with peer, suppress(OSError):
            while data := peer.recv(4096):
                with self._changed:
                    self.count += len(data)
                    self._changed.notify_all()

    def wait(self, beats: int = 5) -> None:
        """Wait for that many beats from now on; OSError tells that the program is blocked."""
        with self._changed:
            wanted = self.count + beats
            if not self._changed.wait_for(lambda: self.count >= wanted, PATIENCE):
                raise OSError

    def beats(self) -> Beats:
        """Return a step that waits for some beats."""
        return Beats(self)

    def note(self, counts: list[int]) -> Note:
        """Return a step that notes how many beats there were."""
        return Note(self, counts)

    def relay(self, port: int) -> Relay:
        """Return a step that relays to another server, the first response after some beats."""
        return Relay(self, port)

    def close(self) -> None:
        """Stop listening."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@frozen
class Beats:
    """Step of a scripted server: go on after some beats."""

    pulse: Pulse

    def play(self, _connection: Any) -> None:
        """Wait."""
        self.pulse.wait()


@frozen
class Note:
    """Step of a scripted server: note how many beats there were."""

    pulse: Pulse
    counts: list[int]

    def play(self, _connection: Any) -> None:
        """Note the count."""
        self.counts.append(self.pulse.count)


@frozen
class Relay:
    """Step of a scripted server: pass bytes to and from another one."""

    pulse: Pulse
    port: int

    def play(self, connection: Any) -> None:
        """Relay until one side ends."""
        with socket.create_connection(("127.0.0.1", self.port)) as server:
            server.sendall(connection.socket.recv(65536))
            self.pulse.wait()
            back = threading.Thread(target=_pump, args=(server, connection.socket), daemon=True)
            back.start()
            _pump(connection.socket, server)
            back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def pulse() -> Iterator[Pulse]:
    """Count the beats of a program."""
    pulse = Pulse()
    yield pulse
    pulse.close()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.CA, str]:
    """An authority, and the file with its certificate."""
    made = trustme.CA()
    path = str(tmp_path_factory.mktemp("authority") / "ca.pem")
    made.cert_pem.write_to_path(path)
    return made, path


@pytest.fixture
def run_program() -> Callable[..., Any]:
    """Run one of the programs, and return what it printed, read as JSON."""

    def run(name: str, *arguments: str, **environ: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", str(PROGRAMS / name), *arguments],
            env={**os.environ, **environ},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.stdout, done.stderr[-2000:]
        return json.loads(done.stdout.splitlines()[-1])

    return run
