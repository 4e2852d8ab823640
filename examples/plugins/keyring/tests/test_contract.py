"""Contract tests of the secret source `keyring`, on a keyring in memory, and its discovery."""

import json

import keyring
import pytest
from credicorp_auth_keyring.secrets import KeyringSource, Options
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

from credicorp_auth import CredicorpAuth
from credicorp_auth_testing.contracts.secret_source import SecretSourceContract


class MemoryKeyring(KeyringBackend):
    """A keyring in memory, which can be locked."""

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
    """Replace the user's keyring by one in memory."""
    before = keyring.get_keyring()
    mine = MemoryKeyring()
    keyring.set_keyring(mine)
    yield mine
    keyring.set_keyring(before)


class TestKeyringSource(SecretSourceContract):
    """The contract of every secret source."""

    def build_source(self, fields):
        self.rotate(fields)
        return KeyringSource(Options(item="contract"))

    def rotate(self, fields):
        keyring.set_password("credicorp-auth", "contract", json.dumps(dict(fields)))

    def break_down(self):
        keyring.get_keyring().locked = True


def test_an_item_that_is_no_object():
    """Anything but one JSON object of strings is `secret.invalid`."""
    for stored in ("x", '{"client_secret": 7}'):
        keyring.set_password("credicorp-auth", "contract", stored)
        with pytest.raises(Exception, match=r"secret\.invalid"):
            KeyringSource(Options(item="contract")).fetch(["client_secret"], timeout=5)


def test_it_is_found_by_its_name():
    """Settings select it by name."""
    CredicorpAuth(secrets="keyring", secrets_options={"item": "contract"}).close()
