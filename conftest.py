"""What all tests share: the three tiers, evidence, and settings for noisy machines."""

from __future__ import annotations

import gc
import json
from typing import TYPE_CHECKING, Any

import pytest
from evidence import write_evidence
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Callable

# Hypothesis counts examples and not seconds.
settings.register_profile("noisy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("noisy")


def pytest_configure(config: pytest.Config) -> None:
    """Choose the tier, if the command line does not: `pytest` is quick, `pytest PATH` runs PATH."""
    if not config.option.markexpr:
        named = config.args_source is pytest.Config.ArgsSource.ARGS
        config.option.markexpr = "not proof" if named else "not proof and not slow"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what asks for its `scale` twice: at a hundredth in every run, and as a proof in full."""
    if "scale" in metafunc.fixturenames:
        sizes = [
            pytest.param(0.01, id="hundredth"),
            pytest.param(1.0, id="full", marks=pytest.mark.proof),
        ]
        metafunc.parametrize("scale", sizes)


@pytest.fixture
def evidence(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Record the figures of a proof, by name; a run at a hundredth only has to have them."""

    def record(name: str, **figures: Any) -> None:
        if request.node.get_closest_marker("proof"):
            write_evidence(name, figures)
        else:
            json.dumps(figures)

    return record


def pytest_collection_finish() -> None:
    """Leave what is imported by now out of each collection: it is most of what there is."""
    gc.collect()
    gc.freeze()
