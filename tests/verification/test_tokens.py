"""The strict reader: what is not exactly a good access token is refused, each fault by its code."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from cryptography.hazmat.primitives import hashes, hmac, serialization
from hypothesis import given
from hypothesis import strategies as st

from credicorp_auth import errors
from credicorp_auth.jose.base64url import MAX_SIGNED_TOKEN
from credicorp_auth.jose.signature_algorithm import read_algorithms

NOT_FOUND = object()


def pem(key):
    """Return a public key as PEM."""
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def confused(forge, secret):
    """Sign with HMAC, taking what everybody can read for the secret."""
    signing_input = f"{forge.b64(forge.header(alg='HS256', kid='rsa'))}.{forge.b64(forge.claims())}"
    mac = hmac.HMAC(secret, hashes.SHA256())
    mac.update(signing_input.encode())
    return f"{signing_input}.{forge.b64(mac.finalize())}"


def confusions(forge):
    """Everything of a public key that was ever taken for an HMAC secret."""
    key = forge.KEYS["RS256"]
    public = key.private_key.public_key()
    jwk = key.as_dict(private=False)
    der = public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    modulus = public.public_numbers().n.to_bytes(256)
    return {
        "PEM": pem(public),
        "DER": der,
        "JWK text": json.dumps(jwk).encode(),
        "JWKS text": json.dumps({"keys": [jwk]}).encode(),
        "modulus": modulus,
        "x5c": forge.b64(der).encode(),
        "empty": b"",
    }


@pytest.mark.parametrize("signature", ["", "junk", "!", "AAAA"])
@pytest.mark.parametrize("alg", ["none", "None", "nOnE", "NONE"])
def test_fault_205_no_spelling_of_none_is_an_algorithm(forge, alg, signature):
    """A token without a signature is refused before any key is looked for."""
    token = f"{forge.b64(forge.header(alg=alg, kid='x'))}.{forge.b64(forge.claims())}.{signature}"

    assert "verify.alg" == forge.verdict(token, NOT_FOUND)


@pytest.mark.parametrize("alg", [None, [], ["RS256"], {}, 7, True, "XX256", "rs256", "RS256 ", ""])
def test_fault_206_an_algorithm_is_named_exactly(forge, alg):
    """Any other thing than a name of the allow-list is refused; so is no name at all."""
    assert "verify.alg" == forge.verdict(forge.signed(forge.header(alg=alg), forge.claims()))
    missing = forge.signed(forge.header(without=("alg",)), forge.claims())
    assert "verify.alg" == forge.verdict(missing, NOT_FOUND)


@pytest.mark.parametrize(
    "secret", ["PEM", "DER", "JWK text", "JWKS text", "modulus", "x5c", "empty"]
)
def test_fault_207_a_public_key_is_never_an_hmac_secret(forge, secret):
    """HMAC is in no allow-list, no matter what the secret was taken from."""
    token = confused(forge, confusions(forge)[secret])

    assert "verify.alg" == forge.verdict(token, NOT_FOUND)
    for name in ("HS256", "HS384", "HS512", "none", "RSA1_5"):
        with pytest.raises(errors.InvalidSetting):
            read_algorithms([name])
    with pytest.raises(errors.InvalidSetting):
        read_algorithms([])


@pytest.mark.parametrize("name", ["RS384", "RS512", "PS384", "PS512", "ES384", "ES512"])
def test_longer_hashes_are_opted_into(forge, name):
    """The 384 and 512 forms are refused unless they are allowed."""
    assert "verify.alg" == forge.verdict(forge.signed(forge.header(alg=name), forge.claims()))


@pytest.mark.parametrize("member", ["jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256"])
def test_fault_212_keys_that_travel_with_a_token_do_not_count(forge, member):
    """A key, or an address of one, in the header changes nothing: the issuer's keys verify."""
    own = forge.KEYS["PS256"].as_dict(private=False)
    value = own if member == "jwk" else "http://127.0.0.1:9/evil"
    forged = forge.signed(forge.header(**{member: value}), forge.claims(), forge.KEYS["PS256"])

    assert "verify.signature" == forge.verdict(forged)
    honest = forge.signed(forge.header(**{member: value}), forge.claims())
    assert forge.claims() == dict(forge.verdict(honest))


@pytest.mark.parametrize(
    "kid",
    [
        7,
        None,
        [],
        {},
        True,
        "a\0b",
    ],
)
def test_fault_217_the_name_of_a_key_is_text(forge, kid):
    """A kid that is no text is refused, in a token and in a key set."""
    token = forge.signed(forge.header(kid=kid), forge.claims())

    assert "verify.header" == forge.verdict(token, NOT_FOUND)
    jwk = {**forge.KEYS["RS256"].as_dict(private=False), "kid": kid}
    read = forge.key_set(forge.published(jwk, forge.KEYS["ES256"]))
    assert len(read.dropped) == (kid is not None)


@pytest.mark.parametrize(
    "kid",
    [
        *("arn:aws:kms:eu:1:key/ab", "https://k/1", "a+b/c==", "{0-1}", "k" * 257, "v1..2"),
        *("../../etc/passwd", "' OR 1=1", "a\nb", "clé", "my key 1", "CN=signer, O=Example", "7"),
    ],
)
def test_fault_217_any_text_names_a_key(forge, kid):
    """A name serves to look a key up, no matter what it looks like, and for nothing else."""
    unknown = forge.signed(forge.header(kid=kid), forge.claims())
    assert "verify.kid" == forge.verdict(unknown)
    jwk = {**forge.KEYS["RS256"].as_dict(private=False), "kid": kid}
    token = forge.issued(kid=kid)

    assert "client" == forge.verdict(token, forge.key_set(forge.published(jwk))).subject


def test_an_empty_name_is_no_name(forge):
    """A kid of no characters counts as no kid, in a token and in a key set alike."""
    jwk = {**forge.KEYS["RS256"].as_dict(private=False), "kid": ""}
    unnamed = forge.key_set(forge.published(jwk))

    assert [None] == [each.kid for each in unnamed.keys]
    for token in (forge.issued(kid=""), forge.issued(without=("kid",))):
        assert "client" == forge.verdict(token, unnamed).subject


def test_fault_217_a_huge_name_is_cut_off_by_the_size_of_the_token(forge):
    """A kid of a megabyte makes a token that is too large."""
    token = forge.signed(forge.header(kid="k" * 2**20), forge.claims())

    assert "verify.too_large" == forge.verdict(token, NOT_FOUND)


@pytest.mark.parametrize(
    "crit", [["exp"], [], "exp", ["alg"], ["a", "a"], ["absent"], ["b64"], None, {}, 7]
)
def test_fault_224_no_extension_is_understood(forge, crit):
    """No matter what `crit` says, the token is refused."""
    token = forge.signed(forge.header(crit=crit, exp=1, a=1), forge.claims())

    assert "verify.crit" == forge.verdict(token)


@pytest.mark.parametrize("b64", [False, True, None, "false", 0])
def test_fault_225_the_payload_is_always_encoded(forge, b64):
    """`b64` in any form is refused, with the payload in its place or detached."""
    token = forge.signed(forge.header(b64=b64), forge.claims())
    head, _, signature = token.split(".")

    assert "verify.header" == forge.verdict(token)
    assert "verify.header" == forge.verdict(f"{head}..{signature}")
    assert "verify.header" == forge.verdict(f"{head}.$plain$.{signature}")


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"zip": "DEF"}, "verify.format"),
        ({"enc": "A256GCM"}, "verify.format"),
        ({"alg": "RSA-OAEP", "enc": "A256GCM"}, "verify.format"),
        ({"epk": {}}, "verify.format"),
        ({"p2c": 2**31, "p2s": "x"}, "verify.format"),
        ({"cty": "JWT"}, "verify.nested"),
        ({"cty": "jwt"}, "verify.nested"),
        ({"cty": "application/jwt"}, "verify.nested"),
        ({"cty": 7}, "verify.nested"),
    ],
)
def test_fault_226_nothing_is_decrypted_inflated_or_unpacked(forge, members, code):
    """Encryption, compression and tokens inside tokens are refused."""
    assert code == forge.verdict(forge.signed(forge.header(**members), forge.claims()))


def test_fault_226_five_segments_are_no_token(forge):
    """The compact form of an encrypted token is refused."""
    assert "verify.format" == forge.verdict("eyJhbGciOiJkaXIifQ.a.b.c.d")


def test_fault_227_other_serialisations_are_no_tokens(forge):
    """The JSON serialisations of RFC 7515 section 7.2 are refused."""
    head, payload, signature = forge.issued().split(".")
    flat = {"protected": head, "payload": payload, "signature": signature}
    general = {"payload": payload, "signatures": [{"protected": head, "signature": signature}]}

    for document in (flat, general):
        assert "verify.format" == forge.verdict(json.dumps(document))


def bent(token):
    """Every way in which a good token's text is bent."""
    head, payload, signature = token.split(".")
    last = signature[-1]
    # The last character of 256 bytes holds two bits that decode to nothing.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    loose = alphabet[alphabet.index(last) ^ 1]
    return {
        "space before": f" {token}",
        "newline after": f"{token}\n",
        "Bearer": f"Bearer {token}",
        "padding": f"{token}==",
        "padding of the header": f"{head}==.{payload}.{signature}",
        "plus": f"{head}.{payload}.+{signature[1:]}",
        "slash": f"{head}.{payload}./{signature[1:]}",
        "loose bits": f"{head}.{payload}.{signature[:-1]}{loose}",
        "two segments": f"{head}.{payload}",
        "four segments": f"{token}.",
        "no header": f".{payload}.{signature}",
        "no payload": f"{head}..{signature}",
        "newline inside": f"{head}.{payload}.\n{signature}",
        "not ASCII": f"{head}.{payload}.é{signature}",
        "full-width dot": token.replace(".", "\uff0e"),
        "lone surrogate": f"{token}\ud800",
        "a character too many": f"{head}.{payload}.A{signature[:-2]}",
        "empty": "",
        "dots": "..",
    }


@pytest.mark.parametrize(
    "how",
    [
        "space before", "newline after", "Bearer", "padding", "padding of the header", "plus",
        "slash", "loose bits", "two segments", "four segments", "no header", "no payload",
        "newline inside", "a character too many", "not ASCII", "full-width dot", "lone surrogate", "empty", "dots",
    ],
)  # fmt: skip
def test_fault_228_a_token_has_one_spelling(forge, how):
    """A token with one character more, less or other is refused, not repaired."""
    token = forge.issued()
    assert "client" == forge.verdict(token).subject

    assert "verify.format" == forge.verdict(bent(token)[how])


ENCODINGS = ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("part", ["header", "payload"])
def test_fault_229_json_is_utf_8_without_a_mark(forge, part, encoding):
    """UTF-16, UTF-32 and byte order marks are refused in either part."""
    parts = {"header": forge.header(), "payload": forge.claims()}
    parts[part] = json.dumps(parts[part]).encode(encoding)

    assert "verify.format" == forge.verdict(forge.signed(parts["header"], parts["payload"]))


@pytest.mark.parametrize(
    "raw",
    [
        b'{"sub":"\xff"}',
        b'{"sub":"\xed\xa0\x80"}',
        b"[1]",
        b'"x"',
        b"7",
        b"null",
        b"{}{}",
        b"",
        b"{",
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"exp":1e400}',
        b'{"exp":' + b"9" * 5000 + b"}",
        b"[" * 7000,
        b'{"a":' * 500 + b"1" + b"}" * 500,
    ],
)
@pytest.mark.parametrize("part", [0, 1])
def test_fault_229_232_233_only_one_strict_object_is_read(forge, part, raw):
    """Bytes that are not one strict JSON object are refused in either part, no matter what they are."""
    parts = [forge.header(), forge.claims()]
    parts[part] = raw

    assert "verify.format" == forge.verdict(forge.signed(*parts))


def test_fault_229_a_lone_surrogate_is_text_like_any_other(forge):
    """An escaped half of a character cannot crash what compares it: it is no issuer's name."""
    body = json.dumps(forge.claims()).replace("https://as.example", "\\ud800").encode()

    assert "verify.iss" == forge.verdict(forge.signed(forge.header(), body))


@pytest.mark.parametrize("part", [0, 1])
def test_fault_230_a_member_stands_once(forge, part):
    """A member that stands twice is refused, though both say the same."""
    parts = [json.dumps(forge.header()).encode(), json.dumps(forge.claims()).encode()]
    parts[part] = parts[part][:-1] + b', "x": 1, "x": 1}'

    assert "verify.duplicate_member" == forge.verdict(forge.signed(*parts))


@pytest.mark.parametrize("size", [MAX_SIGNED_TOKEN + 1, 2 * 2**20, 100 * 2**20])
def test_fault_231_a_long_text_is_not_even_copied(forge, size):
    """A text beyond the limit is refused before it is decoded, at no cost in memory."""
    token = "a" * size
    tracemalloc.start()
    code = forge.verdict(token, NOT_FOUND)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert "verify.too_large" == code
    assert peak < MAX_SIGNED_TOKEN


def test_fault_246_a_token_inside_a_claim_is_only_text(forge):
    """What looks like a token within the payload is handed out as it stands."""
    inner = forge.issued()
    found = forge.verdict(forge.issued(body=forge.claims(act=inner)))

    assert inner == found["act"]


def test_fault_234_a_token_must_end(forge):
    """Without `exp` a token is refused."""
    assert "verify.exp" == forge.verdict(forge.issued(body=forge.claims(without=("exp",))))


@pytest.mark.parametrize(
    "value", ["1795474232", True, None, [], {}, -1, 10**30, 2**53 + 2, -0.5, "", 1.0e300]
)
@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
def test_fault_235_237_times_are_numbers(forge, name, value):
    """Texts, booleans and numbers out of range are no times."""
    token = forge.issued(body=forge.claims(**{name: value}))

    assert f"verify.{name}" == forge.verdict(token)


def test_fault_236_a_time_may_have_a_fraction(forge):
    """NumericDate need not be whole."""
    found = forge.verdict(forge.issued(body=forge.claims(exp=1800000000.5, iat=1799999999.25)))

    assert (1800000000.5, 1799999999.25) == (found.expires_at, found.issued_at)


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"exp": -60}, "verify.exp"),
        ({"exp": -59}, None),
        ({"nbf": 60}, None),
        ({"nbf": 61}, "verify.nbf"),
        ({"iat": 60}, None),
        ({"iat": 61}, "verify.iat"),
        ({"iat": -315_360_000}, None),
    ],
)
def test_fault_130_237_clocks_may_differ_by_a_minute(forge, members, code):
    """Leeway is 60 s, to the second; an old token is good as long as it lives."""
    body = forge.claims(**{name: forge.NOW + value for name, value in members.items()})
    found = forge.verdict(forge.issued(body=body))

    assert code == (found if isinstance(found, str) else None)


def test_fault_237_a_token_says_when_it_was_issued(forge):
    """Without `iat` a token is refused; without `nbf` it is not."""
    assert "verify.iat" == forge.verdict(forge.issued(body=forge.claims(without=("iat",))))


@pytest.mark.parametrize(
    "aud",
    [
        None,
        "",
        [],
        {},
        [1],
        ["other"],
        "other",
        "partner-api ",
        "Partner-api",
        ["partner-api", 1],
        True,
    ],
)
def test_fault_239_an_audience_is_matched_exactly(forge, aud):
    """Only a text, or a list of texts, that holds our name to the letter will do."""
    assert "verify.aud" == forge.verdict(forge.issued(body=forge.claims(aud=aud)))


def test_fault_239_an_audience_may_be_one_of_several(forge):
    """A list that holds our name will do; no audience at all will not."""
    found = forge.verdict(forge.issued(body=forge.claims(aud=["other", "partner-api"])))

    assert frozenset({"other", "partner-api"}) == found.audience
    assert "verify.aud" == forge.verdict(forge.issued(body=forge.claims(without=("aud",))))


@pytest.mark.parametrize(
    "iss",
    [
        None, ["https://as.example"], "https://as.example/", "https://AS.example",
        "https://as.example:443", "https://as.ex\u0430mple", "http://as.example", "",
    ],
)  # fmt: skip
def test_fault_241_an_issuer_is_matched_by_code_points(forge, iss):
    """A slash, a case, a port or a twin from another alphabet makes another issuer."""
    token = forge.issued(body=forge.claims(iss=iss))

    assert "verify.iss" == forge.verdict(token, NOT_FOUND)
    missing = forge.issued(body=forge.claims(without=("iss",)))
    assert "verify.iss" == forge.verdict(missing, NOT_FOUND)


@pytest.mark.parametrize("typ", ["at+jwt", "application/at+jwt", "AT+JWT", "Application/At+Jwt"])
def test_fault_242_access_tokens_say_that_they_are(forge, typ):
    """The media type of access tokens is read in any case."""
    assert "client" == forge.verdict(forge.signed(forge.header(typ=typ), forge.claims())).subject


@pytest.mark.parametrize(
    "typ",
    [
        "JWT", "jwt", None, 7, ["at+jwt"], "", "at+jwt ", "at+jwt;x=1", "client-authentication+jwt",
        "logout+jwt", "dpop+jwt", "secevent+jwt", "text/at+jwt",
    ],
)  # fmt: skip
def test_fault_242_other_tokens_are_not_access_tokens(forge, typ):
    """Identity, logout, proof and assertion tokens are refused, and so is one that does not say."""
    assert "verify.typ" == forge.verdict(forge.signed(forge.header(typ=typ), forge.claims()))
    missing = forge.signed(forge.header(without=("typ",)), forge.claims())
    assert "verify.typ" == forge.verdict(missing)


@pytest.mark.parametrize("value", [None, 7, "", [], True, NOT_FOUND])
@pytest.mark.parametrize("name", ["sub", "client_id", "jti"])
def test_fault_243_the_profile_of_access_tokens_is_kept(forge, name, value):
    """Subject, client and token id must be there, as text (RFC 9068 section 2.2)."""
    changes = {"without": (name,)} if value is NOT_FOUND else {name: value}
    body = forge.claims(**changes)

    assert "verify.claim" == forge.verdict(forge.issued(body=body))


@pytest.mark.parametrize("scope", [None, 7, ["decisions:read"], {}, "a\tb", 'a"b', "é", True])
def test_fault_244_a_scope_is_a_text_of_scope_tokens(forge, scope):
    """A scope claim of any other form is refused."""
    assert "verify.scope" == forge.verdict(forge.issued(body=forge.claims(scope=scope)))


@pytest.mark.parametrize(
    ("required", "body"),
    [
        ("decisions:rea", {}),
        ("decisions:read other", {}),
        ("decisions", {}),
        ("Decisions:read", {}),
        ("decisions:read", {"without": ("scope",)}),
        ("decisions:read", {"without": ("scope",), "scp": ["decisions:read"]}),
    ],
)
def test_fault_244_scopes_are_compared_word_by_word(forge, required, body):
    """Part of a word is not the word, and `scp` is no scope."""
    token = forge.issued(body=forge.claims(**body))

    assert "verify.scope" == forge.verdict(token, required=required)
    assert "client" == forge.verdict(forge.issued(), required="decisions:read").subject


def test_a_scope_covers_itself(forge):
    """A token with exactly the required scope is good, and so is one without scope if none is required."""
    both = "decisions:read applications:write"

    assert "client" == forge.verdict(forge.issued(), required=both).subject
    bare = forge.issued(body=forge.claims(without=("scope",)))
    assert "client" == forge.verdict(bare).subject


def test_a_token_of_the_greatest_length_is_read(forge):
    """A token is refused for its length only if it has more characters than the limit."""
    sizes = {}
    for mark in ("", "x", "xx"):  # base64url has no text of every length
        head = forge.header(mark=mark)
        missing = MAX_SIGNED_TOKEN - len(forge.signed(head, forge.claims(pad="")))
        for pad in range(missing * 3 // 4 - 3, missing * 3 // 4 + 3):
            token = forge.signed(head, forge.claims(pad="x" * pad))
            sizes[len(token)] = token

    assert "client" == forge.verdict(sizes[MAX_SIGNED_TOKEN]).subject
    assert "verify.too_large" == forge.verdict(sizes[MAX_SIGNED_TOKEN + 1])


@pytest.mark.parametrize("cnf", [{"jkt": "x"}, {"x5t#S256": "x"}, {}, None, 7])
def test_fault_245_a_bound_token_needs_a_proof(forge, cnf):
    """A token that is bound to a key is refused, since nobody shows the key here."""
    assert "verify.cnf" == forge.verdict(forge.issued(body=forge.claims(cnf=cnf)))


def test_fault_247_claims_come_after_the_signature(forge):
    """With a wrong signature nothing else is told: not even that the token has expired."""
    body = forge.claims(exp=1, aud="other", cnf={})
    token = forge.signed(forge.header(), body, forge.KEYS["PS256"])

    assert "verify.signature" == forge.verdict(token)


@pytest.mark.parametrize(
    "bad",
    [b"\0" * 64, b"\0" * 32 + b"\1" * 32, b"\0" * 63, b"\0" * 65, b"", b"\xff" * 64],
    ids=["r=s=0", "r=0", "63", "65", "empty", "above n"],
)
def test_fault_221_psychic_signatures_are_no_signatures(forge, bad):
    """Zeroes, wrong lengths and numbers beyond the order are refused."""
    head, payload, _ = forge.issued("ES256").split(".")

    assert "verify.signature" == forge.verdict(f"{head}.{payload}.{forge.b64(bad)}")


def test_fault_221_der_is_no_signature_of_a_token(forge):
    """An ECDSA signature in DER, as `cryptography` writes it, is refused."""
    from cryptography.hazmat.primitives.asymmetric import ec

    head, payload, _ = forge.issued("ES256").split(".")
    der = forge.KEYS["ES256"].private_key.sign(
        f"{head}.{payload}".encode(), ec.ECDSA(hashes.SHA256())
    )

    assert "verify.signature" == forge.verdict(f"{head}.{payload}.{forge.b64(der)}")


@pytest.mark.parametrize("how", ["shorter", "longer", "zeroes", "one", "modulus"])
def test_fault_222_an_rsa_signature_has_one_length_and_one_form(forge, how):
    """Trimmed, stretched and degenerate RSA signatures are refused."""
    from credicorp_auth.jose.base64url import decode_base64url

    head, payload, signature = forge.issued().split(".")
    raw = decode_base64url(signature.encode())
    n = forge.KEYS["RS256"].private_key.public_key().public_numbers().n
    bad = {
        "shorter": raw[1:],
        "longer": b"\0" + raw,
        "zeroes": bytes(256),
        "one": (1).to_bytes(256),
        "modulus": n.to_bytes(256),
    }[how]

    assert "verify.signature" == forge.verdict(f"{head}.{payload}.{forge.b64(bad)}")


def test_fault_222_a_forged_padding_is_no_signature(forge):
    """A block whose hash is right and whose padding is short, as cube roots make it, is refused."""
    import hashlib

    key = forge.KEYS["RS256"].private_key
    head, payload, _ = forge.issued().split(".")
    digest = hashlib.sha256(f"{head}.{payload}".encode()).digest()
    prefix = bytes.fromhex("3031300d060960864801650304020105000420")
    block = b"\0\1\xff\xff\xff\0" + prefix + digest
    block += bytes(256 - len(block))
    numbers = key.private_numbers()
    forged = pow(int.from_bytes(block), numbers.d, numbers.public_numbers.n).to_bytes(256)

    assert "verify.signature" == forge.verdict(f"{head}.{payload}.{forge.b64(forged)}")


def test_claims_cannot_be_changed(forge):
    """What is handed out is shared by all who show the token again, so nothing of it changes."""
    found = forge.verdict(forge.issued(body=forge.claims(act={"sub": "a", "list": [{"b": 1}]})))

    assert {"sub": "a", "list": ({"b": 1},)} == dict(found["act"])
    assert set(forge.claims(act=1)) == set(found)
    assert len(forge.claims(act=1)) == len(found)
    for change in (found["act"], found["act"]["list"][0], found):
        with pytest.raises(TypeError):
            change["x"] = 1
    assert "applications:write decisions:read" == str(found.scope)


@pytest.mark.slow
@given(st.text(max_size=200) | st.from_regex(r"[A-Za-z0-9_-]{0,40}(\.[A-Za-z0-9_-]{0,40}){0,4}"))
def test_any_text_is_verified_or_refused(text):
    """For any text, the answer is one of our codes."""
    from credicorp_auth.jose.verification import VerificationPolicy, encode_token, read_token

    with pytest.raises(errors.VerificationFailed) as refused:
        read_token(encode_token(text), VerificationPolicy("https://as.example", ()))
    assert refused.value.code.startswith("verify.")


@given(st.binary(max_size=24) | st.text("AEQgwZz09-_+/=. \n", max_size=9).map(str.encode))
def test_base64url_has_one_spelling_for_each_value(text):
    """What is decoded is exactly what encoding the result would write, and everything such is."""
    import base64

    from credicorp_auth.jose.base64url import decode_base64url

    encoded = base64.urlsafe_b64encode(text).rstrip(b"=")
    assert text == decode_base64url(encoded)
    decoded = decode_base64url(text)
    assert decoded is None or text == base64.urlsafe_b64encode(decoded).rstrip(b"=")


@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
def test_no_character_of_a_token_can_be_changed(forge, alg):
    """A good token with any one character changed, doubled or left out is refused."""
    token = forge.issued(alg)
    accepted = [
        changed
        for at in range(len(token))
        for changed in (
            f"{token[:at]}{'A' if token[at] != 'A' else 'B'}{token[at + 1 :]}",
            f"{token[:at]}{token[at]}{token[at:]}",
            f"{token[:at]}{token[at + 1 :]}",
        )
        if changed != token and not isinstance(forge.verdict(changed), str)
    ]

    assert [] == accepted


json_claims = (
    st.none() | st.booleans() | st.integers(-10, 2**54) | st.floats() | st.text(max_size=6)
)


@given(
    changes=st.dictionaries(
        st.sampled_from(["exp", "iat", "nbf", "aud", "iss", "sub", "jti", "client_id", "scope"]),
        json_claims | st.lists(json_claims, max_size=2) | st.just("partner-api"),
        max_size=2,
    )
)
def test_what_is_accepted_here_is_accepted_by_pyjwt(forge, changes):
    """For any claims, a token that passes passes PyJWT as well, and says the same there."""
    import jwt

    body = {**forge.claims(), **changes}
    token = forge.signed(forge.header(), body)
    found = forge.verdict(token)
    if not isinstance(found, str):
        public = forge.KEYS["RS256"].private_key.public_key()
        # PyJWT has no clock but the machine's, and that is behind.
        times = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
        whose = {"audience": forge.AUDIENCE, "issuer": forge.ISSUER}
        read = jwt.decode(token, public, algorithms=["RS256"], options=times, **whose)
        assert read == json.loads(json.dumps(dict(found)))
