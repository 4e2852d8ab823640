"""
Interim responses: skipped, up to a limit.

A client must be able to read responses with a 1xx status before the final one, whether it expects
them or not (RFC 9110 section 15.2). http.client skips only 100, and httpcore skips any number of
them. So the bytes are read here first, for every stack alike.
"""

from __future__ import annotations

from http.client import HTTPException
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_INTERIM: Final = 1000
"""Number of interim responses that one exchange may have."""

MAX_INTERIM_BYTES: Final = 256 * 1024
"""Bytes that all of them may have."""

_VERSIONS: Final = (b"HTTP/1.0 ", b"HTTP/1.1 ")
_SWITCHING_PROTOCOLS: Final = b"101"  # final: the bytes after it are not HTTP


class FinalResponse:
    """
    Reads the bytes of one response, without the interim responses before it.

    Args:
        receive: Receives up to that many bytes; empty at the end of the stream.
    """

    def __init__(self, receive: Callable[[int], bytes]) -> None:
        self._receive = receive
        self._held = b""
        self._is_final = False

    def read(self, size: int) -> bytes:
        """
        Return up to `size` bytes, at least one; empty at the end of the stream.

        Raises:
            HTTPException: There are too many interim responses, or one is too long.
        """
        if not self._is_final:
            self._skip_interim()
        if not self._held:
            return self._receive(size)
        data, self._held = self._held[:size], self._held[size:]
        return data

    def _skip_interim(self) -> None:
        count = size = 0
        while _may_be_interim(self._held):
            end = _find_header_end(self._held)
            self._held, size = self._held[end:], size + end
            if end:
                count += 1
            elif not self._receive_more():
                break
            if count > MAX_INTERIM or size + len(self._held) > MAX_INTERIM_BYTES:
                message = "no end of interim responses"
                raise HTTPException(message)
        self._is_final = True

    def _receive_more(self) -> bool:
        data = self._receive(8192)
        self._held += data
        return bool(data)


def _may_be_interim(start: bytes) -> bool:
    """Return whether the response that starts so is an interim one, or may turn out to be one."""
    version, status = start[:9], start[9:12]
    if not any(each.startswith(version) for each in _VERSIONS) or status == _SWITCHING_PROTOCOLS:
        return False
    return b"1".startswith(status[:1]) and (status + b"000")[:3].isdigit()


def _find_header_end(data: bytes) -> int:
    """Return where the header ends, its empty line included; 0 if it is not complete."""
    ends = (data.find(mark) + len(mark) for mark in (b"\r\n\r\n", b"\n\n") if mark in data)
    return min(ends, default=0)
