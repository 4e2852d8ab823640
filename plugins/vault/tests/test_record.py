"""What becomes of a record: its fields, its versions, its kind of mount, and how long it counts."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from loopback_vault import Reply, envelope, refusal

from credicorp_auth.errors import SecretUnavailable
from credicorp_auth.http.secret import Secret

pytestmark = pytest.mark.slow

BOTH = ("client_id", "client_secret")


def failure(source, *names):
    """Fetch what cannot be had."""
    with pytest.raises(SecretUnavailable) as caught:
        source.fetch(names or ("client_secret",), timeout=5)

    assert "canary" not in f"{caught.value}"
    return caught.value


def test_fault_204_a_record_is_read(vault, connect):
    """Fields arrive as secrets, with version and origin, and without an end."""
    fetched = connect(vault).fetch(BOTH, timeout=5)

    assert {"client_id": Secret("app"), "client_secret": Secret("canary-v1")} == fetched.fields
    assert fetched.version.startswith("secret/app/1 of '2026-")
    assert f"vault {vault.origin} secret/app version 1" == fetched.provenance
    assert (None, None) == (fetched.expires_at, fetched.fallback)


def test_fields_are_mapped(vault, connect):
    """A record may have keys of its own; a name that is not mapped is its own key."""
    vault.write("other", username="app", password="canary", encryption_key="canary-key")
    source = connect(vault, path="other", fields="client_id=username,client_secret=password")
    fetched = source.fetch([*BOTH, "encryption_key"], timeout=5)

    assert {"client_id": "app", "client_secret": "canary", "encryption_key": "canary-key"} == {
        name: value.reveal() for name, value in fetched.fields.items()
    }


def test_only_what_was_asked_for_is_held(vault, connect):
    """What nobody asked for is not carried along, and may be anything."""
    vault.write("app", client_secret="canary", note=3)

    assert {"client_secret"} == set(connect(vault).fetch(["client_secret"], timeout=5).fields)


@pytest.mark.parametrize("path", ["a b", "ä/ö", "x+y&z=1", "a:b@c"])
def test_paths_are_quoted(vault, connect, path):
    """A path may have any characters that Vault lets it have."""
    vault.write(path, client_secret="canary")

    assert (
        Secret("canary")
        == connect(vault, path=path).fetch(["client_secret"], timeout=5).fields["client_secret"]
    )


def test_fault_180_missing(vault, connect):
    """A record that does not exist is missing, by its path."""
    error = failure(connect(vault, path="none"))

    assert ("secret.missing", False) == (error.code, error.retryable)
    assert f"{vault.origin} secret/none" in f"{error}"


def test_a_mount_that_does_not_exist(vault, connect):
    """Vault does not say whether a mount is missing or closed, so the cure names both."""
    error = failure(connect(vault, mount="nomount"))

    assert "secret.denied" == error.code
    assert "`mount`" in error.hint


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_fault_404_one_line_end_is_cut_off(vault, connect, end):
    """404: a value that was stored from a file means what the file says, as in every source."""
    vault.write(client_secret=f"s3cret{end}")

    assert (
        "s3cret"
        == connect(vault).fetch(["client_secret"], timeout=5).fields["client_secret"].reveal()
    )


@pytest.mark.parametrize("value", ["", " ", "\n"])
def test_fault_181_empty(vault, connect, value):
    """Nothing but white space is empty."""
    vault.write(client_secret=value)
    error = failure(connect(vault))

    assert ("secret.empty", False) == (error.code, error.retryable)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        pytest.param("canary\n\n", "white space", id="182-two-line-ends"),
        pytest.param("canary ", "white space", id="182-trailing"),
        pytest.param(" canary", "white space", id="182-leading"),
        pytest.param('"canary"', "quotes", id="182-quotes"),
        pytest.param("\ufeffcanary", "byte order mark", id="182-bom"),
        pytest.param("can\nary", "control character", id="183-two-lines"),
        pytest.param("can\0ary", "control character", id="183-nul"),
        pytest.param("canary\ud800", "UTF-8", id="183-lone-surrogate"),
        pytest.param("canary" * 11_000, "longer", id="183-too-long"),
        pytest.param(7, "not text", id="184-number"),
        pytest.param(True, "not text", id="184-boolean"),
        pytest.param(["canary"], "not text", id="184-list"),
        pytest.param({"value": "canary"}, "not text", id="184-object"),
    ],
)
def test_fault_182_183_184_accidents(vault, connect, value, hint):
    """What looks like an accident is refused by the key's name, and not mended."""
    vault.write(client_secret=value)
    error = failure(connect(vault))

    assert ("secret.invalid", False) == (error.code, error.retryable)
    assert "'client_secret'" in f"{error}"
    assert hint in f"{error}"


def test_fault_184_a_key_that_is_null(vault, connect):
    """Null is as good as absent, as in every source."""
    vault.write(client_secret=None)

    assert "secret.missing" == failure(connect(vault)).code


def test_fault_184_a_key_that_is_missing(vault, connect):
    """A record without the key is told by the key, not by what else it holds."""
    error = failure(connect(vault, fields={"client_secret": "password"}))

    assert "secret.missing" == error.code
    assert "'password'" in f"{error}"


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b'{"data": {"data": {"client_secret": "canary", "client_secret": "canary2"}, "metadata": {"version": 1}}}', id="184-duplicate-member"),
        pytest.param(b"<html>canary</html>", id="html"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="array"),
        pytest.param(b'{"data": "canary"}', id="text-for-an-object"),
        pytest.param(b'{"data": {"data": {"client_secret": "canary"}}}', id="no-metadata"),
        pytest.param(b"[" * 100_000, id="deep"),
    ],
)  # fmt: skip
def test_fault_184_answers_that_are_none(vault, connect, raw):
    """An answer that is not a Vault's is invalid."""
    vault.script, vault.scripted_paths = [Reply(200, raw=raw)], "/data/"

    assert "secret.invalid" == failure(connect(vault)).code


def test_an_endless_answer_is_cut_short(vault, connect):
    """More than a secret can be is not read to its end."""
    vault.script = [Reply(200, raw=b" " * (1024 * 1024 + 1))]
    error = failure(connect(vault))

    assert ("secret.unavailable", False) == (error.code, error.retryable)


@pytest.mark.parametrize(
    ("prepare", "code", "reported"),
    [
        pytest.param(lambda vault: vault.delete(1), "secret.deleted", "deleted", id="191-soft-deleted"),
        pytest.param(lambda vault: vault.delete(1, destroy=True), "secret.deleted", "destroyed", id="191-destroyed"),
        pytest.param(lambda vault: vault.versions.clear(), "secret.missing", "nothing is there", id="191-missing"),
    ],
)  # fmt: skip
def test_fault_191_absence_has_three_faces(vault, connect, prepare, code, reported):
    """Deleted, destroyed and never there are told apart."""
    prepare(vault)
    error = failure(connect(vault))

    assert (code, False) == (error.code, error.retryable)
    assert reported in f"{error}"


def test_a_pinned_version_is_not_moved(vault, connect):
    """A version that was chosen stays, no matter what is written after it."""
    vault.write(client_secret="canary-v2")
    vault.write(client_secret="canary-v3")
    fetched = connect(vault, version=2).fetch(["client_secret"], timeout=5)

    assert Secret("canary-v2") == fetched.fields["client_secret"]
    assert "secret.missing" == failure(connect(vault, version=9)).code


def test_rotation_is_seen_by_the_next_fetch(vault, connect):
    """A new version is another version; the same one is not."""
    source = connect(vault)
    versions = [source.fetch(["client_secret"], timeout=5).version for _ in range(2)]
    vault.write(client_secret="canary-v2")
    after = source.fetch(["client_secret"], timeout=5)

    assert versions[0] == versions[1] != after.version
    assert Secret("canary-v2") == after.fields["client_secret"]


def test_a_record_made_anew_has_another_version(vault, connect):
    """Numbers begin at 1 again, once a record was removed with all its versions."""
    source = connect(vault)
    before = source.fetch(["client_secret"], timeout=5)
    vault.versions.clear()
    vault.write(client_secret="canary-other")

    assert before.version != source.fetch(["client_secret"], timeout=5).version


def test_fault_200_one_record_one_version(vault, connect):
    """Id and secret come in one answer, so a change between two requests cannot mix them."""
    source = connect(vault)
    source.fetch(BOTH, timeout=5)
    asked = len(vault.asked)
    for number in range(2, 6):
        vault.write(client_id=f"id-{number}", client_secret=f"canary-{number}")
        fields = source.fetch(BOTH, timeout=5).fields

        assert fields["client_id"].reveal()[-1] == fields["client_secret"].reveal()[-1]
    assert 4 == len(vault.asked) - asked


@pytest.mark.parametrize(
    ("versions", "expected"),
    [(1, None), (2, "canary-v1"), (4, "canary-v3")],
)
def test_overlap_brings_the_version_before(vault, connect, versions, expected):
    """While a rotation is under way, the version before the newest comes with it."""
    for number in range(2, versions + 1):
        vault.write(client_secret=f"canary-v{number}")
    fetched = connect(vault, overlap="previous").fetch(["client_secret"], timeout=5)
    before = fetched.fallback and fetched.fallback.fields["client_secret"].reveal()

    assert f"canary-v{versions}" == fetched.fields["client_secret"].reveal()
    assert expected == before


def test_overlap_does_without_what_is_gone(vault, connect):
    """A version before that was deleted is no reason to fail."""
    vault.write(client_secret="canary-v2")
    vault.delete(1)
    fetched = connect(vault, overlap="previous").fetch(["client_secret"], timeout=5)

    assert Secret("canary-v2") == fetched.fields["client_secret"]
    assert fetched.fallback is None


def test_a_version_that_will_be_deleted(vault, connect):
    """A version with a time of deletion to come counts until then."""
    vault.versions["secret", "app"][0]["deletion_time"] = "2126-01-02T03:04:05.678901234Z"

    now = datetime(2126, 1, 2, 3, 4, 5, 678901, tzinfo=UTC).timestamp()
    assert now == connect(vault).fetch(["client_secret"], timeout=5).expires_at


@pytest.mark.parametrize("text", ["soon", "0001-01-01T00:00:00", 7])
def test_a_time_nobody_can_read(vault, connect, text):
    """A time of deletion in another form sets no end."""
    vault.versions["secret", "app"][0]["deletion_time"] = text

    assert connect(vault).fetch(["client_secret"], timeout=5).expires_at is None


@pytest.mark.parametrize(
    ("mount", "plain", "seconds"),
    [
        pytest.param("kv1", {}, None, id="194-no-lease"),
        pytest.param("database", {"lease": 3600, "lease_id": "database/creds/app/x"}, 3600, id="194-on-demand"),
        pytest.param("database", {"ttl": 17}, 17, id="194-rotated-by-vault"),
        pytest.param("database", {"ttl": 0}, 0, id="194-rotated-right-now"),
        pytest.param("database", {"lease": 30, "lease_id": "database/creds/app/x", "ttl": "17"}, 17, id="194-the-shorter-counts"),
        pytest.param("database", {"lease": -1, "ttl": True}, None, id="194-no-lengths-of-time"),
        pytest.param("database", {"lease": 10**390, "lease_id": "database/creds/app/x"}, float("inf"), id="194-for-ever"),
    ],
)  # fmt: skip
def test_fault_194_a_lease_is_a_ceiling(vault, connect, mount, plain, seconds):
    """What has a lease or a `ttl` must be fetched again when that ends."""
    vault.write_plain(mount=mount, client_secret="canary", **plain)
    before = time.time()
    fetched = connect(vault, mount=mount).fetch(["client_secret"], timeout=5)

    assert Secret("canary") == fetched.fields["client_secret"]
    if seconds is None:
        assert fetched.expires_at is None
    else:
        assert before + seconds <= fetched.expires_at <= time.time() + seconds


@pytest.mark.parametrize(
    ("plain", "seconds"),
    [
        pytest.param({"lease": 30, "ttl": "30s"}, 30, id="442-ttl"),
        pytest.param({"lease": 2764800}, 2764800, id="442-default"),
        pytest.param({"lease": 60, "ttl": 20}, 20, id="442-the-shorter-counts"),
    ],
)
def test_fault_442_the_ttl_of_kv1_is_a_hint(vault, connect, plain, seconds):
    """442: kv version 1 says when to look again; the record has no end."""
    vault.write_plain(client_secret="canary", **plain)
    before = time.time()
    fetched = connect(vault, mount="kv1").fetch(["client_secret"], timeout=5)

    assert fetched.expires_at is None
    assert before + seconds <= fetched.refresh_at <= time.time() + seconds


def test_fault_194_warnings_are_no_failure(vault, connect):
    """A warning beside the record changes nothing."""
    vault.write_plain(client_secret="canary")
    vault.plain["kv1", "app"]["warnings"] = ["canary"]

    assert connect(vault, mount="kv1").fetch(["client_secret"], timeout=5).expires_at is None


@pytest.mark.parametrize("path", ["/data/", "/mounts/"])
def test_fault_194_wrapped_answers_are_refused(vault, connect, path):
    """A wrapped answer is not unwrapped."""
    wrapping = {
        "token": "hvs.canary",
        "accessor": "a",
        "ttl": 60,
        "creation_path": "secret/data/app",
    }
    vault.script, vault.scripted_paths = [Reply(200, envelope(wrap_info=wrapping))], path
    error = failure(connect(vault))

    assert "secret.invalid" == error.code
    assert "wrapped" in f"{error}"


def test_versions_without_numbers(vault, connect):
    """Equal records of a mount without versions have equal versions, others do not."""
    source, seen = connect(vault, mount="kv1"), []
    for value in ("one", "one", "two"):
        vault.write_plain(client_secret=value)
        seen.append(source.fetch(["client_secret"], timeout=5).version)

    assert seen[0] == seen[1] != seen[2]
    assert "one" not in seen[0]


def test_the_kind_of_a_mount_is_asked_for_once(vault, connect):
    """Once a record was read, its mount is known."""
    source = connect(vault)
    for _ in range(3):
        source.fetch(["client_secret"], timeout=5)

    assert 1 == vault.count("/mounts/secret/app")


def test_a_mount_that_was_upgraded(vault, connect):
    """A mount may get versions; the fetch after the one that failed knows."""
    vault.write_plain(client_secret="canary-v1")
    source = connect(vault, mount="kv1")
    source.fetch(["client_secret"], timeout=5)
    vault.mounts["kv1"] = ("kv", {"version": "2"})
    vault.write(mount="kv1", client_secret="canary-v2")
    error = failure(source)

    assert "secret.invalid" == error.code
    assert "kv version 2" in f"{error}"
    assert Secret("canary-v2") == source.fetch(["client_secret"], timeout=5).fields["client_secret"]


def test_a_mount_inside_a_path(vault, connect):
    """A mount may have slashes; one that is only part of the true mount is told."""
    vault.write("app", mount="team/kv", client_secret="canary")

    assert (
        Secret("canary")
        == connect(vault, mount="team/kv")
        .fetch(["client_secret"], timeout=5)
        .fields["client_secret"]
    )
    error = failure(connect(vault, mount="secret/app", path="x"))
    assert ("secret.invalid", True) == (error.code, "`mount`" in error.hint)


def test_a_namespace_in_front_of_the_mount(vault, connect):
    """In a namespace, Vault may tell the mount with the namespace's name before it."""
    data = {"options": {"version": "2"}, "path": "ns1/secret/", "type": "kv"}
    vault.script, vault.scripted_paths = [Reply(200, envelope(data=data))], "/mounts/"

    assert (
        Secret("canary-v1")
        == connect(vault, namespace="ns1")
        .fetch(["client_secret"], timeout=5)
        .fields["client_secret"]
    )


@pytest.mark.parametrize("options", [{"version": 1}, {"overlap": "previous"}])
def test_versions_are_not_everywhere(vault, connect, options):
    """A pinned version or an overlap on a mount without versions is told, and not left aside."""
    vault.write_plain(client_secret="canary")
    error = failure(connect(vault, mount="kv1", **options))

    assert "secret.invalid" == error.code
    assert "no versions" in f"{error}"


def test_an_engine_with_nothing_to_read(vault, connect):
    """An engine of the wrong kind is told by status, and by what is known of Vault's words."""
    error = failure(connect(vault, mount="transit"))

    assert "secret.invalid" == error.code
    assert "status 405 (unsupported operation)" in f"{error}"


def test_a_vault_without_the_probe(vault, connect):
    """Where the kind of a mount cannot be asked for, it has no versions."""
    vault.write_plain(client_secret="canary")
    vault.script, vault.scripted_paths = [refusal(404)], "/mounts/"

    assert (
        Secret("canary")
        == connect(vault, mount="kv1").fetch(["client_secret"], timeout=5).fields["client_secret"]
    )


@pytest.mark.parametrize("number", [True, 0, -1])
def test_numbers_that_are_no_versions(vault, connect, number):
    """A number below 1 has nothing before it."""
    data = {"data": {"client_secret": "canary"}, "metadata": {"version": number}}
    vault.script, vault.scripted_paths = [Reply(200, envelope(data=data))], "/data/"

    assert connect(vault, overlap="previous").fetch(["client_secret"], timeout=5).fallback is None
    assert 1 == vault.count("/data/app")


def test_words_that_are_not_known_are_not_told(vault, connect):
    """What Vault says beyond its known words stays out of the message: it may echo anything."""
    vault.script, vault.scripted_paths = (
        [refusal(404, "canary no handler for route 'canary'")],
        "/data/",
    )

    assert "(no handler for route)" in f"{failure(connect(vault))}"
