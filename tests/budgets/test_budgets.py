"""Budgets: the counts of `budgets.toml`, each measured in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from credicorp_auth_testing.sandbox import Sandbox

pytestmark = pytest.mark.slow

BUDGETS = tomllib.loads(Path(__file__).with_name("budgets.toml").read_text("utf-8"))


def measured(program, *arguments):
    """Run one of the programs beside this file; return what it prints as JSON."""
    ran = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("measure.py")), program, *arguments],
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (0, "") == (ran.returncode, ran.stderr)
    return json.loads(ran.stdout)


@pytest.fixture(scope="module")
def sandbox():
    """An authorization server over plain http."""
    with Sandbox() as started:
        yield [started.base_url, started.client_id, started.client_secret]


@pytest.mark.parametrize("transport", ["urllib3", "httpx"])
def test_modules_of_the_smallest_program(transport, sandbox):
    """The smallest program loads no more modules than its budget, and none that it does not use."""
    budget = BUDGETS["program"][transport]

    loaded = measured("modules", transport, *sandbox)

    assert len(loaded["own"]) <= budget["own"], loaded["own"]
    if "others" in budget:
        assert len(loaded["others"]) <= budget["others"], loaded["others"]
    assert [] == [each for each in budget["never"] if each in loaded["own"] + loaded["others"]]


def test_tls_contexts(sandbox):
    """Building makes no TLS context, nor does plain http; all transports share the one for https."""
    assert BUDGETS["tls_contexts"] == measured("tls_contexts", *sandbox)


def test_memory_of_a_further_object():
    """A CredicorpAuth is cheap enough to build one for each of many clients."""
    assert measured("building")["bytes"] <= BUDGETS["building"]["bytes"]


@pytest.mark.parametrize("method", ["get_token", "header", "aget_token", "aheader"])
def test_a_fresh_call(method):
    """A call that finds a fresh token reads both clocks once, takes no lock and keeps no memory."""
    counts = measured("fresh_call", method)

    assert {
        name: max(counts[name], most) for name, most in BUDGETS["fresh_call"].items()
    } == BUDGETS["fresh_call"]


def test_a_cold_mint():
    """The first token takes no more calls of ours, in no more modules, than its budget."""
    counts = measured("cold_mint")

    assert counts["calls"] <= BUDGETS["cold_mint"]["calls"], counts["by_module"]
    assert counts["modules"] <= BUDGETS["cold_mint"]["modules"], counts["by_module"]
