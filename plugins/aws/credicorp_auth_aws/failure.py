"""Mapping of AWS, botocore and network failures to credicorp-auth errors."""

from __future__ import annotations

import re
from typing import Any, Final

from botocore import exceptions  # pyright: ignore[reportMissingTypeStubs] # it has none
from botocore.parsers import ResponseParserError  # pyright: ignore[reportMissingTypeStubs] # the same

from credicorp_auth.errors import CredicorpAuthError, SecretUnavailable

_WORD: Final = re.compile(r"[A-Za-z0-9.:_-]{1,80}")
_DENIED_STATUSES: Final = {401, 403}
# Most of AWS's services send these with status 400.
_DENIED: Final = re.compile(
    "AccessDenied|ExpiredToken|(Incomplete|Invalid)Signature|MissingAuthentication|RequestExpired"
    "|UnrecognizedClient"
)
_MISSING: Final = re.compile("(Parameter|ParameterVersion|Resource)NotFound")
_BUSY: Final = re.compile("PriorRequest|RequestLimit|RequestTimeout|Throttl|TooManyRequests")
_BUSY_STATUS: Final = 429
_SERVER_STATUS: Final = 500
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
_TEMPORARY: Final = (
    exceptions.ConnectionError,
    exceptions.CredentialRetrievalError,  # their provider may recover
    exceptions.HTTPClientError,
    exceptions.IncompleteReadError,
    exceptions.MetadataRetrievalError,
    exceptions.TokenRetrievalError,
    ResponseParserError,
)
_HINTS: Final = {
    "secret.denied": "let the AWS identity of this process read, and decrypt, the secret.",
    "secret.missing": "check name, region, stage and version; nothing of that name is there.",
    "secret.deleted": "restore the secret: it is scheduled for deletion.",
    "secret.unavailable": "look the word up in the documentation of the AWS service.",
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
        return _explain_response(failure.response, place)
    kind = type(failure).__name__
    if isinstance(failure, _NO_CREDENTIALS):
        return SecretUnavailable(
            f"{place} cannot be read: AWS credentials cannot be obtained ({kind})",
            code="secret.denied",
            hint="give this process an AWS identity: a role, a profile, or AWS_ACCESS_KEY_ID.",
        )
    if isinstance(failure, (exceptions.BotoCoreError, ResponseParserError, OSError)):
        # An untrusted certificate stays untrusted, so a retry is useless.
        is_trusted = not isinstance(failure, exceptions.SSLError)
        return SecretUnavailable(
            f"{place} cannot be read ({kind})",
            hint="check network, proxy, `endpoint_url`, and what AWS's chain of credentials asks.",
            retryable=is_trusted and isinstance(failure, _TEMPORARY),
        )
    hint = "update credicorp-auth-aws and boto3; if it lasts, report it."
    if isinstance(failure, RecursionError):  # what `ssl` raises if it was patched too late
        hint = "let gevent or eventlet patch the standard library before boto3 is imported."
    return SecretUnavailable(
        f"{place} cannot be read: boto3 raised {kind}", code="secret.plugin_error", hint=hint
    )


def _explain_response(response: dict[str, Any], place: str) -> SecretUnavailable:
    about, error = response.get("ResponseMetadata", {}), response.get("Error", {})
    status = about.get("HTTPStatusCode") or 0
    word = _word(error.get("Code"), "an error of no name")
    request = _word(about.get("RequestId"), "of no id")
    code = "secret.unavailable"
    if status in _DENIED_STATUSES or _DENIED.match(word):
        code = "secret.denied"
    elif _MISSING.match(word):
        code = "secret.missing"
    elif word == "InvalidRequestException" and "delet" in str(error.get("Message")).lower():
        code = "secret.deleted"
    is_busy = status == _BUSY_STATUS or status >= _SERVER_STATUS or bool(_BUSY.match(word))
    return SecretUnavailable(
        f"{place} cannot be read: AWS said {word} (request {request})",
        code=code,
        hint=_HINTS[code],
        retryable=is_busy and code == "secret.unavailable",
    )


def _word(text: object, otherwise: str) -> str:
    return text if isinstance(text, str) and _WORD.fullmatch(text) else otherwise
