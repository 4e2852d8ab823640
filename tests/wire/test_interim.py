"""Interim responses: which are skipped, and how many."""

from __future__ import annotations

import io
from http.client import HTTPException

import pytest

from credicorp_auth.wire.interim import MAX_INTERIM, MAX_INTERIM_BYTES, FinalResponse

FINAL = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"


def read_all(data, *, at_once):
    """Read a response whose bytes arrive in pieces of that size."""
    source = io.BytesIO(data)
    response = FinalResponse(lambda size: source.read(min(size, at_once)))
    return b"".join(iter(lambda: response.read(7), b""))


@pytest.mark.parametrize("at_once", [1, 5, 8192])
@pytest.mark.parametrize(
    "interim",
    [
        b"",
        HINTS,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 3,
        b"HTTP/1.0 102 \n\n",
        HINTS * MAX_INTERIM,
    ],
)
def test_fault_420_what_precedes_the_final_response_is_skipped(interim, at_once):
    """420: also if bare line feeds end the lines, and wherever packets end."""
    assert FINAL == read_all(interim + FINAL, at_once=at_once)


@pytest.mark.parametrize(
    "other",
    [
        b"HTTP/1.1 101 Switching Protocols\r\n\r\nbytes",
        b"HTTP/1.1 1x0 Odd\r\n\r\n",
        b"HTTP/2 100 Odd\r\n\r\n",
        b"+OK\r\n",
        b"HTTP/1.1 103 Early",
        b"",
    ],
)
def test_fault_420_anything_else_is_left_to_the_stack(other):
    """420: a switch of protocols, what is not HTTP/1, and half a header are passed on."""
    assert other == read_all(other, at_once=3)


@pytest.mark.parametrize(
    "endless",
    [HINTS * (MAX_INTERIM + 1), b"HTTP/1.1 103 x\r\nLink: " + b"x" * MAX_INTERIM_BYTES],
)
def test_fault_420_they_are_bounded(endless):
    """420: too many, or too many bytes, are a failure."""
    with pytest.raises(HTTPException):
        read_all(endless + FINAL, at_once=8192)
