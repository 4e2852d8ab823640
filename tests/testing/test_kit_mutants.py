"""Mutants of plugins: how they are made, and what the contract kit alone finds of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from mutants import list_mutants

ROOT = Path(os.environ.get("CREDICORP_CHECKOUT") or Path(__file__).parents[2])
EVIDENCE = sorted((ROOT / "docs" / "evidence").glob("kit-mutants-*.json"))
SOURCE = '''
"""Left alone."""
from typing import TYPE_CHECKING
__all__ = ["left alone"]
if TYPE_CHECKING:
    left = "alone"

@left
def f(a: int = 1) -> "left":
    """Left alone."""
    if a == 2 and not b:
        raise Left(f"alone {a}", "left alone")
    g(a)
    return a + True
'''


def test_mutants_change_one_thing():
    """Each changes one constant, comparison, operator or statement; messages stay as they are."""
    assert [
        "1 -> 3",
        "if a == 2 and (not b): -> if not (a == 2 and (not b)):",
        "a == 2 and (not b) -> a == 2 or not b",
        "a == 2 -> a != 2",
        "2 -> 5",
        "not b -> b",
        "raise Left(f'alone {a}', 'left alone') -> pass",
        "g(a) -> pass",
        "return a + True -> return",
        "a + True -> a - True",
        "True -> False",
    ] == [each.change for each in list_mutants(SOURCE)]


@pytest.mark.slow
def test_the_contracts_judge_a_mutant():
    """The plugin as it is passes its contract, a mutant gets a verdict, and the share is printed."""
    program = str(ROOT / "tools" / "kit_mutants.py")
    ran = subprocess.run(
        [sys.executable, program, "--mutants", "1", "env"],
        env={name: each for name, each in os.environ.items() if "COVERAGE" not in name},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert "env: 1 of 1 found" in ran.stdout or "env: 0 of 1 found" in ran.stdout, ran.stderr


@pytest.mark.parametrize("page", EVIDENCE, ids=lambda page: page.stem)
def test_four_of_five_are_found_and_the_others_explained(page):
    """The contracts alone find 80 % of the mutants; `kit_survivors.toml` explains each other one."""
    figures = json.loads(page.read_text("utf-8"))["figures"]
    explained = tomllib.loads((ROOT / "tools" / "kit_survivors.toml").read_text("utf-8"))
    reasons = explained[page.stem.removeprefix("kit-mutants-")]

    assert figures["share"] >= 0.8
    unexplained = [
        each for each in figures["survivors"] if each.partition(" (line")[0] not in reasons
    ]
    assert [] == unexplained
