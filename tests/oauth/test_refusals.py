"""What a refusal says of the client, and what of the one thing that was asked for."""

from __future__ import annotations

import pytest

from credicorp_auth import errors
from credicorp_auth.http.messages import HttpResponse
from credicorp_auth.http.secret import Secret, SecretBytes
from credicorp_auth.oauth.endpoint import EndpointAddress
from credicorp_auth.oauth.refusal import may_blame_client, read_failure, refuses_client

ADDRESS = EndpointAddress("https://as.example/token", "`token_url`")
SECRET = Secret("hunter2-canary")
NONE, KEY, CLIENT = (False, False), (True, False), (True, True)


def read(status, body):
    """Read a response of that status and body."""
    response = HttpResponse(status, [], SecretBytes(body.encode()))
    return read_failure(response, "where", [SECRET], ADDRESS)


# (status, body, (the secret is read again, remembered for the whole client), code)
REFUSALS = [
    (400, '{"error": "invalid_client"}', CLIENT, "oauth.invalid_client"),
    (401, '{"error": "invalid_client"}', CLIENT, "oauth.invalid_client"),
    (403, '{"error": "invalid_client"}', CLIENT, "oauth.invalid_client"),
    (400, '{"error": "unauthorized_client"}', KEY, "oauth.unauthorized_client"),
    (401, '{"error": "unauthorized_client"}', CLIENT, "oauth.unauthorized_client"),
    (403, '{"error": "unauthorized_client"}', KEY, "oauth.unauthorized_client"),
    (400, '{"error": "access_denied"}', KEY, "oauth.access_denied"),
    (401, '{"error": "access_denied"}', CLIENT, "oauth.access_denied"),
    (403, '{"error": "access_denied"}', KEY, "oauth.access_denied"),
    (400, '{"error": "unauthorized"}', KEY, "oauth.unauthorized"),
    (401, '{"error": "unauthorized"}', CLIENT, "oauth.unauthorized"),
    (401, '{"error": "Unauthorized"}', CLIENT, "oauth.unauthorized"),
    (400, '{"error": "INVALID_CLIENT"}', CLIENT, "oauth.invalid_client"),
    (400, '{"error": "Invalid_Scope"}', NONE, "oauth.invalid_scope"),
    (401, '{"error": "what_now"}', CLIENT, "oauth.what_now"),
    (403, '{"error": "what_now"}', KEY, "oauth.what_now"),
    (400, '{"error": "what_now"}', NONE, "oauth.what_now"),
    (401, "", CLIENT, "oauth.invalid_client"),
    (401, "<html>", CLIENT, "oauth.invalid_client"),
    (401, "{}", CLIENT, "oauth.invalid_client"),
    (401, '{"error": 401}', CLIENT, "oauth.invalid_client"),
    (401, '{"error": {"message": "bad credentials"}}', CLIENT, "oauth.invalid_client"),
    (401, '{"error": {"code": "access_denied"}}', CLIENT, "oauth.access_denied"),
    (403, "", CLIENT, "token_endpoint.client_error"),
    (403, "<html>", CLIENT, "token_endpoint.client_error"),
    (403, '{"error": 403}', CLIENT, "token_endpoint.client_error"),
    (401, '{"error": "invalid_scope"}', NONE, "oauth.invalid_scope"),
    (403, '{"error": "invalid_scope"}', NONE, "oauth.invalid_scope"),
    (401, '{"error": "use_dpop_nonce"}', NONE, "oauth.use_dpop_nonce"),
    (400, '{"error": "invalid_request"}', NONE, "oauth.invalid_request"),
    (400, '{"error": "invalid_target"}', NONE, "oauth.invalid_target"),
    (400, '{"error": "slow_down"}', NONE, "oauth.slow_down"),
    (401, '{"error": "temporarily_unavailable"}', NONE, "oauth.temporarily_unavailable"),
    (400, '{"error": 7}', NONE, "oauth.malformed_error"),
    (400, "", NONE, "token_endpoint.client_error"),
    (410, "", NONE, "token_endpoint.client_error"),
    (404, '{"error": "invalid_client"}', NONE, "endpoint.not_found"),
    (405, '{"error": "invalid_client"}', NONE, "endpoint.not_found"),
    (429, '{"error": "invalid_client"}', NONE, "rate_limited"),
    (503, '{"error": "unauthorized"}', NONE, "rate_limited"),
    (500, '{"error": "invalid_client"}', NONE, "token_endpoint.server_error"),
    (408, '{"error": "access_denied"}', NONE, "token_endpoint.server_error"),
    (501, '{"error": "server_error"}', NONE, "oauth.server_error"),
    (501, "", NONE, "token_endpoint.server_error"),
]


@pytest.mark.parametrize(
    ("status", "body", "meaning", "code"),
    REFUSALS,
    ids=[f"394-{status}-{body}" for status, body, *_ in REFUSALS],
)
def test_fault_394_what_a_refusal_may_mean(status, body, meaning, code):
    """394: a name or a status may blame the secret; few refusals are of the client as a whole."""
    error = read(status, body)

    assert (meaning, code) == ((may_blame_client(error), refuses_client(error)), error.code)


@pytest.mark.parametrize("secret", ["client", "invalid", "invalid_client"])
def test_a_secret_that_is_a_word_of_an_error_code_changes_no_meaning(secret):
    """The names that RFC 6749 gives errors are no echo of a secret."""
    body = b'{"error": "invalid_client", "error_description": "no %b"}' % secret.encode()
    response = HttpResponse(400, [], SecretBytes(body))
    error = read_failure(response, "where", [Secret(secret)], ADDRESS)

    assert ("oauth.invalid_client", "no ***") == (error.code, error.description)
    assert refuses_client(error)


@pytest.mark.parametrize(
    "error",
    [
        errors.ConnectionFailed("x"),
        errors.MalformedResponse("x"),
        errors.ScopeNotGranted("x", asked=["a"], granted=["b"]),
        errors.SecretUnavailable("x"),
        errors.Closed("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_is_no_refusal_blames_nobody(error):
    """Only a server's word about the client makes the secret be read again."""
    assert not may_blame_client(error)
    assert not refuses_client(error)


@pytest.mark.parametrize("status", [404, 405])
@pytest.mark.parametrize("has_responded", [False, True])
def test_fault_391_the_hint_names_address_and_setting(status, has_responded):
    """391: a caller that has to correct the address is told which one, and where it stands."""
    address = EndpointAddress(
        "https://as.example/t", "the metadata at https://as.example", has_responded
    )
    error = read_failure(HttpResponse(status, [], SecretBytes(b"")), "where", [], address)

    assert isinstance(error, errors.ServerUnreachable)
    assert has_responded is error.retryable
    assert "https://as.example/t, which came from the metadata at https://as.example" in error.hint
