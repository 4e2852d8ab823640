"""Boundary to third-party exceptions: what an adapter or a library raised, without its secrets."""

from __future__ import annotations

import os
import re
import sys
import traceback
from typing import TYPE_CHECKING, Final

from credicorp_auth.errors import AdapterBroken, AdapterFailure, CredicorpAuthError
from credicorp_auth.http.untrusted_text import (
    SHORTEST_IN_VALUES,
    STARS,
    escape_untrusted,
    hide_secrets,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from credicorp_auth.http.secret import Secret

DEBUG_VARIABLE: Final = "CREDICORP_DEBUG_ADAPTERS"
"""Variable that prints what adapters raise to standard error, secrets included, for authors."""

_MESSAGE: Final = 200  # characters
_LONGEST_TEXT: Final = 65_536  # characters of an exception's text that are looked at
_FRAMES: Final = 32  # innermost ones
_CHAIN: Final = 4  # an exception and its causes

# Members of the protocol that hold a credential, as JSON, a form, keywords or a repr spell them.
_NAMED: Final = (
    r"((?i:(?:access|refresh|id|auth)_?token|client_(?:secret|assertion)|password|passwd|secret_id))"
    r"(\\?[\"']?\s*(?:=>|[:=])\s*[bB]?\\?[\"']?)[^\s\"'&,;)}\]\\]+"
)


def describe_failure(fault: BaseException, secrets: Collection[Secret] = ()) -> AdapterFailure:
    """
    Return what an adapter or a library raised as text, to be the cause of an error of ours.

    Set `CREDICORP_DEBUG_ADAPTERS=1` to see the exception itself on standard error.

    Args:
        fault: The exception. Nothing of the result refers to it.
        secrets: The secrets that its text may hold. They are found in every spelling that
            `hide_secrets` knows: percent-encoded, JSON-escaped, in base64.
    """
    if os.environ.get(DEBUG_VARIABLE) == "1" and not isinstance(fault, AdapterFailure):
        traceback.print_exception(fault, file=sys.stderr)
    return _describe(fault, tuple(secrets), depth=_CHAIN)


def keep_cause(error: CredicorpAuthError, secrets: Collection[Secret]) -> CredicorpAuthError:
    """
    Return an adapter's own error without frames, with its cause as text and its text scrubbed.

    Args:
        error: An error of ours that an adapter raised, perhaps `from` an exception of its library.
        secrets: As for `describe_failure`.
    """
    kept, cause = error.copy(), _cause_of(error)
    for name in ("message", "hint"):
        text = getattr(kept, name)
        setattr(kept, name, hide_secrets(text, secrets, shortest=SHORTEST_IN_VALUES))
    if cause is not None:
        kept.__cause__ = describe_failure(cause, secrets)
    return kept


def blame_adapter(
    happened: str, cause: AdapterFailure | None = None, *, code: str = "plugin.contract"
) -> AdapterBroken:
    """
    Build the error for an adapter that breaks its contract.

    Args:
        happened: One sentence that names the adapter and what it did.
        cause: What the adapter raised. The message says where in the code that was.
        code: `plugin.contract`, or `plugin.load` if it cannot be imported.
    """
    place = f", at {cause.frames[-1]}" if cause is not None and cause.frames else ""
    error = AdapterBroken(f"{happened}{place}", code=code)
    error.__cause__ = cause
    return error


def _describe(fault: BaseException, secrets: Collection[Secret], *, depth: int) -> AdapterFailure:
    if isinstance(fault, AdapterFailure):
        raised, text, frames = fault.raised, fault.message, fault.frames
    else:
        kind = type(fault)
        module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
        raised, text, frames = f"{module}{kind.__qualname__}", _text_of(fault), _frames_of(fault)
    described = AdapterFailure(_scrub(raised, secrets), _scrub(text, secrets), frames)
    cause = _cause_of(fault)
    if cause is not None and depth > 1:
        described.__cause__ = _describe(cause, secrets, depth=depth - 1)
    return described


def _cause_of(fault: BaseException) -> BaseException | None:
    if fault.__cause__ is not None or fault.__suppress_context__:
        return fault.__cause__
    return fault.__context__


def _text_of(fault: BaseException) -> str:
    try:
        text = fault.message if isinstance(fault, CredicorpAuthError) else str(fault)
    except Exception:  # noqa: BLE001 - the exception's own code
        return ""
    return text[:_LONGEST_TEXT]


def _scrub(text: str, secrets: Collection[Secret]) -> str:
    # No template: `re` imports a module to read one, which fails while the interpreter shuts down.
    text = re.sub(_NAMED, lambda found: f"{found[1]}{found[2]}{STARS}", text)
    return escape_untrusted(text, secrets, limit=_MESSAGE)


def _frames_of(fault: BaseException) -> tuple[str, ...]:
    calls = [(each.f_code, line) for each, line in traceback.walk_tb(fault.__traceback__)]
    return tuple(f"{code.co_filename}:{line} {code.co_qualname}" for code, line in calls[-_FRAMES:])
