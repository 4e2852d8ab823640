"""What a program may print: members, expiry, revision, and everything that is refused."""

from __future__ import annotations

import time

import pytest

from credicorp_auth.errors import SecretUnavailable
from credicorp_auth_exec.program import MOST_OUTPUT

NAMES = ["client_id", "client_secret"]


def revealed(fetched):
    return {name: value.reveal() for name, value in fetched.fields.items()}


def fault_of(source, names=NAMES):
    with pytest.raises(SecretUnavailable) as caught:
        source.fetch(names, timeout=5)
    assert "canary" not in str(caught.value)
    return caught.value


def test_all_fields_of_one_record(open_source, prints):
    """Id and secret come from one run; the provenance names program and revision."""
    fetched = open_source(prints(revision="blue/7", more={"unknown": [1]})).fetch(NAMES, timeout=5)

    assert {"client_id": "app", "client_secret": "canary-v1"} == revealed(fetched)
    assert fetched.provenance.endswith("credentials' revision blue/7")
    assert fetched.expires_at is None


def test_members_may_have_other_names(open_source, prints):
    """Option `fields` maps field names to members, as a mapping and as text."""
    body = prints(client_id=..., client_secret=..., username="u", password="canary-p")
    for fields in ({"client_id": "username", "client_secret": "password"}, "client_id=username, client_secret=password"):  # fmt: skip
        assert {"client_id": "u", "client_secret": "canary-p"} == revealed(
            open_source(body, fields=fields).fetch(NAMES, timeout=5)
        )


def test_fault_451_equal_values_are_one_version_with_any_revision(open_source, prints):
    """A program that forgets to change its revision hides no rotation, and one that counts runs makes none."""
    before = open_source(prints(revision=1)).fetch(NAMES, timeout=5)
    same = open_source(prints(revision=2)).fetch(NAMES, timeout=5)
    other = open_source(prints(revision=1, client_secret="canary-v2")).fetch(NAMES, timeout=5)

    assert before.version == same.version
    assert before.version != other.version


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"expires_at": 1_900_000_000}, 1_900_000_000),
        ({"expires_at": 1_900_000_000.5}, 1_900_000_000.5),
        ({"expires_at": "2030-03-17T17:46:40Z"}, 1_900_000_000),
        ({"expires_at": "2030-03-17T18:46:40+01:00"}, 1_900_000_000),
        ({"expires_at": None, "ttl": None, "revision": None}, None),
    ],
    ids=str,
)
def test_expiry(open_source, prints, members, expected):
    """An expiry is epoch seconds or RFC 3339 with its offset; null is as good as absent."""
    assert expected == open_source(prints(**members)).fetch(NAMES, timeout=5).expires_at


def test_a_ttl_counts_from_the_start_of_the_program(open_source, prints):
    """A slow program makes its record no younger."""
    before = time.time()
    fetched = open_source(f"sleep 0.2\n{prints(ttl=60)}").fetch(NAMES, timeout=5)

    assert before + 60 <= fetched.expires_at <= time.time() + 60 - 0.2


@pytest.mark.parametrize(
    "members",
    [
        {"version": ...},
        {"version": 2},
        {"version": True},
        {"version": "1"},
        {"client_secret": 5},
        {"client_secret": "canary "},
        {"revision": "two words"},
        {"revision": "x" * 81},
        {"revision": True},
        {"expires_at": "2030-03-17T17:46:40"},
        {"expires_at": "tomorrow"},
        {"expires_at": 1_900_000_000_000},
        {"expires_at": True},
        {"expires_at": []},
        {"ttl": -1},
        {"ttl": "60"},
        {"ttl": 60, "expires_at": 1_900_000_000},
    ],
    ids=str,
)
def test_fault_452_what_has_two_readings_is_refused(open_source, prints, members):
    """Another version of the format, an expiry without an offset or in milliseconds: `secret.invalid`."""
    error = fault_of(open_source(prints(**members)))

    assert ("secret.invalid", False) == (error.code, error.retryable)
    assert "version" in error.hint


@pytest.mark.parametrize("secret", [..., None])
def test_a_member_that_is_absent_or_null_is_missing(open_source, prints, secret):
    """The error names the member."""
    error = fault_of(open_source(prints(client_secret=secret)))

    assert "secret.missing" == error.code
    assert "client_secret" in str(error)


@pytest.mark.parametrize(
    "body",
    [
        "true",
        "echo canary",
        'echo \'{"version": 1, "client_secret": "canary"\'',
        'echo \'{"version": 1, "client_secret": "canary-a", "client_secret": "canary-b"}\'',
        "printf '\\377'",
        f"head -c {MOST_OUTPUT + 1} /dev/zero",
        "yes canary",
    ],
    ids=["nothing", "text", "cut", "twice", "bytes", "much", "endless"],
)
def test_fault_452_output_that_is_not_one_object(open_source, body):
    """No object, two readings, too much of it: `secret.invalid`, and none of it is shown."""
    error = fault_of(open_source(body))

    assert ("secret.invalid", False) == (error.code, error.retryable)


def test_output_as_long_as_allowed_is_read(open_source, prints):
    """A megabyte of JSON arrives whole, through a pipe that holds much less."""
    body = f"{prints()}\nhead -c 900000 /dev/zero | tr '\\0' ' '"

    assert "canary-v1" == revealed(open_source(body).fetch(NAMES, timeout=5))["client_secret"]
