"""
Fault 440: dialects of servers, over every transport: what one accepts, all accept.

Two things that http.client reads and h11 refuses cannot be told apart from outside: two spaces in a
status line, and a chunk size that begins with 0x. They are left to the libraries.
"""

from __future__ import annotations

import gzip
import itertools
import json

import pytest
from requests import Session

from credicorp_auth import CredicorpAuth, errors
from credicorp_auth.http.messages import MAX_BODY, HttpRequest
from credicorp_auth.plugin.api.options import AdapterOptions
from credicorp_auth.plugin.loading.registry import TRANSPORT, Registry
from credicorp_auth_requests import RequestsTransport
from credicorp_auth_testing.wire import Receive, Send, WireServer

TRANSPORTS = ["urllib3", "requests", "httpx", "httpx2", "session"]
BODY = b'{"access_token":"t-1","token_type":"Bearer","expires_in":3600}'
GRANTED = "t-1 3600 "
LENGTH = b"Content-Length: "
CLIENTS = itertools.count()
SESSIONS = []


@pytest.fixture(autouse=True)
def _no_session_left_open():
    yield
    while SESSIONS:
        SESSIONS.pop().close()


def raw(body=BODY, *fields, start=b"HTTP/1.1 200 OK", media=b"Content-Type: application/json", length=True, line=b"\r\n"):  # fmt: skip
    lines = [start, *([media] if media else [])]
    lines += [LENGTH + str(len(body)).encode()] if length else []
    return line.join([*lines, *fields]) + line + line + body


def sized(text):
    return raw(BODY, LENGTH + text.replace(b"N", str(len(BODY)).encode()), length=False)


def chunked(size=b"%x", *, end=b"\r\n", trailer=b"", field=b"Transfer-Encoding: chunked"):
    body = size.replace(b"%x", f"{len(BODY):x}".encode()) + end + BODY + end + b"0\r\n" + trailer
    return raw(body + b"\r\n", field, length=False)


def with_member(text):
    return raw(BODY[:-1] + b"," + text + b"}")


def living(text):
    return raw(BODY.replace(b"3600", text))


DIALECTS = {
    "plain": (raw(), GRANTED),
    "created": (raw(start=b"HTTP/1.1 201 Created"), GRANTED),
    "no-reason": (raw(start=b"HTTP/1.1 200"), GRANTED),
    "empty-reason": (raw(start=b"HTTP/1.1 200 "), GRANTED),
    "latin-reason": (raw(start=b"HTTP/1.1 200 \xe4"), GRANTED),
    "http-1.0": (raw(start=b"HTTP/1.0 200 OK"), GRANTED),
    "bare-line-feeds": (raw(line=b"\n"), GRANTED),
    "white-space-in-media-type": (raw(media=b"content-type:  \t application/json ; charset = UTF-8 \t"), GRANTED),
    "charset-label": (raw(media=b'Content-Type: application/json;charset="ISO-8859-1"'), GRANTED),
    "media-type-in-capitals": (raw(media=b"Content-Type: Application/JSON"), GRANTED),
    "two-media-types": (raw(BODY, b"Content-Type: application/json"), "response.content_type"),
    "white-space-around-length": (sized(b" \t N \t"), GRANTED),
    "no-white-space": (sized(b"N").replace(b": ", b":"), GRANTED),
    "length-with-zeros": (sized(b"000N"), GRANTED),
    "length-with-a-sign": (sized(b"+N"), "transport.protocol"),
    "length-twice": (raw(BODY, LENGTH + str(len(BODY)).encode()), GRANTED),
    "length-of-two": (raw(BODY, LENGTH + b"5"), "transport.protocol"),
    "no-length": (raw(length=False), GRANTED),
    "folded-field": (raw(BODY, b"X-A: 1", b"  folded"), GRANTED),
    "white-space-before-the-colon": (raw(BODY, b"X-A : 1"), "transport.protocol"),
    "no-colon": (raw(BODY, b"garbage"), "transport.protocol"),
    "no-colon-before-the-media-type": (raw(BODY, b"garbage", b"Content-Type: application/json", media=None), "transport.protocol"),
    "empty-name": (raw(BODY, b": x"), "transport.protocol"),
    "name-that-is-none": (raw(BODY, b"x(y): 1"), "transport.protocol"),
    "name-with-underscore": (raw(BODY, b"x_y: 1"), GRANTED),
    "empty-value": (raw(BODY, b"X-A:"), GRANTED),
    "latin-value": (raw(BODY, b"X-A: \xe4"), GRANTED),
    "utf-8-value": (raw(BODY, "X-A: ✓".encode()), GRANTED),
    "nul-in-a-value": (raw(BODY, b"X-A: a\0b"), "transport.protocol"),
    "return-in-a-value": (raw(BODY, b"X-A: a\rb"), "transport.protocol"),
    "value-of-20-kb": (raw(BODY, b"X-A: " + b"a" * 20_000), GRANTED),
    "value-of-70-kb": (raw(BODY, b"X-A: " + b"a" * 70_000), "transport.protocol"),
    "99-fields": (raw(BODY, *[b"X-%d: 1" % each for each in range(97)]), GRANTED),
    "100-fields": (raw(BODY, *[b"X-%d: 1" % each for each in range(98)]), "transport.protocol"),
    "150-fields": (raw(BODY, *[b"X-%d: 1" % each for each in range(148)]), "transport.protocol"),
    "cookies": (raw(BODY, b"Set-Cookie: a=b", b"Set-Cookie: c=d"), GRANTED),
    "connection-close": (raw(BODY, b"Connection: close"), GRANTED),
    "identity": (raw(BODY, b"Content-Encoding:  Identity "), GRANTED),
    "empty-encoding": (raw(BODY, b"Content-Encoding:"), GRANTED),
    "gzip": (raw(gzip.compress(BODY), b"Content-Encoding: gzip"), "response.content_encoding"),
    "chunked": (chunked(), GRANTED),
    "chunk-extension": (chunked(b'%x;a="b;c"'), GRANTED),
    "chunk-size-with-zeros": (chunked(b"000%x"), GRANTED),
    "chunk-size-with-white-space": (chunked(b"%x  "), GRANTED),
    "trailer": (chunked(trailer=b"X-T: 1\r\n"), GRANTED),
    "chunk-size-below-zero": (chunked(b"-%x"), "transport"),
    "chunks-without-returns": (chunked(end=b"\n"), "transport"),
    "continue": (b"HTTP/1.1 100 Continue\r\n\r\n" + raw(), GRANTED),
    "leading-empty-line": (b"\r\n" + raw(), "transport.protocol"),
    "byte-order-mark": (raw(b"\xef\xbb\xbf" + BODY), "response.json"),
    "scope-of-a-list": (with_member(b'"scope":["a"]'), "t-1 3600 a"),
    "null-and-empty-members": (with_member(b'"scope":null,"error":null,"refresh_token":"","error_description":[]'), GRANTED),
    "token-type-in-capitals": (raw(BODY.replace(b"Bearer", b"BEARER")), GRANTED),
    "life-as-text": (living(b'"3600"'), GRANTED),
    "life-as-a-float": (living(b"3600.5"), GRANTED),
    "life-with-an-exponent": (living(b"1e4"), "t-1 10000 "),
    "life-of-300-digits": (living(b"1" + b"0" * 300), "t-1 86400 "),
    "life-of-1e300": (living(b"1e300"), "t-1 86400 "),
    "life-of-300-digits-as-text": (living(b'"1' + b"0" * 300 + b'"'), "t-1 86400 "),
    "life-null": (living(b"null"), "t-1 300 "),
    "life-of-nothing": (living(b"0"), "response.expires_in"),
}  # fmt: skip

# On a session of the caller's own, its http.client reads the framing.
OF_THE_SESSION = {
    "length-list": (sized(b"N, N"), "transport.protocol"),
    "white-space-behind-chunked": (
        chunked(field=b"Transfer-Encoding:  Chunked "),
        "transport.protocol",
    ),
}
OF_OURS = {name: (sent, GRANTED) for name, (sent, _) in OF_THE_SESSION.items()}


def built(name):
    if name != "session":
        return Registry().load(TRANSPORT, name, AdapterOptions({}, setting="x"))[0]
    session = Session()
    session.trust_env = False
    SESSIONS.append(session)
    return RequestsTransport(session=session)


def outcome_of(transport, sent):
    with WireServer(*[[Receive(), Send(sent)]] * 3) as server:
        auth = CredicorpAuth(
            base_url=server.url, client_id=f"c-{next(CLIENTS)}", client_secret="s",
            transport=built(transport), timeout=3,
        )  # fmt: skip
        with auth:
            try:
                token = auth.get_token()
            except errors.CredicorpAuthError as error:
                return error.code
    return f"{token.value.reveal()} {token.lifetime:g} {token.scope}"


@pytest.mark.slow
@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_fault_440_transports_accept_the_same(dialect, transport):
    """440: a token response in each dialect is granted, or refused with one code, on every transport."""
    sent, expected = DIALECTS[dialect]
    got = outcome_of(transport, sent)

    assert expected == (got.partition(".")[0] if expected == "transport" else got)


@pytest.mark.slow
@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("dialect", OF_OURS)
def test_fault_440_framing_that_only_our_own_connections_read(dialect, transport):
    """440: where http.client misreads the framing, a caller's session refuses instead of guessing."""
    sent, expected = (OF_THE_SESSION if transport == "session" else OF_OURS)[dialect]

    assert expected == outcome_of(transport, sent)


KEYS = json.dumps({"keys": []}).encode()
ZIPPED = gzip.compress(KEYS)
DOCUMENTS = {
    "gzip": (raw(ZIPPED, b"Content-Encoding: gzip"), KEYS),
    "x-gzip": (raw(ZIPPED, b"Content-Encoding:  x-gzip "), KEYS),
    "twice": (raw(ZIPPED, b"Content-Encoding: gzip, gzip"), "response.content_encoding"),
    "brotli": (raw(ZIPPED, b"Content-Encoding: br"), "response.content_encoding"),
    "damaged": (raw(b"\x1f\x8b" + ZIPPED[4:], b"Content-Encoding: gzip"), "response.content_encoding"),
    "cut": (raw(ZIPPED[:-1], b"Content-Encoding: gzip"), "response.content_encoding"),
    "with-more-behind": (raw(ZIPPED + b"x", b"Content-Encoding: gzip"), "response.content_encoding"),
    "bomb": (raw(gzip.compress(b" " * (MAX_BODY + 1)), b"Content-Encoding: gzip"), "response.too_large"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("document", DOCUMENTS)
def test_fault_440_a_key_set_in_gzip_is_read(document, transport):
    """440: a store of static files sends a key set with gzip unasked; that is read, within the limits."""
    sent, expected = DOCUMENTS[document]
    with WireServer([Receive(), Send(sent)]) as server:
        carrier = built(transport)
        try:
            got = carrier.send(HttpRequest("GET", server.url, {}), timeout=3).body.reveal()
        except errors.CredicorpAuthError as error:
            got = error.code
        finally:
            carrier.close()

    assert expected == got
