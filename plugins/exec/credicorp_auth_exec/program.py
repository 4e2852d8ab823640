"""Run of a program: bounded in time and output, and ended with its whole process group."""

from __future__ import annotations

import errno
import os
import select
import signal
import subprocess
import time
from contextlib import suppress
from enum import Enum
from shutil import which
from typing import TYPE_CHECKING, Any, Final

from credicorp_auth.http.secret import SecretBytes
from credicorp_auth.plugin.api.credential import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MOST_OUTPUT: Final = 1024 * 1024
"""Maximum bytes of a program's output."""

_PASSED: Final = (
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ",
)  # fmt: skip
"""Variables that every program gets: to find itself and its files, and to write UTF-8."""

_CHUNK: Final = 64 * 1024
_FIRST_TICK, _LONGEST_TICK = 0.001, 0.05  # seconds between two looks at the program
_LAST_WAIT: Final = 1.0  # seconds for the kernel to end a killed program
_UNFIT: Final = frozenset({errno.ENOEXEC, errno.E2BIG, errno.ELOOP, errno.ENAMETOOLONG})

_WAITID: Final[Callable[..., Any] | None] = getattr(os, "waitid", None)
"""None on macOS before Python 3.13."""


class _State(Enum):
    """State of a program: running, ended, or ended and reaped, so that its number may be reused."""

    RUNNING = 0
    ENDED = 1
    REAPED = 2


def build_environment(names: Sequence[str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a program: the usual ones and the named ones, if they are set."""
    return {each: environment[each] for each in (*_PASSED, *names) if each in environment}


def run_program(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    seconds: float,
    shows_errors: bool = False,
    waitid: Callable[..., Any] | None = _WAITID,
) -> SecretBytes | Fault:
    """
    Run a program without a shell, and return its standard output.

    It gets a session and process group of its own, an empty standard input, and no descriptor of
    this process but standard error if `shows_errors`. When it has ended, failed or run out of time,
    what is left of the process group is killed.

    Args:
        command: Program and arguments.
        environment: Its variables, and no others.
        seconds: Seconds that it may take.
        shows_errors: Whether it inherits standard error; otherwise that is discarded.
        waitid: The system's `waitid`, or None if it has none. Without it, the group of a program
            that ended by itself is not killed, since its number may belong to another.

    Returns:
        The output, or the fault: it is missing, cannot start, failed, wrote too much or took too
        long.
    """
    deadline = time.monotonic() + seconds
    path = _find(command[0], environment.get("PATH", os.defpath))
    if path is None:
        return Fault("secret.missing", "does not exist on PATH, or is not executable")
    try:
        process = subprocess.Popen(  # noqa: S603 # the user's own command, without a shell
            [path, *command[1:]],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if shows_errors else subprocess.DEVNULL,
            start_new_session=True,
            bufsize=0,
        )
    except OSError as error:
        return _explain(error)
    try:
        output = _collect(process, deadline, waitid)
    finally:
        _end(process, waitid)
    if output is None:
        return Fault("secret.unavailable", f"did not end within {seconds:g} s, and was killed")
    return _judge(process.returncode, output)


def _find(program: str, path: str) -> str | None:
    if program.startswith("/"):
        return program
    # An empty or relative entry of PATH means the current folder, in which anybody may write.
    folders = [each for each in path.split(os.pathsep) if each.startswith("/")]
    return which(program, path=os.pathsep.join(folders)) if folders else None


def _explain(error: OSError) -> Fault:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return Fault("secret.missing", "does not exist, or its interpreter does not")
    if isinstance(error, PermissionError):
        return Fault("secret.denied", "may not be run by this process")
    if error.errno in _UNFIT:
        return Fault("secret.invalid", f"is nothing that can be run ({error.strerror})")
    return Fault("secret.unavailable", f"cannot be started ({error.strerror})")


def _judge(status: int | None, output: Sequence[SecretBytes]) -> SecretBytes | Fault:
    if sum(len(each.reveal()) for each in output) > MOST_OUTPUT:
        return Fault("secret.invalid", f"wrote more than {MOST_OUTPUT} bytes, and was killed")
    if not status:
        return SecretBytes(b"".join(each.reveal() for each in output))
    ended = (
        f"exited with status {status}" if status > 0 else f"was ended by {_name_signal(-status)}"
    )
    return Fault("secret.unavailable", ended)


def _name_signal(number: int) -> str:
    with suppress(ValueError):
        return f"signal {number} ({signal.Signals(number).name})"
    return f"signal {number}"  # a real-time signal


def _collect(
    process: subprocess.Popen[bytes], deadline: float, waitid: Callable[..., Any] | None
) -> list[SecretBytes] | None:
    """
    Read the output until the program has ended, which its grandchildren may outlive.

    Returns:
        The output, at most a chunk more than it may be; None if time ran out.
    """
    assert process.stdout is not None  # noqa: S101 - for type checkers
    pipe, tick = process.stdout.fileno(), _FIRST_TICK
    os.set_blocking(pipe, False)
    chunks, size = list[SecretBytes](), 0
    is_open, is_running = True, True
    while is_running:
        # Before the pipe is emptied: what an ended program wrote is in the pipe by then.
        is_running = _look(process, waitid) is _State.RUNNING
        while is_open and (chunk := _read(pipe)) is not None:
            is_open = bool(chunk.reveal())
            chunks.append(chunk)
            size += len(chunk.reveal())
            if size > MOST_OUTPUT:
                return chunks
        left = deadline - time.monotonic()
        if is_running and left <= 0:
            return None
        if is_running:
            _wait(pipe if is_open else None, min(tick, left))
            tick = min(tick * 2, _LONGEST_TICK)
    return chunks


def _read(pipe: int) -> SecretBytes | None:
    """Read what the pipe holds; None if it is empty but not at its end."""
    try:
        return SecretBytes(os.read(pipe, _CHUNK))
    except BlockingIOError:
        return None


def _wait(pipe: int | None, seconds: float) -> None:
    """Wait until there is more output; once that is at its end, for a moment."""
    if pipe is None:
        time.sleep(seconds)
        return
    poller = select.poll()
    poller.register(pipe, select.POLLIN)
    poller.poll(seconds * 1000)


def _look(process: subprocess.Popen[bytes], waitid: Callable[..., Any] | None) -> _State:
    """Look at the program without reaping it: until then, no other process gets its number."""
    if waitid is None:
        return _State.RUNNING if process.poll() is None else _State.REAPED
    try:
        ended = waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:  # SIGCHLD is ignored, or other code waits for every child
        return _State.REAPED
    return _State.ENDED if ended else _State.RUNNING


def _end(process: subprocess.Popen[bytes], waitid: Callable[..., Any] | None) -> None:
    """Kill what is left of the process group, and reap the program."""
    if _look(process, waitid) is not _State.REAPED:
        # Not permitted: the program runs as another user.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_LAST_WAIT)
    assert process.stdout is not None  # noqa: S101 - for type checkers
    process.stdout.close()
