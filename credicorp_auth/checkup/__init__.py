"""A check-up: whether a token could be had here and now; where it fails, what to do about it."""

from __future__ import annotations

from credicorp_auth.checkup.examine import CheckUp, examine
from credicorp_auth.checkup.finding import Finding, Verdict
from credicorp_auth.checkup.origins import Origin, explain_settings

__all__ = ["CheckUp", "Finding", "Origin", "Verdict", "examine", "explain_settings"]
