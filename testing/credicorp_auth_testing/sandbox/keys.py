"""Signing keys of the sandbox, and their published key set."""

from __future__ import annotations

import threading
import uuid
from typing import Any

from joserfc.jwk import ECKey, KeySet, RSAKey


class EncryptionKeyRing:
    """
    A key that signs, and others that are still published.

    Args:
        algorithm: The signature algorithm: RS256 or ES256.
    """

    def __init__(self, algorithm: str) -> None:
        self.algorithm = algorithm
        self._lock = threading.Lock()
        self._keys: list[RSAKey | ECKey] = [self._generate()]
        self._announced: list[RSAKey | ECKey] = []

    def _generate(self) -> RSAKey | ECKey:
        parameters: Any = {"use": "sig", "alg": self.algorithm, "kid": uuid.uuid4().hex}
        if self.algorithm == "ES256":
            return ECKey.generate_key("P-256", parameters)
        return RSAKey.generate_key(2048, parameters)

    def announce(self) -> None:
        """Publish a new key without signing with it; the next rotation uses it."""
        fresh = [self._generate()]
        with self._lock:
            self._announced = fresh

    def rotate(self, *, keep_old: bool = True) -> None:
        """Sign with a new key from now on; old keys stay published unless `keep_old` is false."""
        fresh = self._generate()
        with self._lock:
            self._keys = [*(self._announced or [fresh]), *(self._keys if keep_old else [])]
            self._announced = []

    def signing(self) -> KeySet:
        """Return the signing key, as a set of one."""
        with self._lock:
            return KeySet([self._keys[0]])

    def published(self) -> KeySet:
        """Return every key whose tokens are accepted."""
        with self._lock:
            return KeySet([*self._keys, *self._announced])
