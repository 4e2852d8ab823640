"""The table of paths: which row counts, and that no spelling of a path gets round it."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credicorp_auth import Scope
from credicorp_auth.errors import InvalidSetting
from credicorp_auth.resource import ANY_TOKEN, CLOSED, OPEN
from credicorp_auth.resource.access import Access
from credicorp_auth.resource.routes import Routes

UNCLEAR = Access.UNCLEAR
READ, WRITE = Scope("read"), Scope("write")
ROUTES = Routes(
    {
        "/": ANY_TOKEN,
        "/admin": WRITE,
        "/admin/health": OPEN,
        "/admin/off": CLOSED,
        "/items": {"GET": "read", "POST": WRITE, "OPTIONS": OPEN},
        "/any": {"GET": OPEN, "*": "write"},
        "/Größe/": READ,
    }
)


@pytest.mark.parametrize(
    ("method", "path", "asked"),
    [
        ("GET", "/", ANY_TOKEN),
        ("GET", "", ANY_TOKEN),
        ("GET", "/other", ANY_TOKEN),
        ("GET", "/administration", ANY_TOKEN),
        ("GET", "/admin", WRITE),
        ("GET", "/admin/", WRITE),
        ("GET", "/admin/x/y/z", WRITE),
        ("GET", "/admin/healthy", WRITE),
        ("GET", "/admin/health", OPEN),
        ("GET", "/admin/health/deep", OPEN),
        ("GET", "/admin/off/x", CLOSED),
        ("GET", "/x/admin", ANY_TOKEN),
        ("GET", "/items/1", READ),
        ("HEAD", "/items/1", READ),
        ("get", "/items/1", READ),
        ("post", "/items", WRITE),
        ("OPTIONS", "/items", OPEN),
        ("DELETE", "/items", CLOSED),
        ("HEAD", "/any", OPEN),
        ("PUT", "/any", WRITE),
        ("GET", "/größe", UNCLEAR),
        ("GET", "/Größe", READ),
        ("GET", "/Gro\u0308ße", UNCLEAR),
        ("GET", "/items/A;b", READ),
        ("GET", "/items/50%", READ),
        ("GET", "/items/.well-known/...", READ),
        ("GET", None, UNCLEAR),
        ("OPTIONS", "*", UNCLEAR),
        ("GET", "admin", UNCLEAR),
        ("GET", "http://service/admin", UNCLEAR),
        *(
            ("GET", path, UNCLEAR)
            for path in (
                "//admin", "/admin//x", "/./admin", "/x/../admin", "/admin/health/..", "/admin/.",
                "/admin/..;/x", "/x\\..\\admin", "/%61dmin", "/x/%2e%2E/admin", "/admin%2fx",
                "/admin\x00", "/admin\n", "/ADMIN", "/Admin/health", "/admin/Health", "/\uff41dmin",
                "/admin;x=1", "/admin ", "/ admin", "/admin\xa0", "/admin\x7f",
                "/admin?x", "/admin#", "/x/..?", "/\ufffd",
                "/;/admin", "/ /admin", "/x/ ../admin", "/x/\u2025/admin", "/x\uff0fadmin", "/x/..;", "/\u2024/a",
            )
        ),
    ],
)  # fmt: skip
def test_the_longest_row_counts_and_no_other_spelling(method, path, asked):
    """Rows stand for whole segments; a path that some reader could take for another is unclear."""
    assert asked == ROUTES.find(method, path)


PIECES = ["/", "//", ".", "..", "%2e", "%2f", "%252e", "%5c", "\\", ";", "?", "#", " ", "admin", "ADMIN", "\uff41dmin", "\u2025", "\uff0f", "\uff05", "health", "off", "x"]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=9))
def test_no_path_is_asked_for_less_than_a_lenient_reader_would_find(pieces):
    """Whatever is written, it is unclear, or asks what the path means when all is decoded."""
    path = "/" + "".join(pieces)
    lenient = unicodedata.normalize("NFKC", unquote(unquote(unquote(path)))).replace("\\", "/")
    segments = [re.split("[;?#]", each)[0].strip().casefold() for each in lenient.split("/")]
    meant = posixpath.normpath("/" + "/".join(segments).lstrip("/"))

    assert ROUTES.find("GET", path) in {UNCLEAR, ROUTES.find("GET", meant)}


def test_what_is_not_in_the_table_is_closed():
    """An empty table opens nothing; nor does one that leaves a path out."""
    assert CLOSED is Routes({}).find("GET", "/")
    assert CLOSED is Routes({"/a": OPEN}).find("GET", "/b")


@pytest.mark.parametrize("scope", ["read", READ, CLOSED, OPEN, ""])
def test_one_scope_for_everything_needs_no_path(scope):
    """Where every path asks the same, no spelling matters."""
    asked = scope if isinstance(scope, Access) else Scope(scope)

    assert [asked] * 3 == [Routes(scope).find("GET", path) for path in ("/a", "//a/../b", None)]


@pytest.mark.parametrize(
    ("table", "code"),
    [
        (None, "config.required_scope"),
        (7, "config.required_scope"),
        (["read"], "config.required_scope"),
        (UNCLEAR, "config.required_scope"),
        ("ré", "config.scope"),
        ({"/a": None}, "config.required_scope"),
        ({"/a": ["read"]}, "config.required_scope"),
        ({"/a": {"GET": None}}, "config.required_scope"),
        ({"/a": {"GET": {"GET": "read"}}}, "config.required_scope"),
        ({"/a": 'r"'}, "config.scope"),
        ({"a": "read"}, "config.route"),
        ({"": "read"}, "config.route"),
        ({7: "read"}, "config.route"),
        ({"/a/../b": "read"}, "config.route"),
        ({"//a": "read"}, "config.route"),
        ({"/a%20b": "read"}, "config.route"),
        ({"/a": "read", "/a/": "write"}, "config.route"),
        ({"/a": "read", "/A": "write"}, "config.route"),
        ({"/a": {"get": "read"}}, "config.route"),
        ({"/a": {7: "read"}}, "config.route"),
    ],
    ids=repr,
)
def test_a_table_that_could_mean_two_things_is_refused(table, code):
    """None, other types, doubled paths and unclear ones are found when the service starts."""
    with pytest.raises(InvalidSetting) as refused:
        Routes(table)

    assert code == refused.value.code


def test_a_path_of_many_segments_costs_no_more_than_a_short_one():
    """Only as many segments are looked at as the longest row has."""
    assert ANY_TOKEN == ROUTES.find("GET", "/a" * 100_000)
    assert WRITE == ROUTES.find("GET", "/admin" + "/a" * 100_000)
    assert ANY_TOKEN == ROUTES.find("GET", "/a/" + " " * 1_000_000 + "x")
    assert ANY_TOKEN == ROUTES.find("GET", "/a/" + ";" * 1_000_000 + "x")
