"""What may be set: faults 152 and 153."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from credicorp_auth.errors import InvalidSetting
from credicorp_auth.http.secret import Secret
from credicorp_auth.plugin.api.options import AdapterOptions
from credicorp_auth_file import CacheOptions, FileCache


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/tmp/../etc", id="152-dots"),
        pytest.param("/tmp/..", id="152-dots at the end"),
        pytest.param("~/../other", id="152-dots behind the home"),
        pytest.param("/tmp/a\0b", id="152-nul"),
        pytest.param("/tmp/a\nb", id="152-newline"),
        pytest.param("/tmp/a\x1bb", id="152-escape"),
        pytest.param("/tmp/\udcff", id="152-undecodable"),
        pytest.param("~root/x", id="152-another user"),
        pytest.param("~", id="152-the home itself"),
        pytest.param("/tmp/" + "x" * 300, id="152-a name of 300"),
        pytest.param("/tmp/" + "ü" * 128, id="152-a name of 256 bytes"),
        pytest.param("/" + "x/" * 2000, id="152-a path of 4,000"),
        pytest.param("relative/path", id="152-relative"),
        pytest.param("", id="152-empty"),
        pytest.param("/", id="153-the root"),
        pytest.param("///", id="153-the root, longer"),
        pytest.param("/.", id="153-the root, again"),
    ],
)
def test_paths_that_are_refused(path):
    """A path that may surprise is refused when it is set, by a code of its own."""
    options = AdapterOptions({"directory": path}, setting="cache_options")
    with pytest.raises(InvalidSetting, match="directory") as caught:
        options.read(CacheOptions)

    assert "config.cache_path" == caught.value.code


@pytest.mark.parametrize("number", [7, 1.5, ["/tmp"]])
def test_what_is_no_path(number):
    """What is not even a path is refused too."""
    options = AdapterOptions({"directory": number}, setting="cache_options")
    with pytest.raises(InvalidSetting, match="cache_options"):
        options.read(CacheOptions)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/var/cache/x", "/var/cache/x"),
        ("//var//cache/./x/", "/var/cache/x"),
        (Path("/var/cache/x"), "/var/cache/x"),
        ("/var/" + "ü" * 127, "/var/" + "ü" * 127),
        ("/var/with space", "/var/with space"),
        (b"/var/cache/x", "/var/cache/x"),
    ],
)
def test_paths_that_are_taken(path, expected):
    """An absolute path of plain names is taken, however it is written."""
    assert expected == CacheOptions(directory=path).directory


def test_the_home_may_be_left_to_the_system(monkeypatch):
    """A path that starts with ~/ is below the home of this user."""
    monkeypatch.setenv("HOME", "/home/somebody")

    assert "/home/somebody/tokens" == CacheOptions(directory="~/tokens").directory


def test_fault_153_the_default_is_in_the_user_s_own_folder(monkeypatch):
    """With and without HOME, it is the cache folder of this user, not a place below the root."""
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/somebody")
    with_home = CacheOptions().directory
    monkeypatch.delenv("HOME")
    without_home = CacheOptions().directory

    assert "/home/somebody/.cache/credicorp-auth" == with_home
    assert pwd.getpwuid(os.geteuid()).pw_dir + "/.cache/credicorp-auth" == without_home


@pytest.mark.parametrize("key", [None, "cache_key", "k", "a" * 64, Secret("the key itself")])
def test_the_sealing_key_is_handed_over(key):
    """The name of a field, or a key, is passed on in the capabilities."""
    options = AdapterOptions({"encryption_key": key, "directory": "/x"}, setting="cache_options")

    assert key == FileCache(options.read(CacheOptions)).capabilities.encryption_key


@pytest.mark.parametrize(
    "key", ["", "Cache_Key", "9key", "a" * 65, "cache-key", "a b", "c2VjcmV0LWNhbmFyeQ==", b"x", 7]
)
def test_a_sealing_key_that_is_no_name(key):
    """What is no name may be a key, so it is refused without being quoted."""
    with pytest.raises(InvalidSetting, match="encryption_key") as caught:
        CacheOptions(encryption_key=key)

    assert "c2VjcmV0" not in f"{caught.value}"
