"""Mapping of AWS, botocore and network failures to credicorp-auth errors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from botocore import exceptions  # pyright: ignore[reportMissingTypeStubs] # it has none
from botocore.parsers import ResponseParserError  # pyright: ignore[reportMissingTypeStubs] # the same

from credicorp_auth.errors import CredicorpAuthError, SecretUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORD: Final = re.compile(r"[A-Za-z0-9.:_-]{1,80}")
_BUSY_STATUS: Final = 429
_SERVER_STATUS: Final = 500

_DENIED: Final = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "NotAuthorized",
        "OptInRequired",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_MISSING: Final = frozenset(
    {
        "ParameterNotFound",
        "ParameterVersionNotFound",
        "ResourceNotFoundException",
        "VersionNotFound",
    }
)
_BUSY: Final = frozenset(
    {
        "InternalFailure",
        "InternalServerError",
        "InternalServiceError",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_NO_CREDENTIALS: Final = (
    exceptions.ConfigNotFound,
    exceptions.ConfigParseError,
    exceptions.InvalidConfigError,
    exceptions.NoAuthTokenError,
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.ProfileNotFound,
    exceptions.SSOError,
)
_ON_THE_WAY: Final = (
    exceptions.ConnectionError,
    exceptions.CredentialRetrievalError,  # their provider may recover
    exceptions.HTTPClientError,
    exceptions.IncompleteReadError,
    exceptions.MetadataRetrievalError,
    exceptions.TokenRetrievalError,
    ResponseParserError,
)

_CURES: Final[Mapping[str, str]] = {
    "secret.denied": "let the AWS identity of this process read, and decrypt, the secret.",
    "secret.missing": "check name, region, stage and version; nothing of that name is there.",
    "secret.deleted": "restore the secret: it is scheduled for deletion.",
}


def explain(failure: Exception, place: str) -> CredicorpAuthError:
    """
    Build the error for a failure.

    Args:
        failure: The exception. Only AWS's error code and the request id are copied from it, since
            its text may quote a response.
        place: Location of the secret, for the message.

    Returns:
        A new error that holds no reference to the failure.
    """
    if isinstance(failure, CredicorpAuthError):
        return failure.copy()
    if isinstance(failure, exceptions.ClientError):
        return _explain_response(failure, place)
    kind = type(failure).__name__
    if isinstance(failure, _NO_CREDENTIALS):
        return SecretUnavailable(
            f"{place} cannot be read: AWS credentials cannot be obtained ({kind})",
            code="secret.denied",
            hint="give this process an AWS identity: a role, a profile, or AWS_ACCESS_KEY_ID.",
        )
    if isinstance(failure, (exceptions.BotoCoreError, ResponseParserError, OSError)):
        return SecretUnavailable(
            f"{place} cannot be read ({kind})",
            hint="check network, proxy, `endpoint_url`, and what AWS's chain of credentials asks.",
            # An untrusted certificate stays untrusted, so a retry is useless.
            retryable=isinstance(failure, _ON_THE_WAY)
            and not isinstance(failure, exceptions.SSLError),
        )
    return SecretUnavailable(
        f"{place} cannot be read: boto3 raised {kind}",
        code="secret.plugin_error",
        hint="update credicorp-auth-aws and boto3; if it lasts, report it.",
    )


def _explain_response(failure: exceptions.ClientError, place: str) -> SecretUnavailable:
    response: Any = failure.response
    about, error = response.get("ResponseMetadata", {}), response.get("Error", {})
    status = about.get("HTTPStatusCode") or 0
    word = _word(error.get("Code"), "an error of no name")
    request = _word(about.get("RequestId"), "of no id")
    busy = word in _BUSY or status == _BUSY_STATUS or status >= _SERVER_STATUS
    code = "secret.unavailable"
    if word in _DENIED:
        code = "secret.denied"
    elif word in _MISSING:
        code = "secret.missing"
    elif word == "InvalidRequestException" and "delet" in str(error.get("Message")).lower():
        code = "secret.deleted"
    return SecretUnavailable(
        f"{place} cannot be read: AWS said {word} (request {request})",
        code=code,
        hint=_CURES.get(code, "look the word up in the documentation of the AWS service."),
        retryable=busy and code == "secret.unavailable",
    )


def _word(text: object, otherwise: str) -> str:
    return text if isinstance(text, str) and _WORD.fullmatch(text) else otherwise
