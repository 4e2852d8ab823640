"""The words of the project: no identifier and no prose has a word that only this project knows."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import words

CHECKOUT = words.CHECKOUT


def test_no_identifier_has_a_name_of_our_own():
    """Code and tests alike use the trade's names."""
    assert [] == words.find_identifiers(CHECKOUT)


def test_no_prose_has_a_forbidden_phrase():
    """Pages, docstrings, comments and messages are in plain English."""
    assert [] == words.find_phrases(CHECKOUT)


def test_every_old_name_is_on_the_list():
    """The list holds each word that the table of names replaces."""
    assert [] == words.find_unlisted(CHECKOUT)


@pytest.fixture
def checkout(tmp_path):
    """Build a checkout with a list of words, and one module that uses each in some way."""
    for name in (words.LIST, words.TABLE):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / words.LIST).write_text(
        'identifiers = ["errand"]\nphrases = ["at sea"]\nshipped_phrases = ["mend"]\n'
        'shipped = ["credicorp_auth/*"]\nquoting = ["CHANGELOG.md"]\n'
        '[somebody_elses]\n"plugins/*" = ["errand"]\n'
    )
    (tmp_path / words.TABLE).write_text(
        '[identifiers]\n"a.b" = "c.d"\nkept = "kept"\nmissing = "new"\n[tokens]\nerrand = "call"\n'
    )
    return tmp_path


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("tests/errand.py", "", ["tests/errand.py: identifier errand"]),
        ("tests/a.py", "def errand(): ...", ["tests/a.py: identifier errand"]),
        ("tests/a.py", "f(errand=1)", ["tests/a.py: identifier errand"]),
        ("tests/a.py", "def f(errand): ...", ["tests/a.py: identifier errand"]),
        ("tests/a.py", "x.errand = 1", ["tests/a.py: identifier errand"]),
        ("tests/a.py", "f(**errand)", ["tests/a.py: identifier errand"]),
        ("plugins/a.py", "errand = 1", []),
        ("build/errand.py", "", []),
        ("tests/build/errand.py", "", []),
        ("tests/a.py", "x = 1  # at sea", ["tests/a.py:1: at sea"]),
        ("tests/a.py", '"""One.\n\nTwo at\nsea.\n"""', ["tests/a.py:3: at sea"]),
        ("tests/a.py", "# One at\n# sea.", ["tests/a.py:1: at sea"]),
        ("tests/a.py", 'x = f"{y} at sea"', ["tests/a.py:1: at sea"]),
        ("tests/a.py", "# at seas", []),
        ("tests/a.py", "# mend", []),
        ("credicorp_auth/a.py", "\n# Mend", ["credicorp_auth/a.py:2: Mend"]),
        ("docs/a.md", "One\nat\nsea", ["docs/a.md:2: at sea"]),
        ("README.md", "at sea", ["README.md:1: at sea"]),
        ("CHANGELOG.md", "at sea", []),
    ],
)
def test_words_are_found_where_they_stand(checkout, name, text, found):
    """Names and prose are told apart, across the ends of lines, with file and line."""
    path = checkout / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)

    assert found == [*words.find_identifiers(checkout), *words.find_phrases(checkout)]


def test_an_old_name_that_the_list_lacks_is_found(checkout):
    """Names that changed must be on the list; dotted ones and kept ones need not be."""
    assert [f"{words.LIST}: lacks missing"] == words.find_unlisted(checkout)


def test_the_program_prints_what_it_finds(checkout, capsys):
    """The exit code of the program is 1 if anything is found, and 0 if nothing is."""
    assert 1 == words.main(checkout)
    assert f"{words.LIST}: lacks missing\n" == capsys.readouterr().out
    (checkout / words.TABLE).write_text("[identifiers]\n[tokens]\n")
    assert 0 == words.main(checkout)
    assert "" == capsys.readouterr().out


def test_the_lint_environment_runs_the_check():
    """`tox -e lint` checks the words, without the libraries of the tests."""
    lint = (CHECKOUT / "tox.ini").read_text("utf-8").split("[testenv:lint]")[1].split("[testenv")[0]

    assert "python {tox_root}/tools/words.py" in lint
    assert {
        "identifiers",
        "phrases",
        "shipped_phrases",
        "shipped",
        "quoting",
        "somebody_elses",
    } == set(tomllib.loads((Path(CHECKOUT) / words.LIST).read_text("utf-8")))
