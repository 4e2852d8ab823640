"""What all tests share: machines are noisy, so Hypothesis counts examples and not seconds."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("noisy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("noisy")
