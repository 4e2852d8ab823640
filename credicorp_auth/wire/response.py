"""Response reader: verifies framing, encoding and length."""

from __future__ import annotations

import re
import zlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple

from credicorp_auth.errors import ConnectionFailed, MalformedResponse
from credicorp_auth.http.messages import MAX_BODY, HttpResponse
from credicorp_auth.http.secret import SecretBytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

PIECE: Final = 64 * 1024
"""Maximum number of body bytes that a stack should deliver at a time."""

_LENGTH: Final = re.compile(r"[0-9]{1,18}")
_SPACE: Final = " \t"  # optional white space around a value (RFC 9110 section 5.6.3)
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_UNSAFE: Final = re.compile(r"[\0\r\n]")
_MOST_FIELDS: Final = 99  # the limits of http.client, which counts the empty line as well
_LONGEST_VALUE: Final = 65_000  # characters
_ZIPPED: Final = (["gzip"], ["GZIP"], ["x-gzip"])
_GZIP: Final = 31  # zlib's number for the gzip format


class OpenResponse(NamedTuple):
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
    pieces: Iterable[bytes]
    close: Callable[[], object]

    def __repr__(self) -> str:
        """Show the status alone: what follows may be a token."""
        return f"OpenResponse(status={self.status})"

    def header_values(self, name: str) -> list[str]:
        """Return each value of the header `name`, which must be in lower case."""
        return [value.strip(_SPACE) for each, value in self.headers if each.lower() == name]


def read_response_body(
    response: OpenResponse, *, host: str, is_document: bool = False
) -> HttpResponse:
    """
    Read the body of a response whose header has been read.

    Args:
        response: The response from the stack.
        host: Host and port, for messages.
        is_document: Whether a public document was requested. Stores of static files send those
            with gzip even if the request accepts none, so that is decoded.

    Raises:
        ConnectionFailed: The end of the body is ambiguous, the header is damaged or too large, or
            the response is not final (`transport.protocol`).
        MalformedResponse: The body is encoded although the request declined that
            (`response.content_encoding`), or is longer than `MAX_BODY` (`response.too_large`).
    """
    _verify_header(response, host)
    length = _verify_framing(response, host)
    is_zipped = is_document and response.header_values("content-encoding") in _ZIPPED
    if not is_zipped:
        _verify_encoding(response, host)
    body = _read_body(response, host, length)
    if is_zipped:
        body = _unzip(body, host)
    headers = tuple((name, value.strip(_SPACE)) for name, value in response.headers)
    return HttpResponse(response.status, headers, SecretBytes(body))


def _verify_header(response: OpenResponse, host: str) -> None:
    # Libraries differ in which of these they let through, and in their limits.
    if len(response.headers) > _MOST_FIELDS or not all(
        _NAME.fullmatch(name) and len(value) <= _LONGEST_VALUE and not _UNSAFE.search(value)
        for name, value in response.headers
    ):
        raise ConnectionFailed(
            f"{host} sent an answer with a damaged or too large header",
            code="transport.protocol",
            hint="ask the operator of the server, or of the proxy in front of it.",
            retryable=False,
        )


def _unzip(body: bytes, host: str) -> bytes:
    unzip, document = zlib.decompressobj(wbits=_GZIP), b""
    try:
        document = unzip.decompress(body, MAX_BODY + 1)
        is_whole = unzip.eof and not unzip.unused_data
    except zlib.error:
        is_whole = False
    if len(document) > MAX_BODY:
        raise _too_large(host)
    if not is_whole:
        raise MalformedResponse(
            f"{host} sent a damaged gzip stream",
            code="response.content_encoding",
            hint="have the server, or the store behind it, write the document again.",
        )
    return document


def _verify_framing(response: OpenResponse, host: str) -> int:
    # RFC 9112 section 6.3: another reader may take a response with two lengths for two responses,
    # so the connection must not be reused.
    # The same length again is one length (section 8.6 of RFC 9110).
    lengths = list(dict.fromkeys(response.header_values("content-length")))
    # As received: http.client reads no chunks if there is white space behind the word.
    encodings = [
        value.lower() for name, value in response.headers if name.lower() == "transfer-encoding"
    ]
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
    raise _too_large(host)


def _too_large(host: str) -> MalformedResponse:
    return MalformedResponse(
        f"{host} sent a response of more than {MAX_BODY} bytes", code="response.too_large"
    )
