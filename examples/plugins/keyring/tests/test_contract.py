"""The contract of a secret source, over a keyring in memory, and the name it is found by."""

import json

import keyring
import pytest
from credicorp_auth_keyring.secrets import KeyringSource, Options
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

from credicorp_auth import CredicorpAuth
from credicorp_auth.testing.contracts.secret_source import SecretSourceContract


class MemoryKeyring(KeyringBackend):
    """A keyring of the test's own, which can be locked."""

    priority = 0

    def __init__(self):
        super().__init__()
        self.items = {}
        self.locked = False

    def get_password(self, service, username):
        if self.locked:
            raise KeyringLocked
        return self.items.get((service, username))

    def set_password(self, service, username, password):
        self.items[service, username] = password


@pytest.fixture(autouse=True)
def place():
    """Put a keyring of the test's own in the place of the user's."""
    before = keyring.get_keyring()
    mine = MemoryKeyring()
    keyring.set_keyring(mine)
    yield mine
    keyring.set_keyring(before)


class TestKeyringSource(SecretSourceContract):
    """What every secret source hands over, refuses and hides."""

    def build_source(self, fields):
        self.rotate(fields)
        return KeyringSource(Options(item="contract"))

    def rotate(self, fields):
        keyring.set_password("credicorp-auth", "contract", json.dumps(dict(fields)))

    def break_down(self):
        keyring.get_keyring().locked = True


def test_an_item_that_is_no_object():
    """Anything else than one JSON object of texts is told as such."""
    for stored in ("x", '{"client_secret": 7}'):
        keyring.set_password("credicorp-auth", "contract", stored)
        with pytest.raises(Exception, match=r"secret\.invalid"):
            KeyringSource(Options(item="contract")).fetch(["client_secret"])


def test_it_is_found_by_its_name():
    """Settings choose it by name."""
    CredicorpAuth(secrets="keyring", secrets_options={"item": "contract"}).close()
