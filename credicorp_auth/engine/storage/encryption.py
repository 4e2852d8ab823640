"""
Encryption of cache entries with AES-256-GCM, so that reading the cache reveals no token.

The cache key and the record id are associated data: an encrypted entry that was moved to another
key cannot be decrypted. The record id stays in plain text, so that a cache can discard a record
without an encryption key. If encryption is on, a plain-text entry is never used.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
from typing import TYPE_CHECKING, Final, Protocol

from attrs import frozen

from credicorp_auth.engine.storage.record import SCHEMA, CorruptEntry, read_record
from credicorp_auth.errors import InvalidSetting
from credicorp_auth.http.secret import SecretBytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from credicorp_auth.http.secret import Secret

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_RECORD_ID: Final = re.compile(r"[0-9a-f]{32}")


def read_encryption_keys(value: Secret) -> tuple[SecretBytes, ...]:
    """
    Parse the encryption keys.

    Args:
        value: One or more keys, each 32 bytes in base64, separated by white space or commas. The
            first key encrypts; all of them decrypt, so that keys can be rotated.

    Raises:
        InvalidSetting: The value has another form (`config.encryption_key`).
    """
    keys = tuple(_read_key(each) for each in value.reveal().replace(",", " ").split())
    if not keys or None in keys:
        raise InvalidSetting(
            f"an encryption key is not {KEY_BYTES} bytes in base64",
            code="config.encryption_key",
            hint="make one, for example with: openssl rand -base64 32",
        )
    return tuple(key for key in keys if key is not None)


def _read_key(text: str) -> SecretBytes | None:
    try:
        raw = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        return None
    return SecretBytes(raw) if len(raw) == KEY_BYTES else None


class EncryptionKeyRing(Protocol):
    """Supplies the encryption keys, from the settings or from a secret source."""

    def fetch(self, *, reread: bool = False) -> Sequence[SecretBytes]:
        """Return the keys, the encrypting one first; with `reread`, from their source."""
        ...


@frozen
class StaticKeys:
    """
    Encryption keys from the settings.

    Args:
        keys: The keys, the encrypting one first.
    """

    keys: Sequence[SecretBytes]

    def fetch(self, *, reread: bool = False) -> Sequence[SecretBytes]:  # noqa: ARG002 - they never change
        """Return the keys."""
        return self.keys


class EntryCipher:
    """
    Encrypts and decrypts cache entries.

    Args:
        keys: Supplies the encryption keys.
    """

    def __init__(self, keys: EncryptionKeyRing) -> None:
        self._fetch_keys = keys.fetch

    def close(self, entry: bytes, key: str, record_id: str) -> bytes:
        """
        Encrypt an entry.

        Args:
            entry: The plain-text entry.
            key: The cache key that the entry is stored under.
            record_id: The id of the record: 32 hexadecimal digits.
        """
        nonce = secrets.token_bytes(_NONCE_BYTES)
        cipher = _cipher(self._fetch_keys()[0])
        encrypted = nonce + cipher.encrypt(nonce, entry, _associated(key, record_id))
        record = {
            "credicorp_auth": SCHEMA,
            "id": record_id,
            "key": key,
            "encrypted": base64.b64encode(encrypted).decode("ascii"),
        }
        return json.dumps(record, separators=(",", ":")).encode("ascii")

    def open(self, entry: bytes, key: str) -> bytes:
        """
        Decrypt an entry.

        Raises:
            CorruptEntry: The entry is in plain text, for another cache key, or encrypted with an
                unknown key.
        """
        record_id, encrypted = _read_encrypted(entry, key)
        associated = _associated(key, record_id)
        for reread in (False, True):  # the key may be newer than the cached ones
            for each in self._fetch_keys(reread=reread):
                if (opened := _open(each, encrypted, associated)) is not None:
                    return opened
        raise CorruptEntry("it is encrypted with a key that is not ours, or was changed")


def _read_encrypted(entry: bytes, key: str) -> tuple[str, bytes]:
    record = read_record(entry, key)
    record_id, encrypted = record.get("id"), record.get("encrypted")
    if not isinstance(record_id, str) or not _RECORD_ID.fullmatch(record_id):
        raise CorruptEntry("its id is malformed")
    if not isinstance(encrypted, str):
        raise CorruptEntry("it is not encrypted")
    try:
        raw = base64.b64decode(encrypted, validate=True)
    except ValueError:
        raise CorruptEntry("what is encrypted is not base64") from None
    return record_id, raw


def _open(key: SecretBytes, encrypted: bytes, associated: bytes) -> bytes | None:
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - only if entries are encrypted

    try:
        return _cipher(key).decrypt(encrypted[:_NONCE_BYTES], encrypted[_NONCE_BYTES:], associated)
    except (InvalidTag, ValueError):
        return None


def _associated(key: str, record_id: str) -> bytes:
    return f"credicorp-auth seal {SCHEMA} {key} {record_id}".encode("ascii", "backslashreplace")


def _cipher(key: SecretBytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers import aead  # noqa: PLC0415 - as above

    return aead.AESGCM(key.reveal())
