"""What becomes of an AWS that refuses, is busy, talks nonsense or says nothing."""

from __future__ import annotations

import json
from contextlib import contextmanager

import pytest

from credicorp_auth_testing.contracts.secret_source.canary import CANARY
from credicorp_auth_testing.contracts.secret_source.harness import refusal
from credicorp_auth_testing.wire import Drip, Hold, Receive, Reset, Send, WireServer, response

pytestmark = pytest.mark.slow

NAMES = ["client_secret"]


def aws_response(value, *, status="200 OK"):
    """Build an answer as AWS does."""
    headers = [("Content-Type", "application/x-amz-json-1.1"), ("x-amzn-RequestId", "request-7")]
    return response(json.dumps(value).encode(), status=status, headers=headers)


def aws_error(kind, *, status="400 Bad Request", message=CANARY):
    """Build an error as AWS does, with a canary in the text that nobody is to see."""
    return aws_response({"__type": kind, "Message": message}, status=status)


KEPT = aws_response(
    {"Name": "a", "VersionId": "v1", "SecretString": json.dumps({"client_secret": "s3cret"})}
)


@contextmanager
def scripted(*scripts):
    """Play an AWS that gives one answer on each connection, then the last again and again."""
    with WireServer(*([Receive(), *script] for script in scripts)) as server:
        server.base = server.url.removesuffix("/token")
        yield server


def requests_to(server):
    """Count the requests that were begun."""
    return sum(each.received.count(b"POST / ") for each in server.connections)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        pytest.param("ThrottlingException", "400 Bad Request", id="195-throttled"),
        pytest.param("TooManyRequestsException", "429 Too Many Requests", id="195-429"),
        pytest.param("InternalServiceError", "500 Internal Server Error", id="195-500"),
        pytest.param("anything", "503 Service Unavailable", id="195-503"),
    ],
)
def test_fault_195_busy(open_source, kind, status):
    """A busy AWS is asked twice, and is unavailable for now."""
    with scripted([Send(aws_error(kind, status=status))]) as server:
        error = refusal(open_source(server.base, secret_id="a"), NAMES)

    assert ("secret.unavailable", True) == (error.code, error.retryable)
    assert 2 == requests_to(server)
    assert "aws secretsmanager a" in str(error)
    assert "request-7" in str(error)


@pytest.mark.parametrize(
    "first",
    [
        [Send(aws_error("ThrottlingException"))],
        [Send(response(b"<html>", status="502 Bad Gateway"))],
        [Reset()],
        [],
    ],
    ids=["195-throttled", "195-502", "195-reset", "195-closed"],
)
def test_fault_195_the_second_answer_counts(open_source, first):
    """What was only for a moment is not noticed."""
    with scripted(first, [Send(KEPT)]) as server:
        fetched = open_source(server.base, secret_id="a").fetch(NAMES, timeout=5)

    assert "s3cret" == fetched.fields["client_secret"].reveal()
    assert 2 == requests_to(server)


@pytest.mark.parametrize(
    ("kind", "message", "code", "requests"),
    [
        pytest.param("AccessDeniedException", CANARY, "secret.denied", 1, id="196-denied"),
        pytest.param("UnrecognizedClientException", CANARY, "secret.denied", 1, id="196-unknown-key"),
        pytest.param("ExpiredTokenException", CANARY, "secret.denied", 1, id="196-expired"),
        pytest.param("InvalidSignatureException", CANARY, "secret.denied", 1, id="196-signature"),
        pytest.param("ResourceNotFoundException", CANARY, "secret.missing", 1, id="196-missing"),
        pytest.param("DecryptionFailure", CANARY, "secret.unavailable", 1, id="196-decryption"),
        pytest.param(
            "InvalidRequestException",
            f"You can't perform this operation on {CANARY} because it was marked for deletion.",
            "secret.deleted",
            1,
            id="196-deleted",
        ),
        pytest.param("InvalidRequestException", CANARY, "secret.unavailable", 1, id="196-request"),
        pytest.param("InvalidParameterException", CANARY, "secret.unavailable", 1, id="196-parameter"),
        pytest.param("com.amazonaws#AccessDeniedException", CANARY, "secret.denied", 1, id="196-prefixed"),
        pytest.param(f"{CANARY} <b>", CANARY, "secret.unavailable", 1, id="196-no-word"),
    ],
)  # fmt: skip
def test_fault_196_refused(open_source, kind, message, code, requests):
    """What AWS refuses is told by its own code, and AWS is not asked again."""
    with scripted([Send(aws_error(kind, message=message))]) as server:
        error = refusal(open_source(server.base, secret_id="a"), NAMES)

    assert (code, False) == (error.code, error.retryable)
    assert requests == requests_to(server)


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
def test_fault_196_a_status_is_enough(open_source, status):
    """What AWS refuses by its status is denied, with any word or none."""
    for body in (aws_error("anything", status=status), response(b"<html>", status=status)):
        with scripted([Send(body)]) as server:
            error = refusal(open_source(server.base, secret_id="a"), NAMES)

        assert ("secret.denied", False) == (error.code, error.retryable)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        pytest.param("ParameterNotFound", "secret.missing", id="196-parameter"),
        pytest.param("ParameterVersionNotFound", "secret.missing", id="196-version"),
        pytest.param("AccessDeniedException", "secret.denied", id="196-denied"),
        pytest.param("InvalidKeyId", "secret.unavailable", id="196-key"),
    ],
)
def test_fault_196_refused_by_parameter_store(open_source, kind, code):
    """Parameter Store's words mean the same."""
    with scripted([Send(aws_error(kind))]) as server:
        error = refusal(open_source(server.base, parameter="/a"), NAMES)

    assert (code, False) == (error.code, error.retryable)
    assert "aws ssm /a" in str(error)


def test_fault_196_on_moto(aws, open_source):
    """A secret that was never there is missing; one that is about to go is deleted."""
    missing = open_source(aws.url, secret_id="tests/never-there")
    name = aws.create({"client_secret": CANARY})
    aws.secrets.delete_secret(SecretId=name)
    deleted = open_source(aws.url, secret_id=name)

    assert "secret.missing" == refusal(missing, NAMES).code
    assert "secret.deleted" == refusal(deleted, NAMES).code


@pytest.mark.parametrize(
    ("data", "retryable"),
    [
        pytest.param(response(b"<html>" + CANARY.encode()), True, id="html"),
        pytest.param(response(b"{}"), True, id="nothing"),
        pytest.param(aws_response({"Name": "a", "VersionId": 7, "SecretString": CANARY}), True, id="number"),
        pytest.param(aws_response({"Name": "", "VersionId": "v", "SecretString": CANARY}), True, id="no-name"),
        pytest.param(response(b'{"SecretString": "' + CANARY.encode()), True, id="cut-off"),
        pytest.param(response(CANARY.encode(), status="404 Not Found"), False, id="404"),
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n", True, id="no-http"),
    ],
)  # fmt: skip
def test_nonsense(open_source, data, retryable):
    """An answer that is not AWS's is unavailable, and no part of it is shown."""
    with scripted([Send(data)]) as server:
        error = refusal(open_source(server.base, secret_id="a"), NAMES)

    assert ("secret.unavailable", retryable) == (error.code, error.retryable)


@pytest.mark.parametrize("body", [b"[]", b'"' + CANARY.encode() + b'"', b"7"])
def test_fault_202_nonsense_that_botocore_stumbles_over(open_source, body):
    """JSON that is no object makes botocore raise what it does not document; it is told by kind."""
    with scripted([Send(response(body))]) as server:
        error = refusal(open_source(server.base, secret_id="a"), NAMES)

    assert ("secret.plugin_error", False) == (error.code, error.retryable)
    assert "boto3 raised" in str(error)


@pytest.mark.parametrize(
    "wrong",
    [
        {"Version": None},
        {"Version": "1"},
        {"Version": True},
        {"Version": 0},
        {"Name": None},
        {"LastModifiedDate": None},
        {"Value": ""},
    ],
    ids=str,
)
def test_parameters_without_a_version(open_source, wrong):
    """An answer that does not say which version it is cannot be told from the next, and is not used."""
    whole = {"Name": "/a", "Value": CANARY, "Version": 1, "LastModifiedDate": 1_700_000_000}
    script = [Send(aws_response({"Parameter": {**whole, **wrong}}))]
    with scripted(script) as server:
        error = refusal(open_source(server.base, parameter="/a"), NAMES)

    assert ("secret.unavailable", True) == (error.code, error.retryable)


@pytest.mark.parametrize("held", [{}, {"SecretString": None}, {"SecretString": 7}], ids=str)
def test_neither_text_nor_bytes(open_source, held):
    """A version that holds nothing that could be a secret is empty."""
    with scripted([Send(aws_response({"Name": "a", "VersionId": "v1", **held}))]) as server:
        error = refusal(open_source(server.base, secret_id="a"), NAMES)

    assert ("secret.empty", False) == (error.code, error.retryable)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Elsewhere", "308 Elsewhere"])
def test_redirects_are_not_followed(open_source, status):
    """An AWS that sends elsewhere is unavailable, and nobody is asked there."""
    with WireServer([Hold()]) as other:
        away = response(status=status, headers=[("Location", other.url)])
        with scripted([Send(away)]) as server:
            error = refusal(open_source(server.base, secret_id="a"), NAMES)

    assert "secret.unavailable" == error.code
    assert [] == other.connections


@pytest.mark.parametrize(
    "script", [[Hold()], [Drip(KEPT, 0.2), Hold()]], ids=["195-silent", "195-dripping"]
)
def test_fault_195_time_is_bounded(open_source, watch, script):
    """A silent or dripping AWS is given up when time is over, and asked twice at most."""
    with scripted(script) as server:
        error = watch(open_source(server.base, secret_id="a", timeout=1.5)).late(NAMES)
        requests = requests_to(server)

    # AWS's client, or the engine, is the first to give up.
    assert error.code in {"secret.unavailable", "secret.timeout"}
    assert error.retryable
    assert requests <= 2


def test_nobody_listens(open_source):
    """A port where nobody listens is unavailable for now."""
    with WireServer([Hold()]) as server:
        nowhere = f"http://127.0.0.1:{server.port}"
    error = refusal(open_source(nowhere, secret_id="a"), NAMES)

    assert ("secret.unavailable", True) == (error.code, error.retryable)
    assert "EndpointConnectionError" in str(error)


def test_a_certificate_nobody_vouches_for(open_source, tmp_path):
    """A server whose certificate is not trusted is not tried for ever."""
    import ssl

    import trustme

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with WireServer([Receive(), Send(KEPT)], tls=context) as server:
        source = open_source(server.url.removesuffix("/token"), secret_id="a")
        error = refusal(source, NAMES)

    assert ("secret.unavailable", False) == (error.code, error.retryable)
    assert "SSLError" in str(error)
    assert [b""] * len(server.connections) == [each.received for each in server.connections]


def test_fault_202_whatever_else_is_raised(open_source):
    """What boto3 raises by mistake is told by its kind alone."""
    source = open_source("http://127.0.0.1:1", secret_id="a", fields={"client_secret": "x"})
    source._options = Careless(source._options)
    error = refusal(source, NAMES)

    assert ("secret.plugin_error", False) == (error.code, error.retryable)
    assert "boto3 raised LookupError" in str(error)


class Careless:
    """Options that raise an exception which holds the secret, in the midst of a call."""

    def __init__(self, options):
        self._options = options

    @property
    def known_region(self):
        raise LookupError(CANARY)

    def __getattr__(self, name):
        return getattr(self._options, name)


def test_a_fallback_that_hangs(open_source):
    """The current version is returned on time although the one before does not come."""
    with scripted([Send(KEPT)], [Hold()]) as server:
        fetched = open_source(server.base, secret_id="a", overlap="previous", timeout=3).fetch(
            NAMES, timeout=5
        )
        asked = requests_to(server)

    assert ("s3cret", None) == (fetched.fields["client_secret"].reveal(), fetched.fallback)
    assert 2 <= asked
