"""Shipped lines: what counts as a line of code, and what is compared."""

from __future__ import annotations

from lines import Lines, code_lines, compare, count

MODULE = b'''"""
Noun.

Its job.
"""

from typing import Final  # a comment beside code

# A comment.
TEXT: Final = """
text that is a value
"""
"""Documents the name above."""


def build(
    name: str,
) -> str:
    """Build."""
    return f"{name}"
'''


def test_code_is_neither_blank_nor_comment_nor_docstring():
    """A docstring of several lines and a comment do not count; a value of several lines does."""
    assert {7, 10, 11, 12, 16, 17, 18, 20} == code_lines(MODULE)


def test_what_is_shipped_to_services_counts():
    """Tests and what only serves tests do not count, wherever the core once held them."""
    counted = count(
        (path, MODULE)
        for path in (
            "credicorp_auth/auth.py",
            "credicorp_auth/http/secret.py",
            "credicorp_auth/testing/echo.py",
            "plugins/redis/credicorp_auth_redis/cache.py",
            "plugins/redis/tests/test_cache.py",
            "testing/credicorp_auth_testing/echo.py",
            "tools/lines.py",
        )
    )

    assert {"core": Lines(16, 40), "redis": Lines(8, 20)} == counted


def test_distributions_that_one_side_lacks_are_shown_and_not_compared():
    """The total compares what both sides have."""
    before = {"core": Lines(100, 200), "old": Lines(5, 9)}
    now = {"core": Lines(80, 150), "new": Lines(7, 9)}
    rows = {line.split()[0]: line.split() for line in list(compare(before, now))[1:]}

    assert ["core", "80", "100", "-20.0%", "150", "200", "-25.0%"] == rows["core"]
    assert rows["core"][1:] == rows["together"][1:]
    assert ["new", "7", "new", "9", "new"] == rows["new"]
    assert ["old", "gone", "5", "gone", "9"] == rows["old"]
