"""Response reader: verifies framing, encoding and length."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from credicorp_auth.errors import ConnectionFailed, MalformedResponse
from credicorp_auth.http.messages import MAX_BODY, HttpResponse
from credicorp_auth.http.secret import SecretBytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

PIECE: Final = 64 * 1024
"""Maximum number of body bytes that a stack should deliver at a time."""

_LENGTH: Final = re.compile(r"[0-9]{1,18}")


@frozen
class OpenResponse:
    """
    Response whose header has been read.

    Args:
        status: HTTP status code.
        headers: Pairs of name and value, in the order received.
        pieces: The undecoded body as it arrives, at most `PIECE` bytes at a time.
        close: Abandons the rest of the body, and closes the connection.
    """

    status: int
    headers: Sequence[tuple[str, str]]
    pieces: Iterable[bytes] = field(repr=False)
    close: Callable[[], object] = field(repr=False)

    def header_values(self, name: str) -> list[str]:
        """Return each value of the header `name`, which must be in lower case."""
        return [value for each, value in self.headers if each.lower() == name]


def read_response_body(response: OpenResponse, *, host: str) -> HttpResponse:
    """
    Read the body of a response whose header has been read.

    Args:
        response: The response from the stack.
        host: Host and port, for messages.

    Raises:
        ConnectionFailed: The end of the body is ambiguous, or the response is not final
            (`transport.protocol`).
        MalformedResponse: The body is encoded although the request declined that
            (`response.content_encoding`), or is longer than `MAX_BODY` (`response.too_large`).
    """
    length = _verify_framing(response, host)
    _verify_encoding(response, host)
    body = _read_body(response, host, length)
    return HttpResponse(response.status, tuple(response.headers), SecretBytes(body))


def _verify_framing(response: OpenResponse, host: str) -> int:
    # RFC 9112 section 6.3: another reader may take a response with two lengths for two responses,
    # so the connection must not be reused.
    lengths = response.header_values("content-length")
    encodings = [value.lower() for value in response.header_values("transfer-encoding")]
    is_clear = (
        response.status >= HTTPStatus.OK
        and encodings in ([], ["chunked"])
        and len(lengths) + len(encodings) <= 1
        and all(_LENGTH.fullmatch(length) for length in lengths)
    )
    if not is_clear:
        raise ConnectionFailed(
            f"{host} sent a response whose end is ambiguous",
            code="transport.protocol",
            hint="ask the operator of the server, or of the proxy in front of it.",
            retryable=False,
        )
    return int(lengths[0]) if lengths else 0


def _verify_encoding(response: OpenResponse, host: str) -> None:
    for value in response.header_values("content-encoding"):
        if value.strip().lower() not in ("", "identity"):
            raise MalformedResponse(
                f"{host} compressed its response although the request did not allow it",
                code="response.content_encoding",
                hint="configure the server, or its proxy, to respect Accept-Encoding.",
            )


def _read_body(response: OpenResponse, host: str, length: int) -> bytes:
    pieces: list[bytes] = []
    room = MAX_BODY
    if length <= room:
        for piece in response.pieces:
            pieces.append(piece)
            room -= len(piece)
            if room < 0:
                break
        else:
            return b"".join(pieces)
    raise MalformedResponse(
        f"{host} sent a response of more than {MAX_BODY} bytes", code="response.too_large"
    )
