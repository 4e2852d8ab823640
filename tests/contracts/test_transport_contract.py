"""The contract of a transport finds bugs that were planted in transports which conform."""

from __future__ import annotations

import logging
import os
from contextlib import nullcontext
from threading import Event, Lock, Thread

import pytest

from credicorp_auth.errors import CredicorpAuthError
from credicorp_auth_httpx import HttpxTransport
from credicorp_auth_testing.contracts.transport import TransportContract
from credicorp_auth_urllib3 import Urllib3Transport

pytestmark = pytest.mark.slow

CONTRACT = TransportContract()


class Around:
    """A transport that passes requests on."""

    def __init__(self, inner):
        self.inner = inner
        self.capabilities = inner.capabilities

    def send(self, request, *, timeout):
        return self.inner.send(request, timeout=timeout)

    def close(self):
        self.inner.close()


class LogsTheRequest(Around):
    def send(self, request, *, timeout):
        logging.getLogger("some.library").debug("sending %r", request.wire_body())
        return super().send(request, timeout=timeout)


class LogsTheHeaders(Around):
    def send(self, request, *, timeout):
        logging.getLogger("some.library").debug("sending", extra={"h": request.wire_headers()})
        return super().send(request, timeout=timeout)


class PrintsTheResponse(Around):
    def send(self, request, *, timeout):
        response = super().send(request, timeout=timeout)
        os.write(2, response.body.reveal())
        return response


class KeepsTheResponse(Around):
    def send(self, request, *, timeout):
        self.last = super().send(request, timeout=timeout)
        return self.last


def holding(value):
    return lambda: value


class KeepsTheBodyInAClosure(Around):
    def send(self, request, *, timeout):
        self.retry = [holding(bytearray(request.wire_body()))]
        return super().send(request, timeout=timeout)


class KeepsWhatFailed(Around):
    def send(self, request, *, timeout):
        self.failed = {"request": request}
        response = super().send(request, timeout=timeout)
        del self.failed
        return response


class LeavesAThread(Around):
    """A thread for each transport, which `close` forgets."""

    over = None

    def __init__(self, inner):
        super().__init__(inner)
        Thread(target=self.over.wait, name="left-behind", daemon=True).start()


class OneAtATime(Around):
    def __init__(self, inner):
        super().__init__(inner)
        self.lock = Lock()

    def send(self, request, *, timeout):
        with self.lock:
            return super().send(request, timeout=timeout)


@pytest.fixture(params=[Urllib3Transport, HttpxTransport])
def inner(request):
    made = request.param()
    yield made
    made.close()


@pytest.mark.parametrize("kind", [LogsTheRequest, LogsTheHeaders, PrintsTheResponse])
def test_fault_463_a_transport_that_shows_a_secret(inner, kind, capfd):
    """463: what is logged or printed of a request or its response is found."""
    CONTRACT.test_fault_463_logs_hold_nothing(Around(inner), capfd)
    with pytest.raises(AssertionError, match=r"assert \[\] =="):
        CONTRACT.test_fault_463_logs_hold_nothing(kind(inner), capfd)


@pytest.mark.parametrize("kind", [KeepsTheResponse, KeepsTheBodyInAClosure, KeepsWhatFailed])
def test_fault_464_a_transport_that_keeps_a_secret(inner, kind):
    """464: what a transport keeps of a request or its response is found, opaque or not."""
    CONTRACT.test_fault_464_nothing_is_kept(Around(inner))
    with pytest.raises(AssertionError, match=r"assert \[\] =="):
        CONTRACT.test_fault_464_nothing_is_kept(kind(inner))


@pytest.mark.parametrize("servers", [1, 2])
def test_fault_465_a_transport_with_one_lock(inner, servers):
    """465: a transport that sends one request at a time is found."""
    CONTRACT.test_fault_465_requests_at_once(Around(inner), servers)
    with pytest.raises((AssertionError, CredicorpAuthError)):
        CONTRACT.test_fault_465_requests_at_once(OneAtATime(inner), servers)


@pytest.mark.parametrize("build", [Urllib3Transport, HttpxTransport])
@pytest.mark.parametrize("kind", [Around, LeavesAThread])
def test_a_transport_that_leaves_threads(kind, build):
    """A transport that starts a thread and never ends it is found; the threads are named."""

    class Contract(TransportContract):
        def build_transport(self):
            return kind(build())

    LeavesAThread.over = Event()
    expected = (
        nullcontext() if kind is Around else pytest.raises(AssertionError, match="left-behind")
    )
    with expected:
        Contract().test_threads_do_not_pile_up()
    LeavesAThread.over.set()
