"""A server that echoes our credentials, in every place of its responses, in every spelling (395)."""

from __future__ import annotations

import base64
import json
import logging
import traceback
from urllib.parse import quote

import pytest

from credicorp_auth import AccessToken, CredicorpAuth, Settings, errors
from credicorp_auth.http.messages import HttpResponse
from credicorp_auth.http.secret import Secret, SecretBytes
from credicorp_auth_testing.clock import MovableClock
from credicorp_auth_testing.fakes import ScriptedTransport, wait_idle
from credicorp_auth_testing.sandbox import Fault
from credicorp_auth_testing.scripted_runtime import token_response

pytestmark = pytest.mark.slow

SECRET = "hunter2/Canary+Of%Ours9"
EXTRA = "extra-Canary/Of+Ours8"
BEARER = "opaqueCanaryOfTheServer77"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJjYW5hcnkiOjF9.c2lnbmF0dXJlLWNhbmFyeQ"

SPELLINGS = {
    "plain": lambda value: value,
    "percent": lambda value: quote(value, safe=""),
    "json": lambda value: value.replace("/", "\\/"),
    "base64": lambda value: base64.b64encode(f"the-id:{value}".encode()).decode(),
}
ECHOES = {
    **{f"secret-{name}": spell(SECRET) for name, spell in SPELLINGS.items()},
    **{f"extra-{name}": spell(EXTRA) for name, spell in SPELLINGS.items()},
    "jwt": JWT,
}
GRANT = {"access_token": BEARER, "token_type": "Bearer", "expires_in": 3600}


# Each place of a response where a text of the server's may stand, as a function of that text.
PLACES = {
    "error": lambda e: (400, {}, {"error": e[:64]}),
    "error-object": lambda e: (400, {}, {"error": {"code": e[:64], "message": e}}),
    "error-unreadable": lambda e: (400, {}, {"error": f'"{e}'}),
    "description": lambda e: (400, {}, {"error": "invalid_request", "error_description": e}),
    "description-long": lambda e: (400, {}, {"error": "invalid_scope", "error_description": "x" * 190 + e}),
    "uri": lambda e: (400, {}, {"error": "invalid_scope", "error_uri": f"https://x/{e}"}),
    "error-401": lambda e: (401, {}, {"error": "invalid_client", "error_description": e}),
    "error-403": lambda e: (403, {}, {"error": e[:64]}),
    "error-404": lambda e: (404, {}, {"error": e[:64], "error_description": e}),
    "error-500": lambda e: (500, {}, {"error": e[:64], "error_description": e}),
    "error-503": lambda e: (503, {}, {"error": e[:64], "error_description": e}),
    "error-in-200": lambda e: (200, {}, {"error": e[:64], "error_description": e}),
    "html": lambda e: (200, {"Content-Type": "text/html"}, f"<html>{e}</html>"),
    "html-500": lambda e: (500, {"Content-Type": "text/html"}, f"<html>{e}</html>"),
    "content-type": lambda e: (200, {"Content-Type": f"text/{e}"}, GRANT),
    "request-id": lambda e: (400, {"Credicorp-Request-Id": e}, {"error": "invalid_scope"}),
    "request-id-old": lambda e: (401, {"X-Credicorp-Request-Id": e}, ""),
    "challenge": lambda e: (401, {"WWW-Authenticate": f'Basic realm="{e}"'}, ""),
    "location": lambda e: (302, {"Location": f"https://as.example/{e}"}, ""),
    "retry-after": lambda e: (429, {"Retry-After": e}, ""),
    "date": lambda e: (503, {"Date": e}, ""),
    "reason-text": lambda e: (418, {}, e),
    "broken": lambda e: (200, {}, f'{{"access_token": "{e}"'),
    "twice": lambda e: (200, {}, f'{{"a": "{e}", "a": "{e}"}}'),
    "token-type": lambda e: (200, {}, {**GRANT, "token_type": e}),
    "token-type-short": lambda e: (200, {}, {**GRANT, "token_type": f"{'x' * 20} {e}"}),
    "expires-in": lambda e: (200, {}, {**GRANT, "expires_in": e}),
    "access-token": lambda e: (200, {}, {**GRANT, "access_token": f" {e}"}),
    "scope-narrowed": lambda e: (200, {}, {**GRANT, "scope": e}),
    "scope-broader": lambda e: (200, {}, {**GRANT, "scope": f"a b {e}"}),
    "scope-list": lambda e: (200, {}, {**GRANT, "scope": ["a", "b", e]}),
    "scope-invalid": lambda e: (200, {}, {**GRANT, "scope": f'a "{e}"'}),
    "unknown-member": lambda e: (200, {}, {**GRANT, e: e}),
}  # fmt: skip


def respond(place, echo):
    """Build the response."""
    status, headers, body = PLACES[place](echo)
    body = body if isinstance(body, str) else json.dumps(body)
    return HttpResponse(
        status, {"Content-Type": "application/json", **headers}.items(), SecretBytes(body.encode())
    )


class Listener:
    """A client whose every word is kept: events, log records, errors, tokens."""

    def __init__(self, caplog, responses, **settings):
        caplog.set_level(logging.DEBUG)
        self.caplog, self.events, self.clock = caplog, [], MovableClock()
        self.transport = ScriptedTransport(responses)
        self.auth = CredicorpAuth.from_settings(
            Settings(
                **{
                    "base_url": f"https://as-{id(self)}.example",
                    "client_id": f"echoed-{id(self)}",
                    "client_secret": SECRET,
                    "extra_parameters": {"field": EXTRA},
                    "scope": "a b",
                    "transport": self.transport,
                    "observers": [self.events.append],
                    **settings,
                }
            ),
            clock=self.clock,
        )

    def hear(self, call, *, locals_too=True):
        """Return everything that is said when something is asked for, and what came of it."""
        try:
            outcome = call()
        except errors.CredicorpAuthError as error:
            outcome = error
        wait_idle()
        said = [str(outcome), repr(outcome), repr(self.auth), *map(repr, self.events)]
        said += [str(each.fields) for each in self.events]
        said += [record.getMessage() + repr(vars(record)) for record in self.caplog.records]
        if isinstance(outcome, errors.CredicorpAuthError):
            said += [repr(outcome.args), repr(vars(outcome)), outcome.hint]
        if isinstance(outcome, errors.CredicorpAuthError) and locals_too:
            emitted = traceback.TracebackException.from_exception(outcome, capture_locals=True)
            said += emitted.format()
        if isinstance(outcome, AccessToken):
            said += [str(outcome.scope), repr(outcome.scope.words)]
        self.auth.close()
        return "\n".join(said), outcome


def assert_silent(said, *values):
    """None of these values is in what was said, in any spelling of this module."""
    for value in values:
        for name, spell in SPELLINGS.items():
            assert spell(value)[4:-6] not in said, name


@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize("place", PLACES)
def test_fault_395_an_echo_at_the_token_endpoint_is_not_shown(caplog, place, echo):
    """395: wherever it stands and however it is spelt: not in errors, events, logs, scopes or repr."""
    listener = Listener(caplog, [respond(place, ECHOES[echo])] * 3)
    said, outcome = listener.hear(listener.auth.get_token)

    assert place in {"scope-broader", "scope-list", "unknown-member"} or isinstance(
        outcome, errors.CredicorpAuthError
    )
    assert_silent(said, SECRET, EXTRA)
    assert JWT[:30] not in said
    assert BEARER not in said


def test_fault_395_a_grant_that_repeats_its_token_in_the_scope(caplog):
    """395: the token that a response grants is a credential of ours from then on."""
    listener = Listener(caplog, [respond("scope-broader", BEARER)])
    said, outcome = listener.hear(listener.auth.get_token)

    assert {"a", "b", "***"} == outcome.scope.words
    assert BEARER not in said


@pytest.mark.parametrize("echo", ["secret-plain", "secret-percent", "secret-base64", "jwt"])
@pytest.mark.parametrize("place", [each for each in PLACES if not each.startswith("scope")])
@pytest.mark.parametrize("asked", ["introspect", "revoke"])
def test_fault_395_an_echo_at_the_other_endpoints_is_not_shown(caplog, asked, place, echo):
    """395: the token that was asked about and the client's secret stay unseen as well."""
    shown = f"{ECHOES[echo]}-{BEARER}"
    listener = Listener(caplog, [respond(place, shown), respond(place, shown)])
    # Of the locals in a traceback, one is the caller's own argument.
    said, _ = listener.hear(lambda: getattr(listener.auth, asked)(BEARER), locals_too=False)

    assert_silent(said, SECRET)
    assert BEARER not in said
    assert JWT[:30] not in said


def test_fault_395_an_echo_in_an_introspected_scope_is_not_shown(caplog):
    """395: what the server says a token is good for holds no credential."""
    body = json.dumps({"active": True, "scope": f"a {SECRET} {BEARER}"})
    response = HttpResponse(200, [("Content-Type", "application/json")], SecretBytes(body.encode()))
    listener = Listener(caplog, [response])
    said, emitted = listener.hear(lambda: listener.auth.introspect(BEARER))

    assert {"a", "***"} == emitted.scope.words
    assert_silent(said, SECRET, BEARER)


def metadata(issuer, **members):
    """Build metadata of an issuer."""
    document = {"issuer": issuer, "token_endpoint": f"{issuer}/t", **members}
    return HttpResponse(
        200, [("Content-Type", "application/json")], SecretBytes(json.dumps(document).encode())
    )


@pytest.mark.parametrize("echo", ["secret-plain", "secret-percent", "secret-base64"])
@pytest.mark.parametrize("member", ["token_endpoint", "introspection_endpoint", "jwks_uri"])
def test_fault_395_an_echo_in_metadata_is_not_shown(caplog, member, echo):
    """395, 88: an address that holds a credential is none that can be used, and is not shown."""
    issuer = "https://as.example"
    spelt = quote(ECHOES[echo], safe="%/")
    responses = [metadata(issuer, **{member: f"{issuer}/t?x={spelt}"}), respond("error", "x")]
    listener = Listener(caplog, responses, issuer=issuer, discovery="on", base_url=issuer)
    # The secret is in memory before the metadata are read.
    listener.auth._engine._runtime.fetch_secret(past_cache=True)
    said, outcome = listener.hear(listener.auth.get_token)

    assert ("discovery.endpoint" == outcome.code) is (member == "token_endpoint")
    assert_silent(said, SECRET)


def test_fault_395_no_request_carries_a_credential_in_its_address(lab):
    """88: no matter what was echoed, the request line of the sandbox never held it."""
    outcome, _ = lab.meet(Fault(302, {"Location": f"https://as.example/{SECRET}"}))

    assert SECRET not in f"{outcome}{vars(outcome)}"


def test_secrets_of_the_settings_are_known_to_no_repr():
    """Values of extra parameters are opaque from the moment they are read."""
    settings = Settings(
        extra_parameters={"field": EXTRA}, client_id="c", client_secret=Secret(SECRET)
    )
    with CredicorpAuth.from_settings(settings) as auth:
        shown = f"{settings!r}{auth!r}{vars(auth)!r}"

    assert "field" in repr(settings)
    assert EXTRA not in shown
    assert SECRET not in shown


def test_words_of_the_settings_stay_readable():
    """A parameter that is part of the client id, an address or a scope blanks no event."""
    events = []
    with CredicorpAuth(
        base_url="https://production.example",
        client_id="production-client",
        client_secret="hunter2-canary",
        scope="production:read",
        extra_parameters={"environment": "production", "mode": "read", "pin": "hidden-value"},
        transport=ScriptedTransport(
            [token_response("token-1", scope="production:read decisions:read hidden-value")]
        ),
        observers=[events.append],
    ) as auth:
        token = auth.get_token()

    emitted = " ".join(str(each) for each in events)
    assert "url='https://production.example/" in emitted
    assert "client_id='production-client'" in emitted
    assert "*** decisions:read production:read" == str(token.scope)
    assert "hidden-value" not in emitted
