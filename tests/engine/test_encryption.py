"""Entries that are encrypted before a cache sees them."""

from __future__ import annotations

import base64
import json

import pytest

from credicorp_auth.engine.storage.credential_cache import CredentialCache
from credicorp_auth.engine.storage.encryption import EntryCipher, StaticKeys, read_encryption_keys
from credicorp_auth.engine.storage.encryption_keys import SourceEncryptionKeys
from credicorp_auth.engine.storage.record import CorruptEntry
from credicorp_auth.errors import InvalidSetting, SecretUnavailable
from credicorp_auth.http.secret import Secret
from credicorp_auth.plugin.api import FetchedSecret, Provider, SecretSourceCapabilities
from credicorp_auth_testing.clock import MovableClock

KEY, OTHER = "a" * 64, "b" * 64
RECORD = "0" * 31 + "1"
FIRST, SECOND = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))


def cipher(*keys):
    return EntryCipher(StaticKeys(read_encryption_keys(Secret(" ".join(keys)))))


def test_what_was_sealed_is_opened():
    """An encrypted entry shows its record id and nothing of what is in it, and opens whole."""
    encrypted = cipher(FIRST).close(b"token-canary", KEY, RECORD)

    assert b"token-canary" == cipher(FIRST).open(encrypted, KEY)
    assert RECORD.encode() in encrypted
    assert b"canary" not in encrypted
    assert encrypted != cipher(FIRST).close(b"token-canary", KEY, RECORD)


def test_several_keys_open_while_one_replaces_another():
    """The first key seals, each of them opens."""
    old = cipher(FIRST).close(b"x", KEY, RECORD)
    new = cipher(f"{SECOND},{FIRST}").close(b"y", KEY, RECORD)

    assert (b"x", b"y") == (cipher(SECOND, FIRST).open(old, KEY), cipher(SECOND).open(new, KEY))


def changed(entry, /, **members):
    return json.dumps({**json.loads(entry), **members}).encode()


def flipped(encrypted):
    raw = bytearray(base64.b64decode(json.loads(encrypted)["encrypted"]))
    raw[-1] ^= 1
    return changed(encrypted, encrypted=base64.b64encode(raw).decode())


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda entry: changed(entry, key=KEY), id="170: moved to another key"),
        pytest.param(lambda entry: changed(entry, id="f" * 32), id="170: another record's id"),
        pytest.param(lambda entry: changed(entry, id=7), id="an id that is none"),
        pytest.param(flipped, id="170: a bit changed"),
        pytest.param(lambda entry: changed(entry, encrypted=""), id="170: truncated to nothing"),
        pytest.param(
            lambda entry: changed(entry, encrypted="AAAA"), id="170: shorter than a nonce"
        ),
        pytest.param(lambda entry: changed(entry, encrypted="?"), id="no base64"),
        pytest.param(lambda entry: changed(entry, encrypted=None), id="not encrypted at all"),
        pytest.param(lambda entry: b"garbage", id="no record at all"),
        pytest.param(lambda _entry: cipher(SECOND).close(b"x", OTHER, RECORD), id="170: wrong key"),
    ],
)
def test_fault_170_what_was_not_sealed_so_does_not_open(spoil):
    """170: an encrypted entry that was changed, moved or encrypted by somebody else is no entry."""
    entry = spoil(cipher(FIRST).close(b"x", OTHER, RECORD))
    with pytest.raises(CorruptEntry):
        cipher(FIRST).open(entry, KEY if KEY.encode() in entry else OTHER)


@pytest.mark.parametrize("value", ["", "  ", "short", FIRST[:-4], FIRST + " nonsense!", "é"])
def test_a_key_that_is_none_is_refused(value):
    """A encryption keys is 32 bytes in base64, and the error says how to make one."""
    with pytest.raises(InvalidSetting, match="openssl rand") as raised:
        read_encryption_keys(Secret(value))
    assert "config.encryption_key" == raised.value.code
    assert "nonsense" not in str(raised.value)


class KeySource:
    """A secret source that has a encryption keys, sometimes."""

    capabilities = SecretSourceCapabilities(rotates=True)

    def __init__(self, *gives):
        self.gives = list(gives)
        self.asked = []

    def fetch(self, names, *, timeout):
        """Return the next key, or fail."""
        self.asked.append(names)
        given = self.gives.pop(0) if len(self.gives) > 1 else self.gives[0]
        if isinstance(given, Exception):
            raise given
        return FetchedSecret({"cache_key": Secret(given)}, "1")


def keeper_of(*gives):
    clock, source = MovableClock(), KeySource(*gives)
    return clock, source, CredentialCache(source, Provider("keys"), "client", clock)


def keys_of(*gives):
    clock, source, credential_cache = keeper_of(*gives)
    return clock, source, SourceEncryptionKeys(credential_cache, "cache_key", clock)


def test_keys_come_from_the_secret_source():
    """The field that was named is fetched once, and again when it has become old."""
    clock, source, keys = keys_of(FIRST, SECOND)
    first = [keys.fetch() for _ in range(3)]
    clock.advance(301)

    assert read_encryption_keys(Secret(FIRST)) == first[0] == first[2]
    assert read_encryption_keys(Secret(SECOND)) == keys.fetch()
    assert [("cache_key",)] * 2 == source.asked


def test_an_entry_of_an_unknown_key_makes_the_source_be_read_again():
    """A key that another host has already is found without a restart, and strangers' entries hammer nobody."""
    clock, source, keys = keys_of(FIRST, f"{SECOND} {FIRST}")
    entry_cipher = EntryCipher(keys)
    old = entry_cipher.close(b"old", KEY, RECORD)
    new = cipher(SECOND).close(b"new", KEY, RECORD)
    clock.advance(11)

    assert b"new" == entry_cipher.open(new, KEY)
    assert b"old" == entry_cipher.open(old, KEY)
    for _ in range(20):
        with pytest.raises(CorruptEntry):
            entry_cipher.open(changed(old, id="f" * 32), KEY)
    assert 2 == len(source.asked)


def test_a_source_that_is_away_leaves_the_keys_in_force():
    """What is kept goes on sealing; where nothing is kept, the trouble is told and not hammered."""
    away = SecretUnavailable("sealed", retryable=True)
    clock, source, keys = keys_of(FIRST, away)
    kept = keys.fetch()
    clock.advance(301)
    assert kept == keys.fetch()

    clock, source, keys = keys_of(away, FIRST)
    for _ in range(5):
        with pytest.raises(SecretUnavailable):
            keys.fetch()
    clock.advance(11)
    assert kept == keys.fetch()
    assert 2 == len(source.asked)


def test_what_forgets_secrets_forgets_the_keys_that_come_with_them():
    """After a leak no entry is encrypted with the old key, also while no new one is available."""
    clock, source, credential_cache = keeper_of(
        FIRST, SecretUnavailable("sealed", retryable=True), SECOND
    )
    keys = SourceEncryptionKeys(credential_cache, "cache_key", clock)
    assert read_encryption_keys(Secret(FIRST)) == keys.fetch()

    credential_cache.forget()
    for _ in range(3):
        with pytest.raises(SecretUnavailable):
            keys.fetch()
    clock.advance(11)

    assert read_encryption_keys(Secret(SECOND)) == keys.fetch()
    assert 3 == len(source.asked)
