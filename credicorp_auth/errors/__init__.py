"""
Everything that can go wrong, whose fault it is, and what to do about it.

    CredicorpAuthError
    ├── ConfigurationError      yours: a setting
    │   ├── InvalidSetting (also ValueError)
    │   ├── MissingSetting
    │   ├── AdapterNotFound
    │   ├── AdapterBroken
    │   ├── AdapterConflict
    │   └── AdapterBlocked
    ├── UsageError              yours: a call
    │   ├── Closed
    │   ├── HeaderExists
    │   └── Reentrant
    ├── SecretUnavailable       the secret source's
    ├── CacheUnavailable        the cache's: an event, which no caller sees
    ├── ServerUnreachable       nobody fit answered
    │   ├── ConnectionFailed
    │   ├── DeadlinePassed (also TimeoutError)
    │   ├── TlsFailed
    │   ├── RedirectRefused
    │   └── ServerFailed
    ├── TokenRequestRefused     the server said no
    │   └── InvalidRequest InvalidClient InvalidGrant UnauthorizedClient
    │       UnsupportedGrantType InvalidScope InvalidTarget UnsupportedTokenType
    ├── TokenEndpointBusy       429 or 503 to the end
    ├── MalformedResponse         the server spoke, but not OAuth
    ├── ScopeNotGranted         the server gave less than was asked
    ├── OriginNotAllowed        the token would have left home
    └── VerificationFailed      a token that was shown here cannot be trusted
        ├── MalformedToken WrongAlgorithm WrongType
        ├── UnknownKey BadSignature KeysUnavailable
        ├── WrongIssuer WrongAudience Expired NotYetValid WrongClaim
        └── ScopeMissing TokenInactive

Every error carries a stable `code`, a one-sentence `hint` and `retryable`; all of them can be
pickled; none holds a secret, a token or a response body.
"""

from __future__ import annotations

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
