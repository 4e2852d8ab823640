"""The origin that is checked is the one that clients connect to, however an address is spelled."""

from __future__ import annotations

import httpx
import httpx2
import requests
from hypothesis import example, given
from hypothesis import strategies as st
from urllib3.util import parse_url

from credicorp_auth.bearer.call import BearerCall
from credicorp_auth.errors import CredicorpAuthError
from credicorp_auth.http.allowed_origins import AllowedOrigins
from credicorp_auth.http.messages import may_carry_token, origin_of

HOME = "https://home.example:443"
ORIGINS = frozenset({HOME, "http://127.0.0.1:80", "http://[::1]:8080", "http://far.example:80"})
WORDS = ("home.example", "evil.example", "https:", "user", "443", "::1", "%40", "%2f", "%5c", "//")
ODD = "@:/\\?#.;[] \t\n\u00e9\u3002\N{FULLWIDTH FULL STOP}"
PIECES = st.sampled_from([*WORDS, *ODD])
ADDRESSES = st.builds(
    lambda scheme, pieces: scheme + "".join(pieces),
    st.sampled_from(["https://", "HTTPS://", "https:\\\\", "https:/", "https:///"]),
    st.lists(PIECES, max_size=8),
)


def hosts_of(address):
    """Say to which hosts clients connect for an address; those that refuse it connect to none."""
    readers = {
        "urllib3": lambda: parse_url(address).host,
        "requests": lambda: parse_url(requests.Request("GET", address).prepare().url).host,
        "httpx": lambda: httpx.URL(address).host,
        "httpx2": lambda: httpx2.URL(address).host,
    }
    for read in readers.values():
        try:
            yield read()
        except (ValueError, httpx.InvalidURL, httpx2.InvalidURL, requests.RequestException):
            continue


@given(address=ADDRESSES)
@example("https://evil.example\\@home.example/")
@example("https://home.example\\@evil.example/")
@example("https://home.example\t.evil.example/")
@example("https://home.example/")
@example("https://home.example?@evil.example/")
def test_no_spelling_takes_a_token_elsewhere(address):
    """For any allowed address, every client that takes it goes home with it."""
    try:
        BearerCall(None, AllowedOrigins(frozenset({HOME})), address)
    except CredicorpAuthError:
        return

    assert {"home.example"} == {host.rstrip(".").lower() for host in hosts_of(address) if host}


@given(
    home=st.sampled_from(AllowedOrigins(ORIGINS).prefixes), rest=st.text() | st.sampled_from(WORDS)
)
def test_the_short_way_allows_nothing_that_the_long_way_would_not(home, rest):
    """An address that begins as an allowed one does is of that origin, however it goes on."""
    allowed_origins = AllowedOrigins(ORIGINS)

    assert allowed_origins.allows(home + rest)
    assert origin_of(home + rest) in ORIGINS
    assert may_carry_token(home + rest)


def test_every_home_of_an_origin_is_known_at_once():
    """Both spellings of a default port are; an origin where no token may go is not."""
    assert (
        "http://127.0.0.1:80/",
        "http://127.0.0.1/",
        "http://[::1]:8080/",
        "https://home.example:443/",
        "https://home.example/",
    ) == AllowedOrigins(ORIGINS).prefixes
