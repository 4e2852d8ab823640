"""What all tests share: the three tiers, evidence, and settings for noisy machines."""

from __future__ import annotations

import gc
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from evidence import write_evidence
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Callable

# Hypothesis counts examples and not seconds.
settings.register_profile("noisy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("noisy")


def trust_one_authority(config: pytest.Config) -> None:
    """
    Give the tests a system that trusts one authority, which nobody else knows.

    OpenSSL takes 30 ms to load the 140 that a system trusts, for each of thousands of contexts:
    more than half of the processor time of all tests. Child processes inherit the one.
    """
    folder = tempfile.TemporaryDirectory(prefix="credicorp-tests-")
    config.add_cleanup(folder.cleanup)
    authority = Path(folder.name) / "authority.pem"
    trustme.CA().cert_pem.write_to_path(str(authority))
    os.environ["SSL_CERT_FILE"] = str(authority)


def pytest_configure(config: pytest.Config) -> None:
    """Choose the tier, if the command line does not: `pytest` is quick, `pytest PATH` runs PATH."""
    trust_one_authority(config)
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
