"""
Sanitizer for text from a server: scrubbed, short, one line.

Server text passes through `scrub` before a message, an event or a value shows it. It replaces our
credentials, in any spelling that a server may echo, and anything shaped like a token by `***`.
"""

from __future__ import annotations

import html
import json
import re
from base64 import b64encode
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, quote_plus, unquote, unquote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from credicorp_auth.http.secret import Secret

STARS: Final = "***"

# Patterns are text: `re` compiles each when it is first used, which most programs never do.

# A JWS or JWE in compact form, if its first part is the base64 of a JSON object. The look-behind
# lets a match begin only at the start of a run of letters; without it, a megabyte of letters would
# be searched once for each letter.
_COMPACT: Final = (
    r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]*+(?:\.[A-Za-z0-9_-]*+){1,3}+"
)
# The base64 of a brace and of what JSON lets follow it. Two letters are not enough: names of hosts
# and scopes may begin with `ey` and `ew` as well.
_JSON_OBJECT: Final = r"ey[ABIJ]|ew[klop01][JKNgi9]|[^.]*eyJ"
_SCHEME: Final = r"\b((?i:Bearer|Basic|DPoP|MAC))([ :=]+)[A-Za-z0-9._~+/%-]{16,}+=*"
_PREFIXED: Final = r"(?<![A-Za-z0-9])(?:csk_|hv[sb]\.|AKIA|ya29\.)[A-Za-z0-9._-]{8,}+"
# Opaque tokens are long, with upper-case and lower-case letters and digits. Names and words have no
# digits; request ids have one case.
_LONG: Final = r"[A-Za-z0-9_-]{40,}+"
_OPAQUE: Final = r"(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])"
_UNICODE_ESCAPE: Final = r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|((?s:.)))"

_SHORTEST_SECRET: Final = 4  # scrubbing shorter texts would make every message unreadable
_SHORTEST_ENCODED: Final = 8  # three letters of base64 are in every text

SHORTEST_IN_VALUES: Final = 8
"""Minimum characters of a secret that is searched for in scopes and event fields."""


def hide_secrets(text: str, secrets: Iterable[Secret], *, shortest: int = _SHORTEST_SECRET) -> str:
    """
    Replace our credentials in a text with `***`.

    Args:
        text: The text.
        secrets: Credentials that it may hold. They are found verbatim, percent-encoded,
            JSON-escaped, HTML-escaped, in hexadecimal, and inside any base64.
        shortest: Minimum characters of a secret that is searched for.

    Returns:
        The text with `***` in their place; `***` alone if decoding the text still reveals one.
    """
    values = [each for secret in secrets if len(each := secret.reveal()) >= shortest]
    for value in values:
        for form in _forms(value):
            text = text.replace(form, STARS)
    if any(value in reading for reading in _readings(text) for value in values):
        return STARS
    return text


def scrub(text: str, secrets: Iterable[Secret], *, shortest: int = _SHORTEST_SECRET) -> str:
    """
    Replace our credentials, and anything that looks like a token, in text from a server.

    Args:
        text: The text.
        secrets: As for `hide_secrets`.
        shortest: As for `hide_secrets`.
    """
    hidden = hide_secrets(text, secrets, shortest=shortest)
    text = re.sub(_COMPACT, partial(_star_if, _JSON_OBJECT), hidden)
    text = re.sub(_SCHEME, _star_after, text)
    text = re.sub(_PREFIXED, STARS, text)
    return re.sub(_LONG, partial(_star_if, _OPAQUE), text)


def _star_after(found: re.Match[str]) -> str:
    # No template: `re` imports a module to read one, which fails while the interpreter shuts down.
    return f"{found[1]}{found[2]}{STARS}"


def _star_if(shape: str, found: re.Match[str]) -> str:
    return STARS if re.match(shape, found[0]) else found[0]


def _forms(value: str) -> Iterator[str]:
    """Return the spellings of a secret, longer ones before those that they contain."""
    raw = value.encode("utf-8", "surrogatepass")
    percent = "".join(f"%{byte:02X}" for byte in raw)
    escaped = "".join(f"\\u{ord(each):04x}" for each in value)
    encodings = {percent, percent.lower(), escaped, escaped.upper().replace("\\U", "\\u")}
    for quoted in (quote(raw, safe=""), quote_plus(raw)):
        encodings |= {quoted, re.sub("%..", lambda found: found[0].lower(), quoted)}
    for dumped in (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]):
        encodings |= {dumped, dumped.replace("/", "\\/")}
    encodings |= {html.escape(value), html.escape(value, quote=False)}
    if len(raw) >= _SHORTEST_ENCODED:
        encodings |= {raw.hex(), raw.hex().upper()}
        for each in (raw, quote_plus(raw).encode("ascii")):
            encodings |= set(_base64_forms(each))
    yield value
    yield from sorted(encodings - {value}, key=len, reverse=True)


def _base64_forms(raw: bytes) -> Iterator[str]:
    """Return how these bytes look inside the base64 of longer ones, at each of three offsets."""
    for before in range(3):
        whole = b64encode(b"\0" * before + raw).decode("ascii").rstrip("=")
        # The first and last letters also depend on the neighbouring bytes.
        begin, end = -(-before * 8 // 6), (before + len(raw)) * 8 // 6
        core = whole[begin:end]
        yield core
        yield core.replace("+", "-").replace("/", "_")
        yield quote(core, safe="")


def _readings(text: str) -> Iterator[str]:
    """Return a text as it is and in each decoding that a reader may try."""
    yield text
    yield html.unescape(text)
    for plain in (unquote(text), unquote_plus(text)):
        yield plain
        yield unquote(plain)
    if "\\" in text:
        yield re.sub(_UNICODE_ESCAPE, _unescape, text)


def _unescape(found: re.Match[str]) -> str:
    code = found[1] or found[2]
    return chr(int(code, 16)) if code else found[3]


def escape_untrusted(text: str, secrets: Iterable[Secret], *, limit: int = 200) -> str:
    """
    Return text from a server in a form that is safe in logs and error messages.

    Args:
        text: The text as received.
        secrets: Credentials that it may echo: those that were part of the request.
        limit: Maximum characters to keep; a longer text is cut and ends in `…`.

    Returns:
        Printable ASCII, apart from that `…`; other characters are escaped, and tokens and the given
        secrets are replaced.
    """
    # Scrub before cutting: the first half of a secret cut in two would no longer be found.
    text = scrub(text, secrets)
    shown = text[: limit + 1].encode("unicode_escape").decode("ascii")
    return shown if len(text) <= limit and len(shown) <= limit else shown[:limit] + "…"
