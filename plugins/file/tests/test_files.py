"""What stands in the folder, and what of it is believed: faults 131 to 141, 146, 154 and 156."""

from __future__ import annotations

import json
import os
import pickle
import stat
import threading
import time
from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credicorp_auth.errors import CacheUnavailable
from credicorp_auth_file.record import Record, Unreadable, read_record

KEY = "0123456789abcdef" * 4
OTHER_KEY = "f" * 64


def record_of(**members):
    """Build the content of a file."""
    now = time.time()
    record = {
        "credicorp_auth_file": 1,
        "key": KEY,
        "number": 7,
        "written": now,
        "ends": now + 3600,
        "entry": b64encode(b"entry").decode(),
    }
    return json.dumps(record | members).encode()


def plant(hands, content):
    """Put a file in the place of the record, as somebody of our own user could."""
    cache = hands.kept()
    hands.record.write_bytes(content)
    return cache


def write_at(hands, key, *, ends):
    """Put an entry of another time into the folder."""
    hands.put(hands.place / f"{key}.json", record_of(key=key, written=ends - 60, ends=ends))


@pytest.fixture(params=[0o000, 0o002, 0o077])
def umask(request):
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_fault_131_files_are_ours_alone_whatever_the_umask(tmp_path, hands):
    """Absent is a miss; what is made then is 0700 and 0600, the folders above included."""
    hands.place = tmp_path / "a" / "b" / "tokens"
    cache = hands.cache()
    nothing = (
        cache.read(KEY, timeout=5),
        cache.discard(KEY, timeout=5),
        cache.entries(timeout=5),
        cache.clear(timeout=5),
    )
    made_by_reading = (tmp_path / "a").exists()
    lease = cache.lease(KEY, seconds=60, timeout=5)
    cache.write(KEY, b"x", lifetime=60, number=lease.number, timeout=5)

    assert (None, False, [], 0) == nothing
    assert not made_by_reading
    assert [f"{KEY}.json", f"{KEY}.lease", "lock"] == hands.names()
    assert {0o600} == {each.stat().st_mode & 0o7777 for each in hands.place.iterdir()}
    folders = (hands.place, tmp_path / "a" / "b", tmp_path / "a")
    assert {0o700} == {each.stat().st_mode & 0o7777 for each in folders}


def test_fault_131_a_folder_that_goes_away_is_made_anew(hands):
    """Where somebody removed the folder, the next entry makes it again."""
    cache = hands.kept()
    for each in hands.place.iterdir():
        each.unlink()
    hands.place.rmdir()
    gone = cache.read(KEY, timeout=5)
    cache.write(KEY, b"again", lifetime=60, timeout=5)

    assert (None, b"again") == (gone, cache.read(KEY, timeout=5))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="132-empty"),
        pytest.param(record_of()[:-1], id="132-cut short"),
        pytest.param(record_of()[: len(record_of()) // 2], id="132-torn"),
        pytest.param(os.urandom(500), id="132-random"),
        pytest.param(b"\xff\xfe{}", id="132-not utf-8"),
        pytest.param(b"x" * (2 * 1024 * 1024), id="132-2 MiB"),
        pytest.param(b"[" * 200_000, id="132-deep"),
        pytest.param(b"[1]", id="132-a list"),
        pytest.param(b"null", id="132-null"),
        pytest.param(b"{}", id="132-no members"),
        pytest.param(record_of(credicorp_auth_file=0), id="133-an older schema"),
        pytest.param(record_of(credicorp_auth_file=1001), id="133-a schema beyond bounds"),
        pytest.param(record_of(credicorp_auth_file="1"), id="132-schema as text"),
        pytest.param(record_of(credicorp_auth_file=True), id="132-schema is true"),
        pytest.param(record_of(key=7), id="132-key is a number"),
        pytest.param(record_of(entry=None), id="132-no entry"),
        pytest.param(record_of(entry="a"), id="132-not base64"),
        pytest.param(record_of(entry="a=b!"), id="132-not base64 either"),
        pytest.param(record_of(entry="ü"), id="132-not even ascii"),
        pytest.param(record_of(number=-1), id="132-negative number"),
        pytest.param(record_of(number=1.5), id="132-fraction of a number"),
        pytest.param(record_of(number=2**63), id="132-endless number"),
        pytest.param(record_of(ends="9"), id="132-end as text"),
        pytest.param(record_of(ends=float("nan")), id="132-end is nan"),
        pytest.param(record_of(ends=float("inf")), id="132-end is infinite"),
        pytest.param(record_of(ends=True), id="132-end is true"),
        pytest.param(record_of(written=-1), id="132-written before time"),
        pytest.param(record_of(ends=10**400), id="132-end beyond floats"),
        pytest.param(b'{"credicorp_auth_file":' + b"9" * 5000 + b"}", id="132-5,000 digits"),
        pytest.param(record_of(key=OTHER_KEY), id="134-for another key"),
        pytest.param(record_of(key="\ud800"), id="134-for no key"),
    ],
)
def test_what_is_no_record_is_a_miss(hands, content):
    """It is told, not believed, and the next entry takes its place."""
    cache = plant(hands, content)
    with pytest.raises(CacheUnavailable) as caught:
        cache.read(KEY, timeout=5)
    dropped = cache.discard(KEY, timeout=5)
    listed = cache.entries(timeout=5)
    cache.write(KEY, b"new", lifetime=60, number=1, timeout=5)

    assert ("cache.corrupt", False, []) == (caught.value.code, dropped, listed)
    assert b"new" == cache.read(KEY, timeout=5)


def test_fault_133_a_newer_schema_is_a_miss_that_stays(hands):
    """What a later version wrote is left to it, and anyone who wants to write is told."""
    content = record_of(credicorp_auth_file=2, ends=1)
    cache = plant(hands, content)
    missed = (cache.read(KEY, timeout=5), cache.discard(KEY, timeout=5), cache.entries(timeout=5))
    with pytest.raises(CacheUnavailable) as caught:
        cache.write(KEY, b"old", lifetime=60, number=99, timeout=5)
    for number in range(20):
        cache.write(f"{number}", b"x", lifetime=60, timeout=5)

    assert ("cache.newer_schema", (None, False, [])) == (caught.value.code, missed)
    assert content == hands.record.read_bytes()
    assert [] == hands.left()


def test_fault_134_a_copy_under_another_name_is_no_entry(hands):
    """The key is bound inside the record."""
    cache = hands.kept()
    (hands.place / f"{OTHER_KEY}.json").write_bytes(hands.record.read_bytes())
    (hands.place / f"{OTHER_KEY}.json").chmod(0o600)
    with pytest.raises(CacheUnavailable) as caught:
        cache.read(OTHER_KEY, timeout=5)

    assert "cache.corrupt" == caught.value.code


class Payload:
    """What runs when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("/tmp/unpickled-canary",)


def test_fault_136_nothing_is_unpickled(hands):
    """A pickle in a file is no record, and does not run."""
    cache = plant(hands, pickle.dumps(Payload()))
    with pytest.raises(CacheUnavailable):
        cache.read(KEY, timeout=5)

    assert not Path("/tmp/unpickled-canary").exists()


@pytest.mark.parametrize("mode", [0o644, 0o666, 0o640, 0o601, 0o700 | 0o020])
def test_fault_137_a_file_that_others_can_use_is_refused(hands, mode):
    """It is neither read, dropped nor replaced, until somebody clears the cache."""
    cache = hands.kept()
    hands.record.chmod(mode)
    before = hands.record.read_bytes()
    for call in (
        lambda: cache.read(KEY, timeout=5),
        lambda: cache.write(KEY, b"new", lifetime=60, timeout=5),
        lambda: cache.discard(KEY, timeout=5),
    ):
        with pytest.raises(CacheUnavailable, match=f"{KEY}.json has mode {mode:04o}") as caught:
            call()
        assert "cache.permissions" == caught.value.code

    assert (before, [], []) == (hands.record.read_bytes(), hands.left(), cache.entries(timeout=5))
    assert 1 == cache.clear(timeout=5)
    cache.write(KEY, b"new", lifetime=60, timeout=5)
    assert b"new" == cache.read(KEY, timeout=5)


@pytest.mark.parametrize("mode", [0o777, 0o720, 0o702, 0o1777])
def test_fault_137_a_folder_that_others_can_write_to_is_refused(hands, mode):
    """Nothing is read from it and nothing put into it."""
    cache = hands.kept()
    hands.place.chmod(mode)
    before = hands.names()
    for call in (
        lambda: cache.read(KEY, timeout=5),
        lambda: cache.write(KEY, b"new", lifetime=60, timeout=5),
        lambda: cache.discard(KEY, timeout=5),
        lambda: cache.lease(KEY, seconds=60, timeout=5),
        lambda: cache.entries(timeout=5),
        lambda: cache.clear(timeout=5),
    ):
        with pytest.raises(CacheUnavailable, match=f"tokens has mode {mode:04o}") as caught:
            call()
        assert "cache.permissions" == caught.value.code

    assert before == hands.names()


def test_a_folder_that_others_may_look_into_will_do(hands):
    """Its files are ours alone, and their names say nothing."""
    cache = hands.kept()
    hands.place.chmod(0o755)

    assert b"kept" == cache.read(KEY, timeout=5)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away, and CI is root")
def test_fault_138_a_folder_of_somebody_else_is_refused(hands):
    """Another user's folder is no place for tokens."""
    cache = hands.kept()
    os.chown(hands.place, 12345, 12345)
    for call in (
        lambda: cache.read(KEY, timeout=5),
        lambda: cache.lease(KEY, seconds=60, timeout=5),
    ):
        with pytest.raises(CacheUnavailable, match="belongs to user 12345") as caught:
            call()
        assert "cache.permissions" == caught.value.code


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away, and CI is root")
def test_fault_138_a_file_of_somebody_else_is_refused(hands):
    """Another user's file is not believed."""
    cache = hands.kept()
    os.chown(hands.record, 12345, 12345)
    with pytest.raises(CacheUnavailable, match="belongs to user 12345") as caught:
        cache.read(KEY, timeout=5)

    assert "cache.permissions" == caught.value.code


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away, and CI is root")
def test_fault_153_no_folder_is_made_in_somebody_else_s_home(tmp_path, hands):
    """Root with the home of a user leaves nothing of its own there."""
    os.chown(tmp_path, 12345, 12345)
    for call in (
        lambda: hands.cache().write(KEY, b"x", lifetime=60, timeout=5),
        lambda: hands.cache().lease(KEY, seconds=60, timeout=5),
    ):
        with pytest.raises(CacheUnavailable, match="belongs to user 12345") as caught:
            call()
        assert "cache.permissions" == caught.value.code

    assert [] == os.listdir(tmp_path)


@pytest.mark.parametrize("kind", ["symlink", "hard link", "dangling"])
def test_fault_139_a_link_at_the_record_is_refused(hands, victim, kind):
    """It is not followed for reading, nor for writing, and the file behind it stays as it is."""
    cache = hands.kept()
    hands.record.unlink()
    if kind == "hard link":
        os.link(victim, hands.record)
    else:
        hands.record.symlink_to(victim if kind == "symlink" else "/tmp/dangling-canary")
    for call in (
        lambda: cache.read(KEY, timeout=5),
        lambda: cache.write(KEY, b"new", lifetime=60, timeout=5),
        lambda: cache.discard(KEY, timeout=5),
    ):
        with pytest.raises(CacheUnavailable) as caught:
            call()
        assert "cache.permissions" == caught.value.code

    assert [] == hands.left()
    assert not os.path.lexists("/tmp/dangling-canary")
    assert 1 == cache.clear(timeout=5)
    os.utime(victim, (1_000_000, 1_000_000))


@pytest.mark.parametrize("kind", ["fifo", "device", "socket", "folder"])
def test_fault_139_what_is_no_file_is_refused(hands, kind):
    """Nor is anything else believed, or waited for."""
    cache = hands.kept()
    hands.record.unlink()
    plant_at(hands.record, kind)
    with pytest.raises(CacheUnavailable) as caught:
        cache.read(KEY, timeout=5)

    assert "cache.permissions" == caught.value.code


def plant_at(path, kind):
    """Make something that is no file."""
    if kind == "fifo":
        os.mkfifo(path, 0o600)
    elif kind == "folder":
        path.mkdir(0o700)
    elif kind == "socket":
        os.mknod(path, stat.S_IFSOCK | 0o600)
    else:
        if os.geteuid() != 0:
            pytest.skip("only root can make devices, and CI is root")
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))


@pytest.mark.parametrize("kind", ["symlink", "hard link"])
def test_fault_139_a_link_at_the_temporary_name_is_not_followed(hands, victim, kind):
    """It is removed, and nothing is written through it; so is a file that a killed process left."""
    cache = hands.kept()
    link = hands.new.symlink_to if kind == "symlink" else hands.new.hardlink_to
    link(victim)
    cache.write(KEY, b"new", lifetime=60, timeout=5)

    assert b"new" == cache.read(KEY, timeout=5)
    assert [f"{KEY}.json", "lock"] == hands.names()
    os.utime(victim, (1_000_000, 1_000_000))


def test_fault_139_the_folder_may_not_be_a_link(tmp_path, hands):
    """Not even one of our own, since anyone who may change it chooses where tokens go."""
    (tmp_path / "elsewhere").mkdir(0o700)
    hands.place.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CacheUnavailable) as caught:
        hands.cache().write(KEY, b"x", lifetime=60, timeout=5)

    assert "cache.permissions" == caught.value.code
    assert [] == os.listdir(tmp_path / "elsewhere")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give links away, and CI is root")
def test_fault_139_a_link_of_somebody_else_on_the_way_is_not_followed(tmp_path, hands):
    """One that was planted in a folder above leads nowhere; one of our own is a way like any."""
    (tmp_path / "elsewhere").mkdir(0o700)
    (tmp_path / "way").symlink_to(tmp_path / "elsewhere")
    hands.place = tmp_path / "way" / "tokens"
    hands.kept()
    os.chown(tmp_path / "way", 12345, 12345, follow_symlinks=False)
    with pytest.raises(CacheUnavailable, match="symbolic link of user 12345") as caught:
        hands.cache().read(KEY, timeout=5)

    assert "cache.permissions" == caught.value.code


@pytest.mark.slow
def test_fault_141_a_race_for_the_record_never_reaches_the_target(hands, victim):
    """While a record is swapped for a link over and over, writers never write through it."""
    cache = hands.kept()
    swapped = hands.place / "swapped"
    done = threading.Event()

    def swap():
        while not done.is_set():
            swapped.symlink_to(victim)
            swapped.rename(hands.record)

    swapper = threading.Thread(target=swap)
    swapper.start()
    refused = 0
    for _ in range(2_000):
        try:
            cache.write(KEY, b"new", lifetime=60, timeout=5)
            assert cache.read(KEY, timeout=5) == b"new"
        except CacheUnavailable as trouble:
            assert "cache.permissions" == trouble.code
            refused += 1
    done.set()
    swapper.join()

    assert 0 < refused


@pytest.mark.parametrize(
    "remains",
    [
        pytest.param(lambda content: b"", id="146-a name without content"),
        pytest.param(lambda content: bytes(len(content)), id="146-blocks of zeros"),
        pytest.param(lambda content: content[:-100] + bytes(100), id="146-a part"),
    ],
)
def test_what_a_power_cut_leaves_of_an_entry_is_a_miss(hands, remains):
    """Nothing is synced to the disk, so what is left of a new entry may be any of it: one mint."""
    cache = hands.kept()
    hands.record.write_bytes(remains(hands.record.read_bytes()))
    with pytest.raises(CacheUnavailable) as caught:
        cache.read(KEY, timeout=5)
    cache.write(KEY, b"new", lifetime=60, number=1, timeout=5)

    assert ("cache.corrupt", b"new") == (caught.value.code, cache.read(KEY, timeout=5))


@pytest.mark.parametrize("size", [0, 1, 8_191, 8_192, 8_193, 65_536, 256 * 1024])
def test_entries_of_many_sizes_come_back(hands, size):
    """An entry is written whole and read whole, however long it is."""
    entry = os.urandom(size)

    assert entry == hands.kept(entry).read(KEY, timeout=5)


def test_fault_154_an_editor_s_leavings_are_no_entries(hands):
    """Copies that editors and backups make are neither listed nor read, and hold no secret key."""
    cache = hands.kept()
    for name in (f"{KEY}.json~", f".{KEY}.json.swp", "core", "notes.json"):
        (hands.place / name).write_bytes(record_of(key=OTHER_KEY))
    listed = [each.key for each in cache.entries(timeout=5)]
    dropped = cache.clear(timeout=5)

    assert ([KEY], 1) == (listed, dropped)
    assert 4 == len([each for each in hands.names() if each != "lock"])


def test_fault_156_one_entry_is_dropped_and_the_others_stay(hands):
    """Dropping one entry removes its file and touches no other; clearing removes all."""
    cache = hands.kept()
    cache.write(OTHER_KEY, b"other", lifetime=60, timeout=5)
    dropped = cache.discard(KEY, timeout=5)

    assert (True, False, b"other") == (
        dropped,
        hands.record.exists(),
        cache.read(OTHER_KEY, timeout=5),
    )
    hands.new.write_bytes(b"half a token")
    hands.lease.symlink_to("/tmp")
    assert 1 == cache.clear(timeout=5)
    assert ["lock"] == hands.names()


def test_entries_that_have_ended_are_removed_by_writing(hands):
    """A folder full of ended and damaged entries and of forgotten leases is empty before long."""
    cache = hands.kept()
    for number in range(30):
        write_at(hands, f"{number:064}", ends=time.time() - 3600)
        hands.put(hands.place / f"{number:064}.lease", b"{}")
        os.utime(hands.place / f"{number:064}.lease", (0, 0))
    held = cache.lease(KEY, seconds=60, timeout=5)
    hands.put(hands.place / f"{OTHER_KEY}.json", b"damaged")
    hands.put(hands.place / "foreign", b"x")
    for _ in range(200):
        cache.write("living", b"x", lifetime=60, timeout=5)
    left = [name for name in hands.names() if not name.endswith(".json")]

    assert [KEY, "living"] == [each.key for each in cache.entries(timeout=5)]
    assert [f"{KEY}.lease", "foreign", "lock"] == left
    assert held.renew(timeout=5)
    assert 2 == len([name for name in hands.names() if name.endswith(".json")])


def test_cleaning_up_is_bounded_and_leaves_what_is_not_private(hands):
    """One write looks at a few files, however many there are; one that others can use stays."""
    cache = hands.kept()
    for number in range(200):
        write_at(hands, f"{number:064}", ends=time.time() - 3600)
    cache.write(KEY, b"x", lifetime=60, timeout=5)
    after_one = len(hands.names())
    for path in hands.place.iterdir():
        path.chmod(0o644 if path.suffix == ".json" and path != hands.record else 0o600)
    for _ in range(20):
        cache.write(KEY, b"x", lifetime=60, timeout=5)

    assert 202 - 4 == after_one == len(hands.names())


def test_what_would_not_be_read_back_is_not_written(hands):
    """An entry beyond all bounds is refused, and the one of before stays."""
    cache = hands.kept()
    with pytest.raises(CacheUnavailable, match="longer"):
        cache.write(KEY, b"x" * 400 * 1024, lifetime=60, timeout=5)

    assert b"kept" == cache.read(KEY, timeout=5)


def test_a_life_without_end_ends(hands):
    """No matter what lifetime is given, what is written is read back."""
    cache = hands.cache()
    cache.write(KEY, b"x", lifetime=float("inf"), timeout=5)

    assert b"x" == cache.read(KEY, timeout=5)


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.integers(), max_size=2),
)


@given(st.dictionaries(st.sampled_from(sorted(json.loads(record_of()))), JUNK, max_size=6))
def test_fault_132_whatever_the_members_hold_nothing_is_raised(members):
    """Members of any kind make a record, or the word for why it is none."""
    read = read_record(record_of(**members), KEY)

    assert isinstance(read, Record | Unreadable)


@given(st.binary(max_size=200))
def test_fault_132_whatever_the_bytes_are_nothing_is_raised(content):
    """Any bytes at all are corrupt."""
    assert read_record(content, KEY) is Unreadable.CORRUPT
