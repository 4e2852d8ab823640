"""Which version of a secret, or of a parameter, is read, and what is made of it."""

from __future__ import annotations

import pytest

from credicorp_auth_testing.contracts.secret_source.canary import CANARY
from credicorp_auth_testing.contracts.secret_source.harness import refusal

pytestmark = pytest.mark.slow


def secret_of(fetched):
    """Return the client secret in plain text."""
    return fetched.fields["client_secret"].reveal()


@pytest.fixture
def rotated(aws):
    """Keep a secret of three versions: the one before, the current one, and the next."""
    name = aws.create({"client_id": "i", "client_secret": "old"})
    current = aws.put(name, {"client_id": "i", "client_secret": "current"})
    aws.put(name, {"client_id": "i", "client_secret": "next"}, "AWSPENDING")
    return name, current


@pytest.mark.parametrize(
    ("stage", "expected"),
    [(None, "current"), ("AWSCURRENT", "current"), ("AWSPREVIOUS", "old"), ("AWSPENDING", "next")],
)
def test_stages(aws, open_source, rotated, stage, expected):
    """The current version is read, or that of the stage which was set."""
    name, _ = rotated
    source = open_source(aws.url, secret_id=name, stage=stage)

    assert expected == secret_of(source.fetch(["client_secret"], timeout=5))


def test_one_version_by_its_id(aws, open_source, rotated):
    """A version that was set by its id is read, no matter what becomes the current one."""
    name, current = rotated
    source = open_source(aws.url, secret_id=name, version_id=current)
    before = source.fetch(["client_secret"], timeout=5)
    aws.put(name, {"client_secret": "newer"})
    after = source.fetch(["client_secret"], timeout=5)

    assert ("current", "current") == (secret_of(before), secret_of(after))
    assert before.version == after.version == f"{name}#{current}"


def test_the_place_is_told(aws, open_source, rotated):
    """Provenance names service, secret, version and region; the version has no account in it."""
    name, current = rotated
    arn = aws.secrets.describe_secret(SecretId=name)["ARN"]
    by_name = open_source(aws.url, secret_id=name).fetch(["client_secret"], timeout=5)
    by_arn = open_source(aws.url, secret_id=arn).fetch(["client_secret"], timeout=5)

    assert f"aws secretsmanager {name} {current} ({aws.region})" == by_name.provenance
    assert f"{name}#{current}" == by_name.version == by_arn.version


@pytest.mark.parametrize(
    ("overlap", "fallback"), [("off", None), ("previous", "old"), ("pending", "next")]
)
def test_fault_198_overlap(aws, open_source, rotated, overlap, fallback):
    """The version before, or after, comes along where that was set, whole and under its own name."""
    name, _ = rotated
    fetched = open_source(aws.url, secret_id=name, overlap=overlap).fetch(
        ["client_id", "client_secret"], timeout=5
    )
    other = fetched.fallback

    assert "current" == secret_of(fetched)
    assert fallback == (other and secret_of(other))
    if other is not None:
        assert {"client_id", "client_secret"} == set(other.fields)
        assert fetched.version != other.version
        assert other.fallback is None


@pytest.mark.parametrize("overlap", ["previous", "pending"])
def test_fault_198_nothing_to_overlap(aws, open_source, overlap):
    """A secret of one version has no fallback, and is none the worse for it."""
    name = aws.create({"client_secret": "only"})
    fetched = open_source(aws.url, secret_id=name, overlap=overlap).fetch(
        ["client_secret"], timeout=5
    )

    assert ("only", None) == (secret_of(fetched), fetched.fallback)


def test_fault_198_a_stage_that_has_arrived(aws, open_source):
    """Where the current version still carries the label of the next, it is no fallback of itself."""
    name = aws.create({"client_secret": "old"})
    aws.put(name, {"client_secret": "new"}, "AWSCURRENT", "AWSPENDING")
    fetched = open_source(aws.url, secret_id=name, overlap="pending").fetch(
        ["client_secret"], timeout=5
    )

    assert ("new", None) == (secret_of(fetched), fetched.fallback)


def test_fault_198_a_fallback_that_is_no_record(aws, open_source):
    """A next version that cannot be used yet does not keep the current one back."""
    name = aws.create({"client_secret": "current"})
    aws.put(name, {"client_secret": ""}, "AWSPENDING")
    fetched = open_source(aws.url, secret_id=name, overlap="pending").fetch(
        ["client_secret"], timeout=5
    )

    assert ("current", None) == (secret_of(fetched), fetched.fallback)


def test_fault_198_199_what_was_promoted_is_read_next(aws, open_source):
    """The next fetch reads what became the current version, although nobody told the source."""
    name = aws.create({"client_secret": "v1"})
    source = open_source(aws.url, secret_id=name)
    before = source.fetch(["client_secret"], timeout=5)
    aws.put(name, {"client_secret": "v2"})
    after = source.fetch(["client_secret"], timeout=5)

    assert ("v1", "v2") == (secret_of(before), secret_of(after))
    assert before.version != after.version


def test_parameters_by_version_and_label(aws, open_source):
    """A parameter is read as it is now, or by the version or label behind its name."""
    name = aws.parameter("one")
    aws.parameter("two", name)
    aws.parameters.label_parameter_version(Name=name, ParameterVersion=1, Labels=["proven"])
    fetched = {
        selector: open_source(aws.url, parameter=f"{name}{selector}").fetch(
            ["client_secret"], timeout=5
        )
        for selector in ("", ":1", ":2", ":proven")
    }

    assert {"": "two", ":1": "one", ":2": "two", ":proven": "one"} == {
        selector: secret_of(each) for selector, each in fetched.items()
    }
    assert fetched[":1"].version == fetched[":proven"].version
    assert fetched[""].version == fetched[":2"].version
    assert f"aws ssm {name} 2 ({aws.region})" == fetched[""].provenance


def test_a_parameter_made_again_is_another_version(aws, open_source):
    """A parameter that was deleted and made again counts from 1 again, and is not taken for the old."""
    name = aws.parameter("one")
    source = open_source(aws.url, parameter=name)
    before = source.fetch(["client_secret"], timeout=5)
    aws.parameters.delete_parameter(Name=name)
    aws.parameter("another", name)
    after = source.fetch(["client_secret"], timeout=5)

    assert ("one", "another") == (secret_of(before), secret_of(after))
    assert before.version != after.version


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
@pytest.mark.parametrize(
    "value", ["s3cret", "&=+% é", "[1]", "{", "}{", '"', "{x}", "{'a': 'b'}", "null", "x" * 60_000]
)
def test_a_secret_that_is_no_object(aws, open_source, value, end):
    """What is no JSON object is the client secret, less one line end."""
    source = open_source(aws.url, secret_id=aws.create(value + end))

    assert value == secret_of(source.fetch(["client_secret"], timeout=5))
    assert "secret.missing" == refusal(source, ["client_id", "client_secret"]).code


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_fault_404_one_line_end_is_cut_off_a_member(aws, open_source, end):
    """404: a member that was stored from a file means what the file says, as in every source."""
    source = open_source(aws.url, secret_id=aws.create({"client_secret": f"s3cret{end}"}))

    assert "s3cret" == secret_of(source.fetch(["client_secret"], timeout=5))


@pytest.mark.parametrize("content", [b"s3cret", b'{"client_secret": "s3cret"}'])
def test_binary_secrets(aws, open_source, content):
    """Bytes that are UTF-8 are read as text would be."""
    source = open_source(aws.url, secret_id=aws.create(content))

    assert "s3cret" == secret_of(source.fetch(["client_secret"], timeout=5))


def test_members_by_other_names(aws, open_source):
    """`fields` says which member is which field; one that it leaves out has its own name."""
    name = aws.create({"username": "i", "password": "s", "encryption_key": "k", "port": 5432})
    source = open_source(
        aws.url, secret_id=name, fields="client_id=username,client_secret=password"
    )
    fetched = source.fetch(["client_id", "client_secret", "encryption_key"], timeout=5)

    assert {"client_id": "i", "client_secret": "s", "encryption_key": "k"} == {
        field: value.reveal() for field, value in fetched.fields.items()
    }


@pytest.mark.parametrize(
    ("content", "code", "hint"),
    [
        pytest.param('{"a": "%s"}', "secret.missing", "member 'client_secret'", id="184-no-member"),
        pytest.param('{"client_secret": null, "a": "%s"}', "secret.missing", "member", id="184-null"),
        pytest.param('{"client_secret": ["%s"]}', "secret.invalid", "member 'client_secret'", id="184-list"),
        pytest.param('{"client_secret": 7, "a": "%s"}', "secret.invalid", "is not text", id="184-number"),
        pytest.param('{"client_secret": true, "a": "%s"}', "secret.invalid", "is not text", id="184-true"),
        pytest.param('{"client_secret": "%s", "client_secret": "x"}', "secret.invalid", "twice", id="184-twice"),
        pytest.param('{"client_secret": "%s", "a": NaN}', "secret.invalid", "NaN", id="184-nan"),
        pytest.param('{"client_secret": "%s",}', "secret.invalid", "not one JSON", id="184-comma"),
        pytest.param('{"client_secret": "%s}', "secret.invalid", "not one JSON", id="184-quote"),
        pytest.param(" {} ", "secret.missing", "member", id="184-nothing"),
        pytest.param('{"client_secret": ""}', "secret.empty", "member", id="181-member"),
        pytest.param(" \n", "secret.empty", "is empty", id="181-whole"),
        pytest.param('{"client_secret": "%s\\n\\n"}', "secret.invalid", "white space", id="182-member-two-line-ends"),
        pytest.param(" %s", "secret.invalid", "white space", id="182-whole-leading"),
        pytest.param("%s\n\n", "secret.invalid", "white space", id="182-whole-two-line-ends"),
        pytest.param("'%s'", "secret.invalid", "quotes", id="182-whole-quotes"),
        pytest.param('{"client_secret": "%s\\u0000"}', "secret.invalid", "control", id="183-nul"),
        pytest.param('{"client_secret": "%s\\ud800"}', "secret.invalid", "UTF-8", id="183-surrogate"),
        pytest.param(CANARY.encode() + b"\xff", "secret.invalid", "UTF-8", id="183-binary"),
        pytest.param(b'{"client_secret": "%b\xff"}', "secret.invalid", "not one JSON", id="183-binary-object"),
    ],
)  # fmt: skip
def test_fault_181_to_184_records_that_are_none(aws, open_source, content, code, hint):
    """What cannot be read is told by place and member, and never by value."""
    if isinstance(content, str):
        content = content.replace("%s", CANARY)
    source = open_source(aws.url, secret_id=aws.create(content))
    error = refusal(source, ["client_secret"])

    assert (code, False) == (error.code, error.retryable)
    assert hint in str(error)
    assert "aws secretsmanager tests/" in str(error)


@pytest.mark.parametrize("value", ["plain-%s", "[1]", '"%s"'])
def test_fault_184_fields_ask_for_an_object(aws, open_source, value):
    """Where members were named, what is no object is refused, and no guess is made."""
    name = aws.create(value.replace("%s", CANARY))
    source = open_source(aws.url, secret_id=name, fields={"client_secret": "password"})

    assert "secret.invalid" == refusal(source, ["client_secret"]).code
