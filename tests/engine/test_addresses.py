"""Which address was asked, which setting it came from, and whether it has answered before."""

from __future__ import annotations

import itertools
import json

import pytest

from credicorp_auth import CredicorpAuth, Settings, errors
from credicorp_auth.engine.endpoint_locator import RespondingEndpoints
from credicorp_auth.http.messages import HttpResponse
from credicorp_auth.http.secret import SecretBytes
from credicorp_auth_testing.clock import MovableClock
from credicorp_auth_testing.fakes import ScriptedTransport, wait_idle
from credicorp_auth_testing.scripted_runtime import response, token_response

_SERVERS = itertools.count()
GONE = HttpResponse(404, [("Content-Type", "text/html")], SecretBytes(b"<html>"))


def metadata(issuer, **members):
    """Build the response that holds an issuer's metadata."""
    document = {"issuer": issuer, **members}
    return HttpResponse(200, [], SecretBytes(json.dumps(document).encode()))


class Client:
    """A client of a server of its own: what has answered is known to the process."""

    def __init__(self, *responses, **settings):
        self.base = f"https://as-{next(_SERVERS)}.example"
        self.transport = ScriptedTransport(
            [each(self.base) if callable(each) else each for each in responses]
        )
        self.clock = MovableClock()
        written = {
            name: value.replace("BASE", self.base) if isinstance(value, str) else value
            for name, value in settings.items()
        }
        self.auth = CredicorpAuth.from_settings(
            Settings(
                **{
                    "base_url": self.base,
                    "client_id": "c",
                    "client_secret": "not-a-real-secret",
                    "transport": self.transport,
                    **written,
                }
            ),
            clock=self.clock,
        )

    def fail(self, call):
        """Call, and return the error."""
        with pytest.raises(errors.CredicorpAuthError) as raised:
            call(self.auth)
        wait_idle()
        return raised.value


def get(auth):
    """Ask for a token."""
    return auth.get_token()


def introspect(auth):
    """Ask about a token."""
    return auth.introspect("opaque")


def revoke(auth):
    """Revoke a token."""
    return auth.revoke("opaque")


DISCOVERED = {"issuer": "BASE", "discovery": "on"}
WELL_KNOWN = "/.well-known/oauth-authorization-server"

# (what is asked, settings, responses before the 404, path asked, where it came from)
CASES = {
    "token below base_url": (get, {}, [], "/oauth/token", "`base_url`"),
    "token_url": (get, {"token_url": "BASE/t"}, [], "/t", "`token_url`"),
    "token discovered": (get, DISCOVERED, [lambda base: metadata(base, token_endpoint=f"{base}/d")], "/d", f"the metadata at BASE{WELL_KNOWN}"),
    "introspection below base_url": (introspect, {}, [], "/oauth/introspect", "`base_url`"),
    "introspection_url": (introspect, {"introspection_url": "BASE/i"}, [], "/i", "`introspection_url`"),
    "introspection discovered": (introspect, DISCOVERED, [lambda base: metadata(base, introspection_endpoint=f"{base}/d")], "/d", f"the metadata at BASE{WELL_KNOWN}"),
    "revocation below base_url": (revoke, {}, [], "/oauth/revoke", "`base_url`"),
    "revocation_url": (revoke, {"revocation_url": "BASE/r"}, [], "/r", "`revocation_url`"),
    "metadata of the issuer": (get, DISCOVERED, [], WELL_KNOWN, "`issuer`"),
    "metadata of base_url": (get, {"discovery": "on"}, [], WELL_KNOWN, "`base_url`"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_fault_391_the_hint_shows_the_address_and_its_setting(case):
    """391: a 404 tells what was asked, and where to correct it; it is not retried."""
    call, settings, responses, path, source = CASES[case]
    client = Client(*responses, GONE, **settings)
    error = client.fail(call)

    assert ("endpoint.not_found", False) == (error.code, error.retryable)
    assert isinstance(error, errors.ServerUnreachable)
    assert (
        f"{client.base}{path}, which came from {source.replace('BASE', client.base)}" in error.hint
    )
    assert len(responses) + 1 == len(client.transport.sent)


@pytest.mark.parametrize(
    ("call", "success"), [(introspect, response(active=True)), (revoke, response())], ids=["introspect", "revoke"]
)  # fmt: skip
def test_fault_391_what_has_answered_once_may_answer_again(call, success):
    """391: a 404 of an address that has answered properly is retryable from then on."""
    client = Client(success, GONE)
    call(client.auth)
    client.clock.advance(61)

    error = client.fail(call)
    assert ("endpoint.not_found", True) == (error.code, error.retryable)


def test_fault_391_an_answer_of_another_engine_counts():
    """391: what has answered is known to the process, not to the object that asked."""
    first = Client(token_response())
    first.auth.get_token()
    second = Client(GONE, GONE, GONE, token_url=f"{first.base}/oauth/token")

    assert second.fail(get).retryable
    assert 3 == len(second.transport.sent)


def test_fault_391_a_refusal_is_no_proper_answer():
    """391: an address that has only refused may be the wrong one still."""
    client = Client(response(400, error="invalid_scope"), GONE)
    assert "oauth.invalid_scope" == client.fail(get).code
    client.clock.advance(61)

    assert not client.fail(get).retryable


def test_before_metadata_are_read_their_address_stands_for_the_endpoint():
    """What is discovered later is named by where it will be discovered; nothing is waited for."""
    client = Client(**DISCOVERED)
    address = client.auth._engine._runtime.locate_endpoint()

    assert (f"{client.base}{WELL_KNOWN}", []) == (address.url, client.transport.sent)


def test_addresses_are_forgotten_before_they_fill_the_memory():
    """Thousands of addresses make room for new ones."""
    addresses = RespondingEndpoints()
    for number in range(5000):
        addresses.add(f"https://as.example/{number}")

    assert "https://as.example/4999" in addresses
    assert "https://as.example/1" not in addresses
