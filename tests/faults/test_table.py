"""The table of faults can be read, numbers each fault once, and is tested row by row."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

TABLE = Path(__file__).with_name("table.toml")
ROOT = Path(__file__).parents[2]
TESTED_FROM = 346
"""The first row that came with a test which bears its number."""

# `test_fault_251_…`, `test_fault_253_254_…`: numbers have three digits.
_NUMBERED = re.compile(r"^\s*(?:async )?def test_fault((?:_\d{3})+)(?=_|\()", re.MULTILINE)
_SUITES = ("tests", "plugins/*/tests", "testing/credicorp_auth_testing/contracts")
"""Where tests are; the suites of the contract kit run once for each plugin."""


def read_rows():
    """Return the rows of the table."""
    return tomllib.loads(TABLE.read_text())["fault"]


def list_numbers(text):
    """Return the numbers that the names of tests bear."""
    return {int(each) for found in _NUMBERED.findall(text) for each in found.split("_")[1:]}


def list_tested():
    """Return the number of each fault that a test names, and the files that do."""
    tested = {}
    for suite in _SUITES:
        for folder in ROOT.glob(suite):
            for path in folder.rglob("*.py"):
                for number in list_numbers(path.read_text()):
                    tested.setdefault(number, []).append(str(path.relative_to(ROOT)))
    return tested


def test_every_fault_has_a_number_of_its_own_and_says_what_is_right():
    """Numbers rise; every row names its group, the fault and what is expected."""
    rows = read_rows()

    numbers = [row["number"] for row in rows]
    assert numbers == sorted(set(numbers))
    assert all(row.keys() == {"number", "group", "fault", "expected"} for row in rows)
    assert all(all(row.values()) for row in rows)


def test_numbers_are_read_off_the_names_of_tests():
    """One number, several, none; indented, or of a coroutine."""
    text = """
def test_fault_253_254_keys_outlive_an_outage(): ...
    def test_fault_360(self): ...
async def test_fault_001_a_task(): ...
def test_fault_a_flood(): ...
def test_169_sealed(): ...
def test_fault_3991_too_long(): ...
"""
    assert {253, 254, 360, 1} == list_numbers(text)


def test_every_row_from_346_on_is_tested():
    """A kind of fault that was found is a row, and its row has a test that bears its number."""
    numbers = {row["number"] for row in read_rows() if row["number"] >= TESTED_FROM}

    assert numbers
    assert [] == sorted(numbers - list_tested().keys())


def test_every_number_that_a_test_bears_is_a_row():
    """A test that bears a number says where to read what is right."""
    tested, numbers = list_tested(), {row["number"] for row in read_rows()}

    assert {} == {number: tested[number] for number in tested.keys() - numbers}
