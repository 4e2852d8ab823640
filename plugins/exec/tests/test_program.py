"""How a program is run: what it gets, how long it may take, and what is left of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from credicorp_auth.errors import SecretUnavailable
from credicorp_auth.http.secret import SecretBytes
from credicorp_auth_exec import ExecSecretSource, SourceOptions
from credicorp_auth_exec.program import run_program

NAMES = ["client_id", "client_secret"]
PATH = {"PATH": "/usr/bin:/bin"}


def fault_of(source):
    with pytest.raises(SecretUnavailable) as caught:
        source.fetch(NAMES, timeout=5)
    assert "canary" not in f"{caught.value}{caught.value.hint}"
    return caught.value


def is_alive(number):
    """Return whether a process runs; one that is only not reaped yet does not."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_dead(number):
    deadline = time.monotonic() + 20
    while is_alive(number) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not is_alive(number)


def shown(body, **how):
    """Run a shell script, and return what it prints."""
    read = run_program(["/bin/sh", "-c", body], environment=PATH, seconds=20, **how)
    assert isinstance(read, SecretBytes), read
    return read.reveal().decode()


def test_no_shell_reads_the_arguments(tmp_path, prints):
    """Arguments arrive as they are: nothing is expanded, split or run."""
    words = ["$(touch pwned)", "a b", "; exit 1", "*", "é", ""]
    script = tmp_path / "arguments"
    script.write_text("#!/bin/sh\nfor each; do printf '<%s>' \"$each\"; done")
    script.chmod(0o755)
    read = run_program([str(script), *words], environment=PATH, seconds=20)

    assert "".join(f"<{each}>" for each in words) == read.reveal().decode()


def test_fault_453_only_listed_variables_are_passed(write_program, prints):
    """Secrets of the service stay out of the program's environment, unless they are named."""
    environment = {
        "TOKEN": "canary-a",
        "CREDICORP_CLIENT_SECRET": "canary-b",
        "HOME": "/h",
        "NAMED": "n",
    }
    body = f'env | sort | cut -d= -f1 > "$0.names"\n{prints()}'
    command = write_program(body)
    variables = {**PATH, **environment}
    ExecSecretSource(SourceOptions(command=[command]), environment=variables).fetch(
        NAMES, timeout=5
    )
    usual = Path(f"{command}.names").read_text().split()
    named = ExecSecretSource(
        SourceOptions(command=[command], environment="NAMED, UNSET"), environment=variables
    )
    named.fetch(NAMES, timeout=5)
    more = Path(f"{command}.names").read_text().split()

    made_by_sh = {"PWD", "OLDPWD", "SHLVL", "_"}
    assert {"PATH", "HOME"} == set(usual) - made_by_sh
    assert {"PATH", "HOME", "NAMED"} == set(more) - made_by_sh


def test_fault_453_no_descriptor_is_inherited(tmp_path):
    """Not even one that is marked as inheritable; standard input is at its end."""
    with (tmp_path / "private").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        listed = shown("ls -l /proc/self/fd; cat")

    assert "private" not in listed
    assert "/dev/null" in listed


def test_a_session_of_its_own():
    """The program has no controlling terminal, so that nothing asks a question there."""
    session = shown("ps -o sid= -p $$ 2>/dev/null || cut -d' ' -f6 /proc/$$/stat")

    assert os.getsid(0) != int(session)


@pytest.mark.parametrize(
    ("how", "expected"), [({}, ""), ({"standard_error": "inherit"}, "from the program\n")]
)
def test_standard_error(open_source, prints, capfd, how, expected):
    """It is discarded, since nobody can tell what in it is secret; `inherit` shows it to a user who asks."""
    open_source(f"echo from the program >&2\n{prints()}", **how).fetch(NAMES, timeout=5)

    assert ("", expected) == capfd.readouterr()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("echo canary >&2; exit 3", "exited with status 3"),
        ("kill -TERM $$", "was ended by signal 15 (SIGTERM)"),
        ("kill -40 $$", "was ended by signal 40"),
        ("echo canary; exit 1", "exited with status 1"),
    ],
)
def test_fault_454_a_failed_program_is_named_with_its_status(open_source, body, expected):
    """A failure is retryable, names program and status, and shows nothing that it wrote."""
    error = fault_of(open_source(body))

    assert ("secret.unavailable", True) == (error.code, error.retryable)
    assert "credentials" in str(error)
    assert expected in str(error)
    assert "standard_error" in error.hint


@pytest.mark.parametrize(
    ("command", "code", "retryable"),
    [
        (["no-such-program"], "secret.missing", False),
        (["/no/such/program"], "secret.missing", False),
        (["/dev/null/program"], "secret.missing", False),
        (["/etc/passwd"], "secret.denied", False),
        (["cat", "x" * 3_000_000], "secret.invalid", False),
    ],
    ids=["name", "path", "folder", "not-executable", "long"],
)
def test_fault_454_programs_that_do_not_start(command, code, retryable):
    """Missing, not executable and not a program differ; none of them raises anything else."""
    error = fault_of(ExecSecretSource(SourceOptions(command=command), environment=PATH))

    assert (code, retryable) == (error.code, error.retryable)


def test_a_file_that_is_no_program(tmp_path):
    """A text without an interpreter's line is not handed to a shell."""
    script = tmp_path / "script"
    script.write_text("echo canary")
    script.chmod(0o755)

    assert "secret.invalid" == fault_of(ExecSecretSource(SourceOptions(command=[str(script)]))).code


def test_a_program_that_is_being_written_may_start_later(tmp_path):
    """A busy file is `secret.unavailable`, and retryable."""
    program = tmp_path / "program"
    program.write_bytes(Path("/bin/cat").read_bytes())
    program.chmod(0o755)
    with program.open("ab"):
        error = fault_of(ExecSecretSource(SourceOptions(command=[str(program)])))

    assert ("secret.unavailable", True) == (error.code, error.retryable)


@pytest.mark.parametrize("path", ["", ".", ":.", "{here}/nowhere"])
def test_fault_455_the_current_folder_is_not_searched(tmp_path, monkeypatch, prints, path):
    """A bare name is found through absolute entries of PATH alone."""
    planted = tmp_path / "partner-credentials"
    planted.write_text(f"#!/bin/sh\n{prints()}")
    planted.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    options = SourceOptions(command=["partner-credentials"])
    found = ExecSecretSource(options, environment={"PATH": f"/usr/bin:/bin:{tmp_path}"})
    lost = ExecSecretSource(options, environment={"PATH": path.format(here=tmp_path)})

    assert found.fetch(NAMES, timeout=5).fields
    assert "secret.missing" == fault_of(lost).code


def test_fault_456_a_program_that_hangs_is_ended_with_its_group(open_source, tmp_path):
    """When time runs out, the program and what it started are dead, and the caller is on time."""
    numbers = tmp_path / "numbers"
    body = f"trap '' TERM HUP\nsleep 600 &\necho $$ $! > {numbers}\nsleep 600"
    source = open_source(body, timeout=1)
    began = time.monotonic()
    error = fault_of(source)
    took = time.monotonic() - began

    assert ("secret.unavailable", True) == (error.code, error.retryable)
    assert "1 s" in str(error)
    assert 1 <= took < 300
    assert all(wait_until_dead(each) for each in numbers.read_text().split())


@pytest.mark.parametrize("waitid", [os.waitid, None], ids=["waitid", "without"])
def test_fault_457_a_grandchild_that_keeps_the_pipe_open_delays_nobody(tmp_path, waitid):
    """The output ends with the program, not with what it left behind, which is ended too."""
    number = tmp_path / "number"
    read = shown(f"sleep 600 &\necho $! > {number}; echo printed", waitid=waitid)
    left = int(number.read_text())
    if waitid is None:  # the number of the group may be another's by then, so nothing is sent to it
        assert is_alive(left)
        os.kill(left, signal.SIGKILL)

    assert "printed\n" == read
    assert wait_until_dead(left)


def test_a_program_that_closes_its_output_may_still_fail():
    """The status counts, not the end of the output."""
    fault = run_program(
        ["/bin/sh", "-c", "exec >&-; sleep 0.2; exit 4"], environment=PATH, seconds=20
    )

    assert "exited with status 4" == fault.message


def test_a_daemon_in_its_own_session_is_left_alone(tmp_path):
    """An agent that a program starts for good, as gpg does, survives."""
    number = tmp_path / "number"
    shown(f"setsid sleep 600 >/dev/null & echo $! > {number}; sleep 0.2")
    left = int(number.read_text())

    assert is_alive(left)
    os.kill(left, signal.SIGKILL)


OTHERS_REAP = """
import os, signal, sys, threading
from credicorp_auth_exec import ExecSecretSource, SourceOptions
{way}
source = ExecSecretSource(SourceOptions(command=["cat", sys.argv[1]], timeout=20))
for _ in range(20):
    print(source.fetch(["client_secret"], timeout=5).fields["client_secret"].reveal())
"""
WAYS = {
    "ignored": "signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
    "reaped": (
        "def reap(*_):\n"
        "    try:\n"
        "        while os.waitpid(-1, os.WNOHANG)[0]: pass\n"
        "    except ChildProcessError: pass\n"
        "signal.signal(signal.SIGCHLD, reap)"
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_services_that_reap_every_child(tmp_path, way):
    """A program whose status other code takes is judged by its output."""
    record = tmp_path / "record.json"
    record.write_text(json.dumps({"version": 1, "client_secret": "s"}))
    ran = subprocess.run(
        [sys.executable, "-c", OTHERS_REAP.format(way=WAYS[way]), str(record)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert ("s\n" * 20, "") == (ran.stdout, ran.stderr)


def test_nothing_is_left_open_or_unreaped(open_source, prints):
    """After many fetches in many threads there is no descriptor and no child more than before."""
    source = open_source(prints())
    source.fetch(NAMES, timeout=5)
    before = len(os.listdir("/proc/self/fd"))
    with ThreadPoolExecutor(8) as threads:
        fetched = list(threads.map(lambda _: source.fetch(NAMES, timeout=5), range(40)))

    assert 1 == len({each.version for each in fetched})
    assert before == len(os.listdir("/proc/self/fd"))
    children = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()
    assert [] == [
        each for each in children if "credentials" in Path(f"/proc/{each}/comm").read_text()
    ]


@pytest.mark.slow
def test_a_fork_during_a_fetch_delays_neither(open_source, prints, tmp_path):
    """A forked child holds copies of the pipe, and ends the fetch of nobody."""
    source = open_source(f"sleep 0.5\n{prints()}")
    fetched = []
    fetching = threading.Thread(target=lambda: fetched.append(source.fetch(NAMES, timeout=5)))
    fetching.start()
    children = []
    for _ in range(10):
        child = os.fork()
        if child == 0:
            signal.pause()
            os._exit(0)
        children.append(child)
        time.sleep(0.02)
    fetching.join(60)
    for each in children:
        os.kill(each, signal.SIGKILL)
        os.waitpid(each, 0)

    assert 1 == len(fetched)


@pytest.mark.slow
def test_an_interrupt_ends_the_program(tmp_path):
    """Ctrl-C during a fetch leaves no program behind."""
    # It tells its number late: the fetch has to wait for it by then, on a busy machine, too.
    number = tmp_path / "number"
    program = (
        "import signal, sys\n"
        # A shell that runs the tests in the background has the signal ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from credicorp_auth_exec import ExecSecretSource, SourceOptions\n"
        "command = ['/bin/sh', '-c', f'sleep 2; echo $$ > {sys.argv[1]}.new; mv {sys.argv[1]}.new {sys.argv[1]}; sleep 600']\n"
        "ExecSecretSource(SourceOptions(command=command, timeout=600)).fetch(['client_secret'], timeout=600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(number)], stderr=subprocess.PIPE, text=True
    ) as running:
        deadline = time.monotonic() + 60
        while not number.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        try:
            _, said = running.communicate(timeout=60)
        finally:
            running.kill()

    assert "KeyboardInterrupt" in said
    assert wait_until_dead(int(number.read_text()))
