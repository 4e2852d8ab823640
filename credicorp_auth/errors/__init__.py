"""
Errors of this library, by cause.

    CredicorpAuthError
    ├── ConfigurationError      the caller's settings
    │   ├── InvalidSetting (also ValueError)
    │   ├── MissingSetting
    │   ├── AdapterNotFound
    │   ├── AdapterBroken
    │   ├── AdapterConflict
    │   └── AdapterBlocked
    ├── UsageError              the caller's call
    │   ├── Closed
    │   ├── HeaderExists
    │   └── Reentrant
    ├── SecretUnavailable       the secret source
    ├── CacheUnavailable        the cache; emitted as an event, never raised to a caller
    ├── ServerUnreachable       no usable server was reached
    │   ├── ConnectionFailed
    │   ├── DeadlinePassed (also TimeoutError)
    │   ├── TlsFailed
    │   ├── RedirectRefused
    │   └── ServerFailed
    ├── TokenRequestRefused     the server refused the request
    │   └── InvalidRequest InvalidClient InvalidGrant UnauthorizedClient
    │       UnsupportedGrantType InvalidScope InvalidTarget UnsupportedTokenType
    ├── TokenEndpointBusy       429 or 503 on the last attempt as well
    ├── MalformedResponse       the response breaks the protocol
    ├── ScopeNotGranted         the server granted less than requested
    ├── OriginNotAllowed        a token for an origin that is not allowed
    └── VerificationFailed      a received token is not trusted
        ├── MalformedToken WrongAlgorithm WrongType
        ├── UnknownKey BadSignature KeysUnavailable
        ├── WrongIssuer WrongAudience Expired NotYetValid WrongClaim
        └── ScopeMissing TokenInactive

Every error has a stable `code`, a `hint` of one sentence, and `retryable`. All errors can be
pickled. None holds a secret, a token or a response body.
"""

from __future__ import annotations

from credicorp_auth.errors.adapter_failure import AdapterFailure
from credicorp_auth.errors.caller import (
    AdapterBlocked,
    AdapterBroken,
    AdapterConflict,
    AdapterNotFound,
    Closed,
    ConfigurationError,
    HeaderExists,
    InvalidSetting,
    MissingSetting,
    Reentrant,
    UsageError,
)
from credicorp_auth.errors.root import CredicorpAuthError
from credicorp_auth.errors.server import (
    CacheUnavailable,
    ConnectionFailed,
    DeadlinePassed,
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    InvalidTarget,
    MalformedResponse,
    OriginNotAllowed,
    RedirectRefused,
    ScopeNotGranted,
    SecretUnavailable,
    ServerFailed,
    ServerUnreachable,
    TlsFailed,
    TokenEndpointBusy,
    TokenRequestRefused,
    UnauthorizedClient,
    UnsupportedGrantType,
    UnsupportedTokenType,
)
from credicorp_auth.errors.verification import (
    BadSignature,
    Expired,
    KeysUnavailable,
    MalformedToken,
    NotYetValid,
    ScopeMissing,
    TokenInactive,
    UnknownKey,
    VerificationFailed,
    WrongAlgorithm,
    WrongAudience,
    WrongClaim,
    WrongIssuer,
    WrongType,
)

__all__ = [
    "AdapterBlocked",
    "AdapterBroken",
    "AdapterConflict",
    "AdapterFailure",
    "AdapterNotFound",
    "BadSignature",
    "CacheUnavailable",
    "Closed",
    "ConfigurationError",
    "ConnectionFailed",
    "CredicorpAuthError",
    "DeadlinePassed",
    "Expired",
    "HeaderExists",
    "InvalidClient",
    "InvalidGrant",
    "InvalidRequest",
    "InvalidScope",
    "InvalidSetting",
    "InvalidTarget",
    "KeysUnavailable",
    "MalformedResponse",
    "MalformedToken",
    "MissingSetting",
    "NotYetValid",
    "OriginNotAllowed",
    "RedirectRefused",
    "Reentrant",
    "ScopeMissing",
    "ScopeNotGranted",
    "SecretUnavailable",
    "ServerFailed",
    "ServerUnreachable",
    "TlsFailed",
    "TokenEndpointBusy",
    "TokenInactive",
    "TokenRequestRefused",
    "UnauthorizedClient",
    "UnknownKey",
    "UnsupportedGrantType",
    "UnsupportedTokenType",
    "UsageError",
    "VerificationFailed",
    "WrongAlgorithm",
    "WrongAudience",
    "WrongClaim",
    "WrongIssuer",
    "WrongType",
]
