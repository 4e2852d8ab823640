"""A check-up: whether a token could be had here and now; where it fails, what to do about it."""

from __future__ import annotations

from credicorp_auth.diagnostics.check import Check, Verdict
from credicorp_auth.diagnostics.diagnose import Diagnosis, examine
from credicorp_auth.diagnostics.setting_origins import Origin, explain_settings

__all__ = ["Check", "Diagnosis", "Origin", "Verdict", "examine", "explain_settings"]
