"""A transport to send with, an authority of the tests' own, and nothing from the environment."""

from __future__ import annotations

import gc
import os
import ssl
import time
from typing import TYPE_CHECKING

import pytest
import trustme

from credicorp_auth.errors import CredicorpAuthError
from credicorp_auth.oauth.http import HttpRequest
from credicorp_auth.oauth.secret import Secret, SecretBytes
from credicorp_auth_urllib3.transport import TransportOptions, Urllib3Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _descriptors(transport: Urllib3Transport) -> Iterator[None]:
    """After each test, as many files and sockets are open as before."""
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    yield
    transport.close()
    gc.collect()

    assert before == len(os.listdir("/proc/self/fd"))


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture(scope="session")
def server_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context


@pytest.fixture
def transport(ca_file: Path) -> Iterator[Urllib3Transport]:
    made = Urllib3Transport(TransportOptions(ca_file=str(ca_file)))
    yield made
    made.close()


@pytest.fixture(scope="session")
def ask() -> Callable[..., HttpRequest]:
    """Build a token request that carries a canary in its header and in its body."""

    def build(url: str, **headers: str) -> HttpRequest:
        return HttpRequest(
            method="POST",
            url=url,
            headers={"Authorization": Secret("Basic c2VjcmV0LWNhbmFyeQ=="), **headers},
            body=SecretBytes(b"client_secret=secret-canary"),
        )

    return build


@pytest.fixture(scope="session")
def refusal() -> Callable[..., CredicorpAuthError]:
    """Send a request that must fail on time, and without a trace of what it carried."""
    return _refusal


def _refusal(
    transport: Urllib3Transport, request: HttpRequest, *, timeout: float = 5.0
) -> CredicorpAuthError:
    start = time.monotonic()
    with pytest.raises(CredicorpAuthError) as caught:
        transport.send(request, timeout=timeout)

    assert time.monotonic() - start < timeout + 0.25
    _assert_holds_nothing(caught.value)
    return caught.value


def _assert_holds_nothing(error: CredicorpAuthError) -> None:
    """The error, its context, cause, and the frames of the plugin hold no credential."""
    assert error.__cause__ is None
    assert error.__context__ is None
    assert "canary" not in f"{error!s}{error!r}"
    assert "c2VjcmV0" not in f"{error!s}{error!r}{error.__dict__}"
    traceback = error.__traceback__
    names = []
    while traceback is not None:
        names.append(traceback.tb_frame.f_code.co_name)
        if "credicorp_auth_urllib3" in traceback.tb_frame.f_code.co_filename:
            assert "canary" not in repr(traceback.tb_frame.f_locals)
            for value in traceback.tb_frame.f_locals.values():
                assert not _reaches(value, b"client_secret=", depth=4)
        traceback = traceback.tb_next

    assert "send" == names[-1]


def _reaches(value: object, wanted: bytes, *, depth: int) -> bool:
    """Walk what an object refers to, except through the closures that are there to hold secrets."""
    if isinstance(value, bytes):
        return wanted in value
    if depth == 0 or isinstance(value, type) or callable(value):
        return False
    return any(_reaches(each, wanted, depth=depth - 1) for each in gc.get_referents(value))
