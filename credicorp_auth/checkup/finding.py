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
class Finding:
    """
    One thing that was looked at.

    Args:
        subject: What was looked at, in a word or two.
        verdict: How it is.
        what: What was seen, without any secret.
        cure: What to do about it; empty where nothing needs doing.
        error: The error that was met, where one was.
    """

    subject: str
    verdict: Verdict
    what: str
    cure: str = ""
    error: CredicorpAuthError | None = None

    @property
    def code(self) -> str:
        """The stable code of what was met; empty where nothing was."""
        return "" if self.error is None else self.error.code


def fine(subject: str, what: str) -> Finding:
    """Build the finding that all is well."""
    return Finding(subject, Verdict.OK, what)


def worrying(subject: str, what: str, cure: str) -> Finding:
    """Build the finding that something works, and may not for long."""
    return Finding(subject, Verdict.WARN, what, cure)


def failing(subject: str, error: CredicorpAuthError) -> Finding:
    """Build the finding that something does not work."""
    return Finding(subject, Verdict.FAIL, error.what, error.cure, error)
