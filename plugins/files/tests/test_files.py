"""What may be in the directory: links, swaps, and files that hold no credential."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from credicorp_auth import CredicorpAuth
from credicorp_auth.errors import InvalidSetting, MissingSetting, SecretUnavailable
from credicorp_auth.plugin.api import SecretSource, SecretSourceCapabilities
from credicorp_auth.plugin.api.options import AdapterOptions
from credicorp_auth_files import FilesSecretSource, SourceOptions
from credicorp_auth_files.plugin import credicorp_secret_source

NAMES = ["client_id", "client_secret"]


def revealed(fetched):
    return {name: value.reveal() for name, value in fetched.fields.items()}


def fault_of(source, names=NAMES):
    with pytest.raises(SecretUnavailable) as caught:
        source.fetch(names, timeout=5)
    assert "canary" not in f"{caught.value}{caught.value.hint}"
    return caught.value


def test_fields_are_files(volume, open_source):
    """Id and secret are in files of their names; the provenance names the directory as it was set."""
    volume.write(client_id="app", client_secret="canary-v1\n")
    fetched = open_source(volume.directory).fetch(NAMES, timeout=5)

    assert {"client_id": "app", "client_secret": "canary-v1"} == revealed(fetched)
    assert f"directory {str(volume.directory)!r}" == fetched.provenance


@pytest.mark.parametrize(
    "fields", [{"client_id": "user.name", "client_secret": "pass-word"}, "client_id=user.name, client_secret=pass-word"]
)  # fmt: skip
def test_files_may_have_other_names(volume, open_source, fields):
    """Option `fields` maps field names to file names, as a mapping and as text."""
    volume.write(**{"user.name": "app", "pass-word": "canary-v1"})
    source = open_source(str(volume.directory), fields=fields)

    assert {"client_id": "app", "client_secret": "canary-v1"} == revealed(
        source.fetch(NAMES, timeout=5)
    )


def make_fifo(path):
    os.mkfifo(path)


def make_huge(path):
    with path.open("wb") as file:
        file.truncate(1 << 40)


FILES = {
    "fifo": (make_fifo, "secret.invalid"),
    "huge": (make_huge, "secret.invalid"),
    "missing": (lambda _path: None, "secret.missing"),
    "dangling": (lambda path: path.symlink_to("nowhere"), "secret.missing"),
    "circle": (lambda path: path.symlink_to(path.name), "secret.unavailable"),
    "folder": (lambda path: path.mkdir(), "secret.invalid"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "secret.invalid"),
    "empty": (lambda path: path.write_text(""), "secret.empty"),
    "blank": (lambda path: path.write_text("\n"), "secret.empty"),
    "latin-1": (lambda path: path.write_bytes(b"canary-\xe9"), "secret.invalid"),
    "two-lines": (lambda path: path.write_text("canary\ncanary\n"), "secret.invalid"),
}


@pytest.mark.parametrize("kind", FILES)
def test_fault_458_files_that_hold_no_secret(tmp_path, open_source, kind):
    """Nothing hangs, fills the memory or is shown: the error names the file and says what is wrong."""
    make, code = FILES[kind]
    make(tmp_path / "client_secret")
    error = fault_of(open_source(tmp_path), ["client_secret"])

    assert (code, code == "secret.unavailable") == (error.code, error.retryable)
    assert repr(str(tmp_path / "client_secret")) in str(error)


@pytest.mark.parametrize("place", ["nowhere", "file", "file/below"])
def test_a_directory_that_is_none(tmp_path, open_source, place):
    """A volume that is not mounted is `secret.missing`, and the hint says so."""
    (tmp_path / "file").write_text("canary")
    error = fault_of(open_source(tmp_path / place))

    assert "secret.missing" == error.code
    assert "mounted" in error.hint


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_of_another_user(tmp_path, open_source):
    """A file that may not be read is `secret.denied`."""
    (tmp_path / "client_secret").write_text("canary")
    (tmp_path / "client_secret").chmod(0)

    assert "secret.denied" == fault_of(open_source(tmp_path), ["client_secret"]).code


def test_a_directory_that_keeps_changing(tmp_path, open_source):
    """If no two readings in a row agree, the error is retryable; nothing mixed is returned."""
    # A regular file of the kernel that reads otherwise each time.
    (tmp_path / "client_secret").symlink_to("/proc/sys/kernel/random/uuid")
    error = fault_of(open_source(tmp_path), ["client_secret"])

    assert ("secret.unavailable", True) == (error.code, error.retryable)
    assert "kept changing" in str(error)
    assert repr(str(tmp_path)) in str(error)


@pytest.mark.parametrize("directory", ["relative", "", "~/secrets", 5, "/a\0b"])
def test_directories_that_are_refused(directory):
    """A relative path depends on the folder that the service was started in."""
    with pytest.raises(InvalidSetting, match="`directory`"):
        SourceOptions(directory=directory)


@pytest.mark.parametrize(
    "name", ["../x", "/x", "a/b", ".", "..", "..data", "a\\b", "a\nb", "x" * 256]
)
def test_file_names_that_are_refused(name):
    """A file name leads to a file of the directory and nowhere else."""
    with pytest.raises(InvalidSetting, match="`fields`"):
        SourceOptions(directory="/run", fields={"client_id": name})


def test_it_is_loaded_by_its_name(volume):
    """Setting `secrets` names it; what it is, its hook builds."""
    volume.write(client_id="app", client_secret="canary")
    options = AdapterOptions({"directory": Path(volume.directory)}, setting="secrets_options")
    built = credicorp_secret_source(options)

    assert isinstance(built, FilesSecretSource)
    assert isinstance(built, SecretSource)
    assert SecretSourceCapabilities(supplies_client_id=True, rotates=True, local=True) == built.capabilities  # fmt: skip
    with CredicorpAuth(secrets="files", secrets_options={"directory": "/run"}) as auth:
        assert "CredicorpAuth" in repr(auth)
    with pytest.raises(MissingSetting, match="`directory`"):
        CredicorpAuth(secrets="files")
