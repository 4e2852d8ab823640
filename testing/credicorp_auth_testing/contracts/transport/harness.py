"""Test harness of transports: a private certificate authority, and a clean environment."""

from __future__ import annotations

import gc
import socket
import ssl
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from credicorp_auth.errors import AdapterFailure, CredicorpAuthError
from credicorp_auth.http.messages import HttpRequest
from credicorp_auth.http.secret import Secret, SecretBytes
from credicorp_auth.plugin.api import Transport
from credicorp_auth_testing.contracts import not_offered
from credicorp_auth_testing.contracts.descriptors import none_left_open
from credicorp_auth_testing.ticks import Ticks

Build = Callable[..., Transport]


class TransportHarness:
    """The harness of a transport's tests; see `TransportContract`."""

    def build_transport(self, **options: Any) -> Transport:
        """
        Build the transport under test.

        Args:
            options: Those of `ca_file`, `client_certificate`, `proxy` and `connect_timeout` that a
                test needs, as a user sets them.
        """
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _clean_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.upper(), raising=False)

    @pytest.fixture(autouse=True)
    def _descriptors(self) -> Iterator[None]:
        """Check that a test leaves no more files and sockets open than before."""
        with none_left_open():
            yield

    @pytest.fixture
    def build(self, _descriptors: None) -> Iterator[Build]:
        """Return a function that builds transports; close them after the test."""
        with ExitStack() as made:

            def build(**options: Any) -> Transport:
                transport = self.build_transport(**options)
                made.callback(transport.close)
                return transport

            yield build

    @pytest.fixture
    def transport(self, build: Build, ca_file: Path) -> Transport:
        """Build a transport that trusts the tests' authority."""
        return build(ca_file=str(ca_file))

    @pytest.fixture(scope="class")
    @classmethod
    def authority(cls) -> trustme.CA:
        """Create a certificate authority."""
        return trustme.CA()

    @pytest.fixture(scope="class")
    @classmethod
    def ca_file(cls, authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """Write the authority's certificate to a file."""
        path = tmp_path_factory.mktemp("authority") / "ca.pem"
        authority.cert_pem.write_to_path(str(path))
        return path

    @pytest.fixture(scope="class")
    @classmethod
    def server_context(cls, authority: trustme.CA) -> ssl.SSLContext:
        """Return the TLS context of a server with a trusted certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
        return context

    @pytest.fixture
    def black_hole(self) -> Iterator[int]:
        """Return a port to which no connection is ever established."""
        with black_hole_port() as port:
            yield port


@contextmanager
def black_hole_port() -> Generator[int]:
    """Return a port with a full accept queue, so that no further connection is established."""
    with ExitStack() as opened:
        listener = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = listener.getsockname()
        for _ in range(3):
            filler = opened.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(address)
        yield address[1]


def needs_total_deadline(transport: Transport) -> None:
    """Skip a test of a slow response if the transport does not declare `total_deadline`."""
    if not transport.capabilities.total_deadline:
        not_offered("it declares no total deadline")


def ask(url: str, **headers: str) -> HttpRequest:
    """Build a token request that carries a canary in its header and in its body."""
    return HttpRequest(
        method="POST",
        url=url,
        headers={"Authorization": Secret("Basic c2VjcmV0LWNhbmFyeQ=="), **headers},
        body=SecretBytes(b"client_secret=secret-canary"),
    )


def refusal(
    transport: Transport, request: HttpRequest, *, timeout: float = 5.0
) -> CredicorpAuthError:
    """Send a request that must fail on time; verify that the error holds no credential."""
    with Ticks() as ticks, pytest.raises(CredicorpAuthError) as caught:
        transport.send(request, timeout=timeout)

    assert ticks.seconds < timeout + 0.25
    _assert_holds_nothing(caught.value)
    return caught.value


def _assert_holds_nothing(error: CredicorpAuthError) -> None:
    """Verify that the error, its context, its cause and its frames hold no credential."""
    assert isinstance(error.__cause__, AdapterFailure | None)
    assert error.__context__ is None
    shown = f"{error!s}{error!r}{error.__cause__!s}"
    assert "canary" not in shown
    assert "c2VjcmV0" not in f"{shown}{error.__dict__}"
    traceback = error.__traceback__
    frame = None
    while traceback is not None:
        frame, traceback = traceback.tb_frame, traceback.tb_next
        if frame.f_code.co_name == "send":
            assert "canary" not in repr(frame.f_locals)
            for value in frame.f_locals.values():
                assert not _reaches(value, b"client_secret=", depth=4)

    assert frame is not None
    assert frame.f_code.co_name == "send"


def _reaches(value: object, wanted: bytes, *, depth: int) -> bool:
    """Return true if an object refers to the bytes, other than through callables."""
    if isinstance(value, bytes):
        return wanted in value
    if depth == 0 or isinstance(value, type) or callable(value):
        return False
    return any(_reaches(each, wanted, depth=depth - 1) for each in gc.get_referents(value))
