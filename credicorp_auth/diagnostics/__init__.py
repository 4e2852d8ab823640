"""Diagnostics: check each step from the settings to a token, and give hints on failures."""

from __future__ import annotations

from credicorp_auth.diagnostics.check import Check, Verdict
from credicorp_auth.diagnostics.diagnose import Diagnosis, examine
from credicorp_auth.diagnostics.setting_origins import Origin, explain_settings

__all__ = ["Check", "Diagnosis", "Origin", "Verdict", "examine", "explain_settings"]
