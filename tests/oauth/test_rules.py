"""The rules of OAuth, as claims about values."""

from __future__ import annotations

import copy
import json
import pickle
from urllib.parse import parse_qs

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from credicorp_auth import errors
from credicorp_auth.http.challenge import first_pause_after, read_challenges
from credicorp_auth.http.messages import (
    HttpRequest,
    HttpResponse,
    may_carry_token,
    origin_of,
    read_url,
)
from credicorp_auth.http.retry import recheck
from credicorp_auth.http.secret import Secret, SecretBytes
from credicorp_auth.http.strict_json import NotStrictJson, read_json_object
from credicorp_auth.http.untrusted_text import escape_untrusted
from credicorp_auth.lifecycle.client import endpoint_key, token_key
from credicorp_auth.oauth.scope import Scope
from credicorp_auth.oauth.token import AccessToken, Provenance
from credicorp_auth.oauth.token_endpoint import (
    TokenPolicy,
    TokenRequest,
    build_token_request,
    read_extra_parameters,
    read_token_response,
)
from credicorp_auth.plugin.api.options import AdapterOptions
from credicorp_auth.settings.schema import Settings

CANARY = "canary-7f3a9c"
WORDS = st.text(st.sampled_from("abc:!."), min_size=1, max_size=4)
SCOPES = st.sets(WORDS, max_size=5).map(Scope)
ASKED = TokenRequest("https://as.example/token", scope=Scope("a"))


# --- scope ----------------------------------------------------------------------------------------


@given(SCOPES, SCOPES, SCOPES)
def test_scopes_are_sets(one, two, three):
    """Covering is reflexive and transitive; what is missing is what is not covered."""
    assert one.covers(one)
    assert not (one.covers(two) and two.covers(three)) or one.covers(three)
    assert one.covers(two) == (not two.without(one))
    assert one == Scope(str(one)) == Scope(one) == Scope(sorted(one.words, reverse=True))


@pytest.mark.parametrize("bad", ['a"', "a\\", "a\tb", "é", ["a b"], [""], [1]])
def test_a_scope_token_is_what_the_rfc_says(bad):
    """RFC 6749 section 3.3 says which characters a scope token may have."""
    with pytest.raises(errors.InvalidSetting) as raised:
        Scope(bad)
    assert "config.scope" == raised.value.code


# --- secrets --------------------------------------------------------------------------------------


def opaque_things():
    """Return one of everything that holds a secret."""
    token = AccessToken(
        Secret(CANARY), "Bearer", Scope("a"), 1.0, 1.0, Provenance("minted", "x", "", "", 0.0, 0.0)
    )
    return [
        Secret(CANARY),
        SecretBytes(CANARY.encode()),
        token,
        HttpRequest("POST", "https://x", {"A": Secret(CANARY)}, SecretBytes(CANARY.encode())),
        HttpResponse(200, [], SecretBytes(CANARY.encode())),
        AdapterOptions({"password": CANARY}, setting="cache_options"),
        Settings(
            client_id="c",
            client_secret=CANARY,
            secrets_options={"token": CANARY},
            extra_parameters={"password_of_ours": CANARY},
        ),
        TokenRequest(
            "https://as.example/token", extra_parameters=read_extra_parameters([("x", CANARY)])
        ),
    ]


@pytest.mark.parametrize("thing", opaque_things(), ids=lambda thing: type(thing).__name__)
def test_fault_306_307_308_secrets_are_used_and_not_seen(thing):
    """306, 307, 308: no way of printing, walking, copying or pickling shows the value."""
    shown = [repr(thing), str(thing), f"{thing}", f"{thing!r:>80}", repr(copy.deepcopy(thing))]
    shown += [repr(getattr(thing, name, None)) for name in dir(thing)]
    if attrs.has(type(thing)):
        shown += [repr(attrs.asdict(thing)), repr(attrs.astuple(thing))]
    shown += [json.dumps({"x": thing}, default=str)]

    assert CANARY not in "".join(shown)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
            pickle.dumps(thing, protocol)


@pytest.mark.parametrize("value", [None, 5, ["canary"], {"canary": 1}])
def test_a_secret_is_text_or_bytes(value):
    """Anything else is refused when it is wrapped, and not quoted."""
    for kind in (Secret, SecretBytes):
        with pytest.raises(TypeError, match="a secret is text or bytes, not") as raised:
            kind(value)
        assert "canary" not in str(raised.value)


def test_a_secret_is_a_value():
    """Secrets compare by value, hash alike, stay themselves when copied, and never change."""
    one, same, other = Secret("a"), Secret("a"), Secret("b")

    assert one == same != other
    assert one != "a"
    assert SecretBytes(b"a") == SecretBytes(b"a")
    assert 1 == len({one, same})
    assert one is copy.copy(one) is copy.deepcopy(one)
    with pytest.raises(AttributeError):
        one.reveal = None
    with pytest.raises(AttributeError):
        del one.reveal


def test_a_token_makes_its_header():
    """The header of a token is its type and its value."""
    assert f"Bearer {CANARY}" == opaque_things()[2].header()


# --- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://as.example/x", "config.insecure_url"),
        ("ftp://as.example", "config.insecure_url"),
        ("http://127.0.0.1.evil.test", "config.insecure_url"),
        ("http://[::ffff:127.0.0.1]", "config.insecure_url"),
        ("http://0x7f000001", "config.insecure_url"),
        ("http://127.1", "config.insecure_url"),
        ("http://localhost:80@evil.test/", "config.url"),
        ("https://h\\@evil", "config.url"),
        ("https://user@as.example", "config.url"),
        ("https://as.example/#f", "config.url"),
        ("https://as.example:99999", "config.url"),
        ("https://as.example:0", "config.url"),
        ("https://[::1", "config.url"),
        ("https://as .example", "config.url"),
        ("https://.", "config.url"),
        ("https://..:443/x", "config.url"),
        ("/relative", "config.url"),
        ("", "config.url"),
    ],
)
def test_fault_097_098_addresses_where_no_secret_may_go_are_refused(url, code):
    """97, 98: https, or exact loopback; no user information, no tricks."""
    with pytest.raises(errors.InvalidSetting) as raised:
        read_url(url, name="token_url")
    assert code == raised.value.code


@pytest.mark.parametrize("url", ["http://localhost:1", "http://127.0.0.1/x/", "http://[::1]:8080"])
def test_exact_loopback_needs_no_tls(url):
    """Plain http is accepted where nobody can listen in."""
    assert url.rstrip("/") == read_url(url, name="base_url")
    assert may_carry_token(url)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("HTTPS://AS.Example/x?y", "https://as.example:443"),
        ("https://as.example.:443", "https://as.example:443"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
    ],
)
def test_an_origin_has_one_spelling(url, origin):
    """Case, default ports and trailing dots make no other origin."""
    assert origin == origin_of(url)


@pytest.mark.parametrize("url", ["", "x", "ftp://a", "https://a:b", "https://a b", "https://"])
def test_what_has_no_origin_is_refused(url):
    """An address without a web origin is an error, never somebody's origin."""
    with pytest.raises(errors.InvalidSetting):
        origin_of(url)


# --- JSON -----------------------------------------------------------------------------------------


@given(st.dictionaries(st.text(), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3), max_leaves=5)))  # fmt: skip
def test_honest_json_is_read_as_python_reads_it(document):
    """For objects without tricks the strict reader agrees with Python's."""
    try:
        raw = json.dumps(document).encode("utf-8", "surrogatepass")
    except UnicodeEncodeError:
        return
    assert json.loads(raw) == read_json_object(raw)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_json_reader(document):
    """For any bytes, the reader answers or says that they are not strict JSON."""
    try:
        assert isinstance(read_json_object(document), dict)
    except NotStrictJson as fault:
        assert str(fault)


def test_brackets_in_strings_do_not_make_json_deep():
    """Text full of pairs of brackets is text."""
    document = {"a": "[]" * 100}
    assert document == read_json_object(json.dumps(document).encode())


@pytest.mark.parametrize("number", ["1." + "0" * 500, "1e400", "-" + "1" * 500])
def test_numbers_out_of_range_are_no_numbers(number):
    """A literal that would cost too much, or is no finite number, is refused."""
    with pytest.raises(NotStrictJson):
        read_json_object(f'{{"a": {number}}}'.encode())


@given(st.binary(max_size=300), st.integers(100, 599), st.text(max_size=30))
def test_no_answer_breaks_the_token_reader(body, status, content_type):
    """No matter what a server sends, the outcome is a grant or an error of ours."""
    response = HttpResponse(status, [("Content-Type", content_type)], SecretBytes(body))
    with pytest.raises(errors.CredicorpAuthError):
        read_token_response(response, ASKED, TokenPolicy(), client_id="c")


# --- challenges -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Bearer", [("bearer", {})]),
        ('Bearer realm="a, b", error="invalid_token"', [("bearer", {"realm": "a, b", "error": "invalid_token"})]),
        ('Basic realm="x", Bearer error=invalid_token', [("basic", {"realm": "x"}), ("bearer", {"error": "invalid_token"})]),
        ('Bearer error="a\\"b", error="c"', [("bearer", {"error": 'a"b'})]),
        ('Negotiate dG9rZW4=, Bearer scope="a b"', [("negotiate", {}), ("bearer", {"scope": "a b"})]),
        ('error="orphan"', []),
        ("", []),
    ],
)  # fmt: skip
def test_challenges_are_read_with_their_quotes_and_commas(value, expected):
    """One header may hold several challenges, quoted commas and escapes."""
    assert expected == [(each.scheme, dict(each.parameters)) for each in read_challenges([value])]


@given(st.lists(st.text(max_size=60), max_size=3))
def test_no_header_breaks_the_challenge_reader(values):
    """No matter what stands in the header, the answer is a decision."""
    assert first_pause_after(values) in {5.0, 60.0, None}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], 5.0),
        (["", " "], 5.0),
        (['Bearer error="invalid_token"'], 5.0),
        (['Bearer error="Invalid_Token"'], 5.0),
        (["Basic realm=x", 'Bearer error="invalid_token"'], 5.0),
        (['Bearer error="insufficient_scope"', 'Bearer error="invalid_token"'], 5.0),
        (["Bearer"], 60.0),
        (["Basic realm=x"], 60.0),
        (["Token"], 60.0),
        (["=?"], 60.0),
        (['Bearer error="expired_token"'], 60.0),
        (["Bearer error='invalid_token'"], 60.0),
        (['Bearer error="insufficient_scope"'], None),
        (["Basic realm=x", 'Bearer error="insufficient_scope"'], None),
    ],
)
def test_fault_364_how_long_a_second_401_is_believed(values, expected):
    """364: any 401 may be worth a token, unless it wants more scope; what it says sets the pause."""
    assert expected == first_pause_after(values)


# --- the rest -------------------------------------------------------------------------------------


def test_headers_are_found_in_any_case_and_once():
    """A header that came twice has no single value."""
    response = HttpResponse(200, [("X-One", "1"), ("x-two", "a"), ("X-TWO", "b")], SecretBytes(b""))

    assert ("1", None, None) == tuple(map(response.header, ("x-ONE", "X-Two", "X-None")))
    assert ["a", "b"] == response.header_values("X-Two")


def test_requests_go_onto_the_wire_whole():
    """On the wire a request is what it says, credentials included."""
    request = HttpRequest("GET", "https://x", {"A": "1", "B": Secret("2")})

    assert ({"A": "1", "B": "2"}, None) == (request.wire_headers(), request.wire_body())


FIELDS = st.fixed_dictionaries(
    {
        "token_url": st.sampled_from(["https://a/", "https://b/"]),
        "client_authentication": st.sampled_from(["client_secret_post", "client_secret_basic"]),
        "scope": SCOPES,
        "resource": st.lists(WORDS, max_size=2).map(tuple),
        "audience": st.none() | WORDS,
        "extra_parameters": st.lists(st.tuples(WORDS, WORDS.map(Secret)), max_size=2).map(tuple),
    }
)


@given(FIELDS, FIELDS, WORDS, WORDS)
def test_fault_168_different_requests_have_different_keys(one, two, first_id, second_id):
    """168, 92: a key is equal for equal requests and only for those, no matter what the fields hold."""
    first, second = (
        token_key(TokenRequest(**one), first_id),
        token_key(TokenRequest(**two), second_id),
    )

    assert ((one, first_id) == (two, second_id)) == (first == second)
    assert 64 == len(first)
    assert first != endpoint_key(one["token_url"], first_id)


RESERVED = [
    "grant_type", "client_id", "client_secret", "client_assertion", "client_assertion_type", "scope", "resource",
    "audience", "username", "password", "code", "code_verifier", "redirect_uri", "refresh_token", "device_code",
    "assertion", "subject_token", "subject_token_type", "actor_token", "actor_token_type", "token",
    "token_type_hint", "Client_Secret", "SCOPE", "scope[]", "Client_Id[0]",
]  # fmt: skip


@pytest.mark.parametrize("name", RESERVED)
def test_fault_396_the_protocols_own_names_are_no_extra_parameters(name):
    """396: what the protocol has a meaning for is refused, with the setting to use instead."""
    for parameters in ({name: CANARY}, f"{name}={CANARY}"):
        with pytest.raises(errors.InvalidSetting) as raised:
            Settings(extra_parameters=parameters)
        assert CANARY not in f"{raised.value}{vars(raised.value)}"
        assert raised.value.hint.split()[0] in {"use", "leave"}


def test_fault_396_a_name_cannot_smuggle_another_one_in():
    """396: names are form-encoded as values are, so that none can hold a second field."""
    asked = TokenRequest(
        "https://as.example/token",
        extra_parameters=read_extra_parameters([("x&client_secret=evil&y", "a&b=c")]),
    )
    body = build_token_request(asked, "id", Secret("right")).wire_body()

    fields = parse_qs(body.decode("ascii"), strict_parsing=True)
    assert (["right"], ["a&b=c"]) == (
        fields["client_secret"],
        fields["x&client_secret=evil&y"],
    )


def test_short_secrets_do_not_turn_messages_into_stars():
    """A secret of a letter or two is not worth scrubbing, and would be everywhere."""
    assert "abc" == escape_untrusted("abc", [Secret("b")])
    assert "a***c" == escape_untrusted("along-secretc", [Secret("long-secret")])
    assert "xxx…" == escape_untrusted("xxxxx", (), limit=3)


def test_the_first_look_is_at_once():
    """A refused secret is looked at again at once, and then less and less."""
    assert [0, 1, 2, 30] == [recheck(rechecks) for rechecks in (0, 1, 2, 50)]
