"""What a check-up found: one line, with its cure."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from credicorp_auth.errors import CredicorpAuthError


class Verdict(Enum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@frozen
class Check:
    """
    One thing that was looked at.

    Args:
        subject: What was looked at, in a word or two.
        verdict: How it is.
        message: What was seen, without any secret.
        hint: What to do about it; empty where nothing needs doing.
        error: The error that was met, where one was.
    """

    subject: str
    verdict: Verdict
    message: str
    hint: str = ""
    error: CredicorpAuthError | None = None

    @property
    def code(self) -> str:
        """The stable code of what was met; empty where nothing was."""
        return "" if self.error is None else self.error.code


def ok(subject: str, message: str) -> Check:
    """Build the finding that all is well."""
    return Check(subject, Verdict.OK, message)


def warn(subject: str, message: str, hint: str) -> Check:
    """Build the finding that something works, and may not for long."""
    return Check(subject, Verdict.WARN, message, hint)


def fail(subject: str, error: CredicorpAuthError) -> Check:
    """Build the finding that something does not work."""
    return Check(subject, Verdict.FAIL, error.message, error.hint, error)
