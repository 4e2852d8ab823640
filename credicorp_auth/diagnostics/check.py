"""Result of one check, with a hint."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from credicorp_auth.errors import CredicorpAuthError


class Verdict(Enum):
    """Severity of a check's result."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@frozen
class Check:
    """
    Result of one check.

    Args:
        subject: The subject of the check, in a word or two.
        verdict: The severity.
        message: The observation, without any secret.
        hint: The remedy; empty if none is needed.
        error: The error that occurred, or None.
    """

    subject: str
    verdict: Verdict
    message: str
    hint: str = ""
    error: CredicorpAuthError | None = None

    @property
    def code(self) -> str:
        """The stable code of the error; empty if there is none."""
        return "" if self.error is None else self.error.code


def ok(subject: str, message: str) -> Check:
    """Build the result of a check that passed."""
    return Check(subject, Verdict.OK, message)


def warn(subject: str, message: str, hint: str) -> Check:
    """Build the result for something that works now, but may soon fail."""
    return Check(subject, Verdict.WARN, message, hint)


def fail(subject: str, error: CredicorpAuthError) -> Check:
    """Build the result of a check that failed."""
    return Check(subject, Verdict.FAIL, error.message, error.hint, error)
