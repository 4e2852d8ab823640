"""What all tests share: machines are noisy, and a thousand tests collect garbage."""

from __future__ import annotations

import gc

from hypothesis import HealthCheck, settings

# Hypothesis counts examples and not seconds.
settings.register_profile("noisy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("noisy")


def pytest_collection_finish() -> None:
    """Leave what is imported by now out of each collection: it is most of what there is."""
    gc.collect()
    gc.freeze()
