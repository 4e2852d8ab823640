"""The table of faults can be read, and numbers each fault once."""

from __future__ import annotations

import tomllib
from pathlib import Path

TABLE = Path(__file__).with_name("table.toml")


def test_every_fault_has_a_number_of_its_own_and_says_what_is_right():
    """Numbers rise; every row names its group, the fault and what is expected."""
    rows = tomllib.loads(TABLE.read_text())["fault"]

    numbers = [row["number"] for row in rows]
    assert numbers == sorted(set(numbers))
    assert all(row.keys() == {"number", "group", "fault", "expected"} for row in rows)
    assert all(all(row.values()) for row in rows)
