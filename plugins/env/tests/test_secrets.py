"""What becomes of a credential in a variable or a file: faults 180 to 185, 188, 199, 200, 204."""

from __future__ import annotations

import os
import traceback
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import pytest

from credicorp_auth.errors import InvalidSetting, SecretUnavailable
from credicorp_auth.http.secret import Secret
from credicorp_auth.plugin.api import SecretSource, SecretSourceCapabilities
from credicorp_auth.plugin.api.options import AdapterOptions
from credicorp_auth_env import EnvSecretSource, SourceOptions, plugin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NAME = "CREDICORP_CLIENT_SECRET"


@pytest.fixture(params=["variable", "file"])
def put(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[bytes], str]:
    """Put a value where the source looks for it, and return the name of that variable."""

    def put_variable(value: bytes) -> str:
        monkeypatch.setenv(NAME, os.fsdecode(value))
        return NAME

    def put_file(value: bytes) -> str:
        (tmp_path / "secret").write_bytes(value)
        monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "secret"))
        return f"{NAME}_FILE"

    return put_variable if request.param == "variable" else put_file


def failure(source: EnvSecretSource, *names: str) -> SecretUnavailable:
    """Fetch what cannot be had; neither the error nor the frames it leads to hold the value."""
    with pytest.raises(SecretUnavailable) as caught:
        source.fetch(names or ("client_secret",), timeout=5)
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    ours = [frame for frame in shown.stack if "credicorp_auth_env" in frame.filename]

    assert "canary" not in f"{caught.value}{[frame.locals for frame in ours]}"
    assert (None, None) == (caught.value.__cause__, caught.value.__context__)
    return caught.value


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
@pytest.mark.parametrize("value", ["s3cret", "&=+% é:\"'", '"', "x" * 65536, "a b"])
def test_a_value_is_read(put: Callable[[bytes], str], value: str, end: bytes) -> None:
    """A value arrives as it is, less one line end."""
    put(value.encode() + end)
    fetched = EnvSecretSource().fetch(["client_secret"], timeout=5)

    assert {"client_secret": Secret(value)} == fetched.fields
    assert NAME in fetched.provenance
    assert fetched.expires_at is None


@pytest.mark.parametrize("value", [b"", b"\n", b"  ", b"\t\r\n"])
def test_fault_181_empty(put: Callable[[bytes], str], value: bytes) -> None:
    """Nothing but white space is empty."""
    name = put(value)
    error = failure(EnvSecretSource())

    assert ("secret.empty", False) == (error.code, error.retryable)
    assert name in str(error)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        pytest.param(b"canary\n\n", "white space", id="182-two-line-ends"),
        pytest.param(b"canary\r\n\r\n", "white space", id="182-two-windows-line-ends"),
        pytest.param(b"canary\r", "white space", id="182-return"),
        pytest.param(b" canary", "white space", id="182-leading"),
        pytest.param(b"canary \n", "white space", id="182-trailing"),
        pytest.param(b"canary\xc2\xa0", "white space", id="182-no-break-space"),
        pytest.param(b'"canary"\n', "quotes", id="182-double-quotes"),
        pytest.param(b"'canary'", "quotes", id="182-single-quotes"),
        pytest.param(b"\xef\xbb\xbfcanary", "byte order mark", id="182-bom"),
        pytest.param(b"canary\ncanary", "control character", id="183-two-lines"),
        pytest.param(b"canary\xff\xfe", "UTF-8", id="183-not-utf-8"),
        pytest.param(b"canary" * 11_000, "longer", id="183-too-long"),
    ],
)
def test_fault_182_183_accidents(put: Callable[[bytes], str], value: bytes, hint: str) -> None:
    """What looks like an accident is refused with a hint, and not mended."""
    name = put(value)
    error = failure(EnvSecretSource())

    assert ("secret.invalid", False) == (error.code, error.retryable)
    assert hint in str(error)
    assert name in str(error)


@pytest.mark.parametrize("value", [b"canary\0canary", b"c\0a\0n\0a\0r\0y\0"], ids=["nul", "utf-16"])
def test_fault_183_nul(tmp_path: Path, value: bytes) -> None:
    """NUL, which only a file can hold, is refused; so is UTF-16, which is full of it."""
    (tmp_path / "secret").write_bytes(value)
    error = failure(EnvSecretSource(environment={f"{NAME}_FILE": str(tmp_path / "secret")}))

    assert "secret.invalid" == error.code
    assert "control character" in str(error)


def test_fault_180_missing() -> None:
    """What is not set is missing, and both names that would do are reported."""
    error = failure(EnvSecretSource(environment={}))

    assert ("secret.missing", False) == (error.code, error.retryable)
    assert f"{NAME} (or {NAME}_FILE)" in str(error)


def test_set_twice() -> None:
    """A variable and its file at once are ambiguous."""
    error = failure(EnvSecretSource(environment={NAME: "canary", f"{NAME}_FILE": "/nowhere"}))

    assert "secret.invalid" == error.code
    assert f"{NAME} and {NAME}_FILE" in str(error)


@pytest.mark.parametrize("empty", ["", " "])
def test_fault_399_a_variable_that_is_empty_is_not_set(tmp_path: Path, empty: str) -> None:
    """399: an empty variable beside its file, or an empty path beside the variable, is no second value."""
    (tmp_path / "secret").write_text("from the file")
    beside_file = {NAME: empty, f"{NAME}_FILE": str(tmp_path / "secret")}
    beside_path = {NAME: "from the variable", f"{NAME}_FILE": empty}
    read = [
        EnvSecretSource(environment=each)
        .fetch(["client_secret"], timeout=5)
        .fields["client_secret"]
        .reveal()
        for each in (beside_file, beside_path)
    ]

    assert ["from the file", "from the variable"] == read
    assert "secret.missing" == failure(EnvSecretSource(environment={f"{NAME}_FILE": empty})).code
    assert "secret.empty" == failure(EnvSecretSource(environment={NAME: empty})).code


def make_directory(path: Path) -> None:
    path.mkdir()


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_loop(path: Path) -> None:
    path.symlink_to(path)


def make_under_file(path: Path) -> None:
    path.parent.joinpath("x").touch()


@pytest.mark.parametrize(
    ("make", "name", "code", "retryable"),
    [
        (lambda _: None, "x", "secret.missing", False),
        (make_under_file, "x/y", "secret.missing", False),
        (make_directory, "x", "secret.invalid", False),
        (make_fifo, "x", "secret.invalid", False),
        (make_loop, "x", "secret.unavailable", True),
    ],
)
def test_paths_that_lead_nowhere(
    tmp_path: Path, make: Any, name: str, code: str, retryable: bool
) -> None:
    """A path that is no file's is reported by path, and never waited for."""
    make(tmp_path / "x")
    path = str(tmp_path / name)
    error = failure(EnvSecretSource(environment={f"{NAME}_FILE": path}))

    assert (code, retryable) == (error.code, error.retryable)
    assert path in str(error)


def test_a_file_of_somebody_else(tmp_path: Path) -> None:
    """A file that may not be read is denied."""
    path = tmp_path / "secret"
    path.write_text("canary")
    path.chmod(0)
    before = os.geteuid()
    os.seteuid(before or 65534)  # root may read everything, so it becomes nobody for a moment
    try:
        error = failure(EnvSecretSource(environment={f"{NAME}_FILE": str(path)}))
    finally:
        os.seteuid(before)

    assert ("secret.denied", False) == (error.code, error.retryable)
    assert str(path) in str(error)


def test_fault_185_a_change_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables are read at each fetch; equal values have equal versions, others do not."""
    source = EnvSecretSource()
    versions = []
    for value in ("one", "one", "two", "one\n"):
        monkeypatch.setenv(NAME, value)
        versions.append(source.fetch(["client_secret"], timeout=5).version)

    assert versions[0] == versions[1] == versions[3]
    assert versions[0] != versions[2]
    assert "one" not in versions[0]


def test_versions_tell_fields_apart() -> None:
    """A version says which field has which value, however the texts join."""
    prefix = "CREDICORP_"
    versions = {
        EnvSecretSource(environment={f"{prefix}A": a, f"{prefix}B": b})
        .fetch(["a", "b"], timeout=5)
        .version
        for a, b in [("1", "2"), ("2", "1"), ("12", "3"), ("1", "23")]
    }

    assert 4 == len(versions)


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """Mount two fields behind two links, as Kubernetes does; v1 counts, and v2 is prepared."""
    for version in ("v1", "v2"):
        (tmp_path / version).mkdir()
        for name in ("client_id", "client_secret"):
            (tmp_path / version / name).write_text(f"{name}-{version}\n")
            (tmp_path / version / name).chmod(0o644)
    (tmp_path / "..data").symlink_to("v1")
    for name in ("client_id", "client_secret"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    return tmp_path


def swap(volume: Path) -> None:
    """Let v2 count, as Kubernetes does: by renaming one link."""
    (volume / "next").symlink_to("v2")
    (volume / "next").rename(volume / "..data")


def test_fault_188_kubernetes_links(volume: Path) -> None:
    """A secret mounted behind two links, as Kubernetes does, is read through them."""
    source = EnvSecretSource(environment={f"{NAME}_FILE": str(volume / "client_secret")})
    before = source.fetch(["client_secret"], timeout=5).fields["client_secret"]
    swap(volume)
    after = source.fetch(["client_secret"], timeout=5).fields["client_secret"]

    assert ("client_secret-v1", "client_secret-v2") == (before.reveal(), after.reveal())


class Swapping(dict[str, str]):
    """Variables that name files, which are swapped right after so many looks at the variables."""

    def __init__(self, volume: Path, after: int) -> None:
        super().__init__(
            CREDICORP_CLIENT_ID_FILE=str(volume / "client_id"),
            CREDICORP_CLIENT_SECRET_FILE=str(volume / "client_secret"),
        )
        self.volume, self.after = volume, after

    def get(self, name: str, default: Any = None) -> Any:
        self.after -= 1
        if self.after == 0:
            swap(self.volume)
        return super().get(name, default)


@pytest.mark.parametrize("after", range(1, 10))
def test_fault_188_a_swap_in_the_midst(volume: Path, after: int) -> None:
    """Wherever in a reading the link is swapped, id and secret are both old or both new."""
    source = EnvSecretSource(environment=Swapping(volume, after))
    fetched = source.fetch(["client_id", "client_secret"], timeout=5)

    assert 1 == len({value.reveal()[-2:] for value in fetched.fields.values()})


def test_fault_188_a_large_file_is_old_or_new(tmp_path: Path) -> None:
    """A file that is replaced again and again is read as one of the values put, or not at all."""
    path, done = tmp_path / "secret", Event()
    path.write_text("0" * 60_000)

    def keep_replacing() -> None:
        number = 0
        while not done.wait(0.002):
            number = (number + 1) % 10
            (tmp_path / "next").write_text(str(number) * 60_000)
            (tmp_path / "next").rename(path)

    writer = Thread(target=keep_replacing)
    writer.start()
    source = EnvSecretSource(environment={f"{NAME}_FILE": str(path)})
    seen, kept_changing = set(), set()
    for _ in range(300):
        try:
            seen.add(source.fetch(["client_secret"], timeout=5).fields["client_secret"].reveal())
        except SecretUnavailable as refused:  # on a busy machine each reading may meet a writer
            kept_changing.add(refused.code)
    done.set()
    writer.join()

    assert kept_changing <= {"secret.unavailable"}
    assert 1 < len(seen)
    assert seen <= {str(number) * 60_000 for number in range(10)}


def test_systemd_credentials(tmp_path: Path) -> None:
    """A credential that systemd mounts for its owner alone is read by way of its file."""
    path = tmp_path / "credicorp.service" / "client_secret"
    path.parent.mkdir(mode=0o500)
    path.parent.chmod(0o700)
    path.write_bytes(b"s3cret")
    path.chmod(0o400)
    path.parent.chmod(0o500)
    fetched = EnvSecretSource(environment={f"{NAME}_FILE": str(path)}).fetch(
        ["client_secret"], timeout=5
    )

    assert Secret("s3cret") == fetched.fields["client_secret"]
    assert str(path) in fetched.provenance


@pytest.mark.parametrize("form", ["variable", "file"])
def test_fault_204_one_opaque_type(tmp_path: Path, form: str) -> None:
    """Text of a variable and bytes of a file become equal secrets, which nobody can see or hash apart."""
    (tmp_path / "secret").write_bytes(b"canary\n")
    environment = {
        "variable": {NAME: "canary"},
        "file": {f"{NAME}_FILE": str(tmp_path / "secret")},
    }
    value = (
        EnvSecretSource(environment=environment[form])
        .fetch(["client_secret"], timeout=5)
        .fields["client_secret"]
    )

    assert Secret is type(value)
    assert Secret("canary") == value
    assert "canary" != value
    assert hash("canary") != hash(value)


class Turning(dict[str, str]):
    """Variables that change, all at once, after so many looks at them."""

    def __init__(self, *turns: int) -> None:
        super().__init__()
        self.reads = 0
        self.turns = turns

    def get(self, name: str, default: Any = None) -> Any:
        if name.endswith("_FILE"):
            return default
        self.reads += 1
        return f"{name[-2:].lower()}-v{sum(turn < self.reads for turn in self.turns)}"


@pytest.mark.parametrize("turns", [(), (1,), (2,), (3,), (1, 4)])
def test_fault_199_200_fields_are_of_one_version(turns: tuple[int, ...]) -> None:
    """A change between two fields is noticed, and both are read again."""
    fetched = EnvSecretSource(environment=Turning(*turns)).fetch(
        ["client_secret", "client_id"], timeout=5
    )

    assert 1 == len({value.reveal()[-1] for value in fetched.fields.values()})


def test_fields_that_keep_changing() -> None:
    """What never stands still is unavailable for now."""
    error = failure(EnvSecretSource(environment=Turning(*range(100))), "client_id", "client_secret")

    assert ("secret.unavailable", True) == (error.code, error.retryable)


def test_the_older_prefix() -> None:
    """The names of older services are read where the prefix is set to theirs."""
    environment = {"CC_CLIENT_ID": "id", "CC_CLIENT_SECRET": "s3cret"}
    source = EnvSecretSource(SourceOptions(prefix="CC_"), environment=environment)
    fetched = source.fetch({"client_id", "client_secret"}, timeout=5)

    assert {"client_id": Secret("id"), "client_secret": Secret("s3cret")} == fetched.fields
    assert "CC_CLIENT_ID, CC_CLIENT_SECRET" == fetched.provenance


@pytest.mark.parametrize("prefix", ["", "1_", "A B", "a=", "é", "x" * 65])
def test_prefixes_that_cannot_be(prefix: Any) -> None:
    """What cannot start the name of a variable is refused."""
    with pytest.raises(InvalidSetting, match="prefix"):
        SourceOptions(prefix=prefix)


@pytest.fixture
def built() -> Iterator[SecretSource]:
    made = plugin.credicorp_secret_source(
        AdapterOptions({"prefix": "CC_"}, setting="secrets_options")
    )
    yield made
    made.close()


def test_the_hook_builds_the_source(built: SecretSource, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin makes a source of its options, which goes on working after a fork."""
    monkeypatch.setenv("CC_CLIENT_SECRET", "s3cret")
    built.after_fork()

    assert 1 == plugin.CREDICORP_API
    assert isinstance(built, SecretSource)
    assert (
        SecretSourceCapabilities(supplies_client_id=True, rotates=True, local=True)
        == built.capabilities
    )
    assert Secret("s3cret") == built.fetch(["client_secret"], timeout=5).fields["client_secret"]
