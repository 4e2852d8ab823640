"""What a server may echo, and how: no spelling of a credential of ours is ever shown."""

from __future__ import annotations

import base64
import html
import json
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credicorp_auth.http.secret import Secret
from credicorp_auth.http.untrusted_text import escape_untrusted, hide_secrets, scrub

PLAIN = "hunter2canaryOfOurs7"
ODD = "p@ss/w%rd \"é\\x+<1>&'z"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0x.c2lnbmF0dXJl"
JWE = "eyJhbGciOiJkaXIifQ..aXYtaXYtaXY.Y2lwaGVydGV4dA.dGFnLXRhZw"


def spellings(value):
    """Return the ways in which servers echo a value."""
    raw = value.encode()
    pairs = [f"{'x' * width}:{value}:tail".encode() for width in range(3)]
    return {
        "as it is": value,
        "percent-encoded": quote(value, safe=""),
        "percent-encoded path": quote(value),
        "percent-encoded in small letters": quote(value, safe="").lower()
        if not value.isalnum()
        else value,
        "form-encoded": quote_plus(value),
        "every byte percent-encoded": "".join(f"%{byte:02x}" for byte in raw),
        "percent-encoded twice": quote(quote(value, safe=""), safe=""),
        "JSON-escaped": json.dumps(value)[1:-1],
        "JSON in UTF-8": json.dumps(value, ensure_ascii=False)[1:-1],
        "JSON with slashes escaped": json.dumps(value)[1:-1].replace("/", "\\/"),
        "every letter JSON-escaped": "".join(f"\\u{ord(each):04X}" for each in value),
        "HTML-escaped": html.escape(value),
        "HTML by numbers": "".join(f"&#{ord(each)};" for each in value),
        "hexadecimal": raw.hex(),
        **{f"base64 at {n}": base64.b64encode(pair).decode() for n, pair in enumerate(pairs)},
        **{f"base64url at {n}": base64.urlsafe_b64encode(p).decode() for n, p in enumerate(pairs)},
        "Basic": base64.b64encode(f"id:{quote_plus(value)}".encode()).decode(),
        "base64 in an address": quote_plus(base64.b64encode(pairs[1]).decode()),
    }


@pytest.mark.parametrize("value", [PLAIN, ODD], ids=["plain", "odd"])
@pytest.mark.parametrize("spelling", spellings(ODD))
def test_fault_395_no_spelling_of_a_secret_is_shown(value, spelling):
    """395: as it is, percent-encoded, JSON- or HTML-escaped, in hexadecimal or inside any base64."""
    echoed = spellings(value)[spelling]
    shown = escape_untrusted(f"sent {echoed} here", [Secret(value)])

    assert "***" in shown
    assert not any(each in shown for each in (value, echoed))


@given(st.text(min_size=8, max_size=40), st.binary(max_size=9), st.binary(max_size=9))
def test_fault_395_base64_hides_no_secret_wherever_it_begins(value, before, after):
    """395: no matter what stands around a secret before it is encoded, none of its middle is shown."""
    try:
        raw = value.encode()
    except UnicodeEncodeError:
        return
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        shown = hide_secrets(encode(before + raw + after).decode(), [Secret(value)])
        assert "***" in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (JWT, "***"),
        (f"a {JWE} b", "a *** b"),
        (f"Authorization: Bearer {'a' * 16}", "Authorization: Bearer ***"),
        ("Basic aWQ6c2VjcmV0LXNlY3JldA==", "Basic ***"),
        ("key csk_live_abcdefgh1 is old", "key *** is old"),
        ("hvs.CAESIJabcdefgh", "***"),
        ("opaque aB3" + "xY7" * 13, "opaque ***"),
    ],
)
def test_fault_395_what_looks_like_a_token_is_not_shown(text, shown):
    """395: no matter whose it is, a token that a server repeats stays out of logs."""
    assert shown == scrub(text, ())


@pytest.mark.parametrize(
    "text",
    [
        "The Bearer token is missing",
        "Basic authentication failed",
        "accounts-staging.company-name.com does not resolve",
        "org.springframework.security.oauth2.core.OAuth2AuthenticationException",
        "Trace ID: 0b1a2c3d-4e5f-6789-abcd-ef0123456789",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "a" * 300,
    ],
)
def test_what_helps_to_find_a_fault_is_shown(text):
    """Names, hosts and identifiers of requests are what a support desk asks for."""
    assert text == scrub(text, [Secret("another-secret")])


@given(st.text(max_size=200), st.lists(st.text(min_size=4, max_size=20).map(Secret), max_size=3))
def test_no_text_breaks_the_scrubber(text, secrets):
    """For any text and secrets, what is shown is one line of ASCII without them."""
    shown = escape_untrusted(text, secrets)

    assert shown.isascii() or "…" in shown
    assert "\n" not in shown
    assert not any(each.reveal() in scrub(text, secrets).replace("***", "") for each in secrets)


def test_a_megabyte_takes_no_time_that_grows_with_its_square():
    """Twice the text takes about twice the time, also for what looks like the beginning of a token."""
    secrets = [Secret(ODD)]

    def cost(size):
        begun = time.process_time()
        for unit in ("aA1", "%41", "ey.", "\\u0041", "Bearer "):
            escape_untrusted(unit * size, secrets)
        return time.process_time() - begun

    small = max(cost(20_000), 1e-4)
    assert cost(160_000) < 8 * 6 * small


@pytest.mark.parametrize(
    "text",
    ["https://ewallets.example.com/jwks", "https://eyecares.clinic.example/", "eyesight.read.all"],
)
def test_names_that_begin_like_a_jwt_stay_readable(text):
    """A host or a scope with dots is no token because it begins with `ey` or `ew`."""
    assert text == scrub(text, [])


@pytest.mark.parametrize("space", ["", " ", "\n", "\t", "\r\n", "\n  ", " \t"])
def test_a_jwt_is_a_token_however_its_header_is_laid_out(space):
    """White space after the brace changes the first letters, and hides nothing."""
    header = base64.urlsafe_b64encode(f'{{{space}"alg":"none"}}'.encode()).decode().rstrip("=")

    assert "see *** here" == scrub(f"see {header}.eyJzdWIiOiJ4In0.c2ln here", [])
