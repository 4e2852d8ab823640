"""The check for open files and sockets names what is open, and who opened it."""

from __future__ import annotations

import os
import socket
import tracemalloc

import pytest

from credicorp_auth_testing.contracts.descriptors import _look_at, none_left_open


def test_it_shows_the_object_or_what_the_descriptor_refers_to(tmp_path):
    """Sockets and files are shown as Python shows them; other descriptors by their target."""
    (tmp_path / "closed").touch()
    closed = (tmp_path / "closed").open("rb")
    closed.close()
    with pytest.raises(AssertionError, match="left open:") as caught:
        with none_left_open():
            left = [socket.socket(), (tmp_path / "closed").open("rb")]
            nameless = os.memfd_create("nameless")
    os.close(nameless)
    for each in left:
        each.close()

    shown = str(caught.value)
    assert "<socket.socket fd=" in shown
    assert f"<_io.FileIO name='{tmp_path}/closed'" in shown
    assert "/memfd:nameless" in shown
    assert "-X tracemalloc=8" in shown


def test_it_shows_the_line_if_allocations_are_traced():
    """Under tracemalloc, the lines that opened a socket are part of the failure."""
    tracemalloc.start(8)
    try:
        with pytest.raises(AssertionError, match=r"left = socket\.socket\(\)"):
            with none_left_open():
                left = socket.socket()
    finally:
        tracemalloc.stop()
    left.close()


def test_connections_that_a_server_accepts_do_not_count():
    """A fake server of the test's own, in the same process, may leave connections open."""
    with socket.create_server(("127.0.0.1", 0)) as listener, none_left_open():
        client = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
        client.close()

    accepted.close()


def test_a_connection_of_the_adapters_own_counts():
    """The end that the adapter opened counts, though a server of this process accepted the other."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with pytest.raises(AssertionError, match="raddr="):
            with none_left_open():
                client = socket.create_connection(listener.getsockname())
                accepted, _ = listener.accept()
        client.close()
        accepted.close()


def test_a_descriptor_that_was_closed_meanwhile_is_no_socket():
    """A descriptor may be closed by another thread while it is looked at."""
    ours = socket.socket()
    number = ours.detach()
    os.close(number)

    assert (False, None) == _look_at(number)
