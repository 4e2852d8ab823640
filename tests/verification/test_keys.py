"""Key sets: which keys may verify, which are dropped, and why."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from credicorp_auth import errors
from credicorp_auth.http.messages import HttpResponse
from credicorp_auth.http.secret import SecretBytes
from credicorp_auth.jose.key_set import MAX_KEY_SET, MAX_KEYS, no_usable_key, read_freshness
from credicorp_auth.jose.signature_algorithm import DEFAULT_ALGORITHMS, read_algorithms
from credicorp_auth.jose.verification_key import OtherKey, read_verification_key


def public(key, **members):
    """Return a public JSON Web Key with members changed; None leaves one out."""
    jwk = {**key.as_dict(private=False), **members}
    return {name: value for name, value in jwk.items() if value is not None}


def uint(forge, number):
    """Write a number as JSON Web Keys do."""
    return forge.b64(number.to_bytes(max(1, (number.bit_length() + 7) // 8)))


def why(forge, jwk):
    """Publish a good key and this one; return the code by which this one was dropped."""
    keys = forge.key_set(forge.published(jwk, forge.KEYS["EdDSA"]))
    assert ["ed"] == [each.kid for each in keys.keys]
    return [each.code for each in keys.dropped]


def refusal(forge, *keys, **asked):
    """Return the code for which a key set is refused."""
    with pytest.raises(errors.MalformedResponse) as refused:
        forge.key_set(*keys, **asked)
    return refused.value.code


def test_fault_208_secrets_do_not_belong_into_a_key_set(forge):
    """A symmetric key, and a key with any private member, is dropped; a set of such has no key."""
    secret = OctKey.generate_key(256, {"kid": "o"}).as_dict(private=True)
    assert ["jwks.symmetric_key"] == why(forge, secret)
    for key in forge.KEYS.values():
        private = {**key.as_dict(private=True), "kid": "x"}
        assert ["jwks.private_key"] == why(forge, private)
        for name in set(private) - set(key.as_dict(private=False)):
            assert ["jwks.private_key"] == why(forge, public(key, kid="x", **{name: private[name]}))
    none = forge.key_set(forge.published(secret, private))
    assert ((), "jwks.no_usable_key") == (none.keys, no_usable_key(none).code)


@pytest.mark.parametrize(
    ("token_alg", "kid", "jwk"),
    [
        ("PS256", "rsa", None),
        ("RS256", "pss", None),
        ("RS256", "ec", None),
        ("ES256", "rsa", None),
        ("ES256", "p384", ECKey.generate_key("P-384", {"kid": "p384"})),
        ("ES256", "p384", ECKey.generate_key("P-384", {"kid": "p384", "alg": "ES256"})),
        ("ES256", "k1", ECKey.generate_key("secp256k1", {"kid": "k1"})),
        ("EdDSA", "x", OKPKey.generate_key("X25519", {"kid": "x"})),
        ("EdDSA", "x", OKPKey.generate_key("X25519", {"kid": "x", "alg": "EdDSA"})),
        ("EdDSA", "x", OKPKey.generate_key("Ed448", {"kid": "x", "alg": "EdDSA"})),
    ],
)
def test_fault_209_220_a_key_goes_with_one_algorithm(forge, token_alg, kid, jwk):
    """A key of another algorithm, type or curve than the token's is not tried."""
    keys = forge.key_set(forge.published(*forge.KEYS.values(), *([jwk] if jwk else [])))
    token = forge.signed(forge.header(alg=token_alg, kid=kid), forge.claims())

    assert "verify.key_mismatch" == forge.verdict(token, keys)


def test_fault_210_a_key_without_algorithm_has_the_preferred_one(forge):
    """Of the algorithms that fit a key which names none, the first allowed is its only one."""
    document = forge.published(public(forge.KEYS["RS256"], alg=None))
    tokens = [forge.issued(alg, key=forge.KEYS["RS256"], kid="rsa") for alg in ("RS256", "PS256")]

    def seen(*algorithms):
        keys = forge.key_set(document, algorithms=algorithms)
        return [forge.verdict(token, keys, algorithms=algorithms) for token in tokens]

    assert "client" == seen("RS256", "PS256")[0].subject
    assert "verify.key_mismatch" == seen("RS256", "PS256")[1]
    assert "verify.key_mismatch" == seen("PS256", "RS256")[0]
    assert "client" == seen("PS256", "RS256")[1].subject


@pytest.mark.parametrize(
    "members",
    [
        {"use": "enc"},
        {"use": 7},
        {"use": "SIG"},
        {"key_ops": ["sign"]},
        {"key_ops": "verify"},
        {"key_ops": {"verify": 1}},
        {"use": "enc", "key_ops": ["verify"]},
        {"alg": "RSA-OAEP"},
        {"alg": ["RS256"]},
        {"alg": 7},
        {"alg": "RS512"},
    ],
)
def test_fault_211_keys_for_something_else_are_no_candidates(forge, members):
    """A key that is not for verifying, or not with an allowed algorithm, does not verify."""
    jwk = public(forge.KEYS["RS256"], **members)
    keys = forge.key_set(forge.published(jwk, forge.KEYS["ES256"]))

    assert "verify.key_mismatch" == forge.verdict(forge.issued(), keys)
    assert () == keys.dropped


@pytest.mark.parametrize("key_ops", [["verify"], ["sign", "verify"]])
def test_a_key_may_say_that_it_verifies(forge, key_ops):
    """`key_ops` with verify in it, and no `use`, is a key for verifying."""
    jwk = public(forge.KEYS["RS256"], key_ops=key_ops, use=None)

    assert "client" == forge.verdict(forge.issued(), forge.key_set(forge.published(jwk))).subject


@pytest.mark.parametrize("empty", [None, "", []], ids=["null", "text", "list"])
@pytest.mark.parametrize("member", ["use", "key_ops", "alg", "x5c", "x5t", "d", "oth"])
def test_an_empty_member_of_a_key_says_nothing(forge, member, empty):
    """Some issuers list every member of RFC 7517, and leave those empty that they do not use."""
    jwk = {**public(forge.KEYS["RS256"]), member: empty}

    assert "client" == forge.verdict(forge.issued(), forge.key_set(forge.published(jwk))).subject


@pytest.mark.parametrize("member", ["kty", "n", "e"])
def test_an_empty_member_that_a_key_needs_is_missing(forge, member):
    """What makes the key cannot be absent."""
    jwk = {**public(forge.KEYS["RS256"]), member: ""}

    assert () == forge.key_set(forge.published(jwk)).keys


def test_fault_216_a_token_need_not_name_the_only_key(forge):
    """Without `kid`, one key that fits is used; of several that fit none is."""
    token = forge.issued(without=("kid",))
    second = RSAKey.generate_key(2048, {"kid": "second", "alg": "RS256"})

    assert "client" == forge.verdict(token, forge.ALL_KEYS).subject
    keys = forge.key_set(forge.published(*forge.KEYS.values(), second))
    assert "verify.kid_ambiguous" == forge.verdict(token, keys)
    others = forge.key_set(forge.published(forge.KEYS["ES256"]))
    assert "verify.key_mismatch" == forge.verdict(token, others)


def test_a_key_without_a_name_verifies_tokens_without_one(forge):
    """A key without `kid` is found by tokens without `kid` only."""
    keys = forge.key_set(forge.published(public(forge.KEYS["RS256"], kid=None)))

    assert "client" == forge.verdict(forge.issued(without=("kid",)), keys).subject
    assert "verify.kid" == forge.verdict(forge.issued(), keys)


def test_fault_218_two_keys_of_one_name_are_no_key(forge):
    """Of two keys with one name and type neither is used; the type tells others apart."""
    twin = RSAKey.generate_key(2048, {"kid": "rsa", "alg": "RS256"})
    other = public(forge.KEYS["ES256"], kid="rsa")
    keys = forge.key_set(forge.published(*forge.KEYS.values(), twin, other))

    assert "jwks.duplicate_kid" in [each.code for each in keys.dropped]
    doubtful = forge.key_set(forge.published(forge.KEYS["RS256"], twin, forge.KEYS["EdDSA"]))
    assert "jwks.duplicate_kid" == forge.verdict(forge.issued(), doubtful)
    apart = forge.key_set(forge.published(forge.KEYS["RS256"], other))
    assert "client" == forge.verdict(forge.issued(), apart).subject
    assert "client" == forge.verdict(forge.issued("ES256", kid="rsa"), apart).subject


def test_fault_218_one_key_listed_twice_is_one_key(forge):
    """The same key is not ambiguous, however often and however spelt it is listed."""
    jwk = public(forge.KEYS["RS256"])
    spellings = [
        jwk,
        {**jwk, "x5c": ["MIIB"]},
        dict(reversed(list(jwk.items()))),
        {**jwk, "n": forge.b64(b"\0" + base64.urlsafe_b64decode(jwk["n"] + "=="))},
    ]
    for other in spellings:
        keys = forge.key_set(forge.published(jwk, other))
        assert (1, ()) == (len(keys.keys), keys.dropped)
        assert "client" == forge.verdict(forge.issued(), keys).subject
        unnamed = [{name: each[name] for name in each if name != "kid"} for each in (jwk, other)]
        token = forge.issued(without=("kid",))
        assert "client" == forge.verdict(token, forge.key_set(forge.published(*unnamed))).subject
    renamed = forge.key_set(forge.published(jwk, {**jwk, "kid": "again"}))
    assert "client" == forge.verdict(forge.issued(without=("kid",)), renamed).subject


def test_fault_218_one_name_may_have_several_algorithms(forge):
    """Keys of one name are told apart by their algorithm, though it is one key or one type."""
    pss = {**public(forge.KEYS["PS256"]), "kid": "rsa"}
    keys = forge.key_set(forge.published(forge.KEYS["RS256"], pss))
    assert "client" == forge.verdict(forge.issued(), keys).subject
    assert "client" == forge.verdict(forge.issued("PS256", kid="rsa"), keys).subject

    both = [public(forge.KEYS["RS256"], alg=alg) for alg in ("RS256", "PS256")]
    keys = forge.key_set(forge.published(*both))
    assert "client" == forge.verdict(forge.issued(), keys).subject
    signed = forge.issued("PS256", key=forge.KEYS["RS256"], kid="rsa")
    assert "client" == forge.verdict(signed, keys).subject


def weak_keys(forge):
    """RSA keys that no one may trust."""
    n = forge.KEYS["RS256"].private_key.public_key().public_numbers().n
    short = rsa.generate_private_key(65537, 1024).public_key().public_numbers().n
    e = forge.b64(b"\1\0\1")
    return {
        "1024": (uint(forge, short), e),
        "2047": (uint(forge, 2**2046 + 1), e),
        "e=1": (uint(forge, n), uint(forge, 1)),
        "e=2": (uint(forge, n), uint(forge, 2)),
        "e even": (uint(forge, n), uint(forge, 65538)),
        "e huge": (uint(forge, n), uint(forge, 2**32 + 1)),
        "e=0": (uint(forge, n), forge.b64(b"\0")),
        "8193": (uint(forge, 2**8192 + 1), e),
        "n even": (uint(forge, 2**2047 + 2), e),
    }


@pytest.mark.parametrize(
    "which", ["1024", "2047", "e=1", "e=2", "e even", "e huge", "e=0", "8193", "n even"]
)
def test_fault_219_weak_keys_are_dropped(forge, which):
    """An RSA key that is too short, too long or badly made never verifies anything."""
    n, e = weak_keys(forge)[which]

    assert ["jwks.weak_key"] == why(forge, {"kty": "RSA", "kid": "w", "n": n, "e": e})


@pytest.mark.parametrize(
    "members",
    [
        {"x": None},
        {"y": None},
        {"x": "AAAA"},
        {"x": "A" * 43, "y": "A" * 43},
        {"y": "A" * 43},
        {"x": 7},
        {"x": []},
        {"x": "é"},
        {"x": ""},
        {"x": "a=b="},
        {"x": "A" * 5000},
    ],
)
def test_fault_220_points_that_are_none_are_dropped(forge, members):
    """The point at infinity, one off the curve, and coordinates of a wrong length are no keys."""
    jwk = public(forge.KEYS["ES256"], kid="p", **members)

    assert ["jwks.malformed_key"] == why(forge, jwk)


@pytest.mark.parametrize(
    "jwk", [7, None, [], "x", {"kty": "RSA", "kid": 7}, {"kty": "RSA", "kid": ""}]
)
def test_fault_250_a_bad_key_leaves_the_good_ones(forge, jwk):
    """What is no key at all is dropped; the others verify."""
    document = {"keys": [jwk, public(forge.KEYS["RS256"])]}
    keys = forge.key_set(document)

    assert ["jwks.malformed_key"] == [each.code for each in keys.dropped]
    assert "client" == forge.verdict(forge.issued(), keys).subject


@pytest.mark.parametrize("jwk", [{}, {"kty": 7}, {"kty": "AKP", "kid": "pq", "alg": "ML-DSA-44"}])
def test_keys_of_other_kinds_are_left_aside(jwk):
    """A key of a type that nobody knows yet is no fault."""
    assert isinstance(read_verification_key(jwk, read_algorithms(DEFAULT_ALGORITHMS)), OtherKey)


@pytest.mark.parametrize(
    "document",
    [
        b"<html>sign in</html>", b"", b"{}", b'{"keys":{}}', b"[]", b'{"keys":null}', b'{"keys":7}',
        b'{"keys":[],"keys":[]}', b'\xff\xfe{"keys":[]}', b"null", b"[" * 100_000,
    ],
)  # fmt: skip
def test_fault_249_what_is_no_key_set_is_refused(forge, document):
    """Pages, other JSON and objects without a list of keys are refused."""
    assert "jwks.malformed" == refusal(forge, document)


def test_fault_251_a_key_set_has_bounds(forge):
    """A byte or a key too much makes a set too large."""
    good = json.dumps(forge.published(forge.KEYS["RS256"])).encode()

    assert forge.key_set(good.ljust(MAX_KEY_SET)).keys
    assert "jwks.too_large" == refusal(forge, good.ljust(MAX_KEY_SET + 1))
    many = {"keys": [public(forge.KEYS["RS256"], kid=f"k{n}") for n in range(MAX_KEYS + 1)]}
    assert "jwks.too_large" == refusal(forge, many)
    many["keys"].pop()
    assert MAX_KEYS == len(forge.key_set(many).keys)


@pytest.mark.parametrize(
    ("emitted", "seconds"),
    [
        (None, 300),
        ("max-age=0", 60),
        ("no-store", 60),
        ("no-cache, max-age=900", 60),
        ("max-age=315360000", 3600),
        ("max-age=-5", 60),
        ("public, max-age=900", 900),
        ("MAX-AGE=900", 900),
        ("s-maxage=5, max-age=600", 600),
        ('max-age="700"', 700),
        ("max-age=soon", 300),
        ("max-age=99999999999999999999", 3600),
    ],
)
def test_fault_256_freshness_is_minded_within_bounds(emitted, seconds):
    """A key set is current for as long as its answer says, from a minute to an hour."""
    headers = [] if emitted is None else [("Cache-Control", emitted)]

    assert seconds == read_freshness(HttpResponse(200, headers, SecretBytes(b"")))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    st.dictionaries(
        st.sampled_from(["kty", "kid", "use", "key_ops", "alg", "crv", "n", "e", "x", "y", "d"]),
        json_values
        | st.sampled_from(["RSA", "EC", "OKP", "P-256", "RS256", "ES256", "sig", "AQAB"]),
    )
)
def test_any_key_is_read_or_dropped(jwk):
    """No matter what a key holds, reading it ends in a key or in a reason."""
    assert read_verification_key(jwk, read_algorithms(DEFAULT_ALGORITHMS)) is not None
