"""Taking an answer off the wire: one frame, no encoding, and not too long."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from credicorp_auth.errors import ConnectionFailed, MalformedAnswer
from credicorp_auth.oauth.http import MAX_BODY, HttpResponse
from credicorp_auth.oauth.secret import SecretBytes

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_PIECE: Final = 64 * 1024  # bytes
_LENGTH: Final = re.compile(r"[0-9]{1,18}")


def read_answer(answer: BaseHTTPResponse, *, host: str) -> HttpResponse:
    """
    Read the rest of an answer whose head has come.

    Args:
        answer: What urllib3 made of the head.
        host: Host and port, for messages.

    Raises:
        ConnectionFailed: It is not clear where the body ends, or no final answer has come
            (`transport.protocol`).
        MalformedAnswer: The body is encoded although that was declined
            (`response.content_encoding`), or longer than `MAX_BODY` (`response.too_large`).
    """
    _verify_framing(answer, host)
    _verify_encoding(answer, host)
    return HttpResponse(
        status=answer.status,
        headers=tuple(answer.headers.iteritems()),
        body=SecretBytes(_read_body(answer, host)),
    )


def _verify_framing(answer: BaseHTTPResponse, host: str) -> None:
    # RFC 9112 section 6.3: an answer that states its length twice may be two answers to another
    # reader, so nothing on that connection can be relied on any more.
    lengths = answer.headers.getlist("content-length")
    encodings = [value.lower() for value in answer.headers.getlist("transfer-encoding")]
    is_clear = (
        answer.status >= HTTPStatus.OK
        and encodings in ([], ["chunked"])
        and len(lengths) + len(encodings) <= 1
        and all(_LENGTH.fullmatch(length) for length in lengths)
    )
    if not is_clear:
        raise ConnectionFailed(
            f"{host} sent an answer that does not say clearly where it ends",
            code="transport.protocol",
            cure="ask the operator of the server, or of the proxy in front of it.",
            retryable=False,
        )


def _verify_encoding(answer: BaseHTTPResponse, host: str) -> None:
    for value in answer.headers.getlist("content-encoding"):
        if value.strip().lower() not in ("", "identity"):
            raise MalformedAnswer(
                f"{host} compressed its answer although it was asked not to",
                code="response.content_encoding",
                cure="have the server, or the proxy in front of it, respect Accept-Encoding.",
            )


def _read_body(answer: BaseHTTPResponse, host: str) -> bytes:
    pieces: list[bytes] = []
    room = MAX_BODY
    if int(answer.headers.get("content-length", "0")) <= room:
        # One byte more than fits is enough to know that it does not fit.
        while piece := answer.read(min(_PIECE, room + 1), decode_content=False):
            pieces.append(piece)
            room -= len(piece)
            if room < 0:
                break
        else:
            return b"".join(pieces)
    raise MalformedAnswer(
        f"{host} sent an answer of more than {MAX_BODY} bytes", code="response.too_large"
    )
