"""Exit codes of the commands."""

from __future__ import annotations

from typing import Final

from credicorp_auth import errors

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
REFUSED: Final = 3
UNREACHABLE: Final = 4
INTERRUPTED: Final = 130

_ENDINGS: Final = (
    (errors.ConfigurationError, USAGE),
    (errors.UsageError, USAGE),
    (errors.OriginNotAllowed, USAGE),
    (errors.TokenRequestRefused, REFUSED),
    (errors.ScopeNotGranted, REFUSED),
    (errors.KeysUnavailable, UNREACHABLE),
    (errors.VerificationFailed, REFUSED),
)


def exit_code_of(error: errors.CredicorpAuthError) -> int:
    """Return the exit code for an error."""
    if isinstance(error, errors.SecretUnavailable):
        return UNREACHABLE if error.retryable else USAGE
    return next((code for kind, code in _ENDINGS if isinstance(error, kind)), UNREACHABLE)
