"""
Names that Windows or macOS do not have, taken away from Python on Linux before anything is imported.

Nothing is set or replaced. Imported first is what is another module, or another half of a module, on
the real system: Python's own, and libraries that look at `sys.platform`. One of them is
filelock: Linux's kind of lock stands for that of Windows, which is tested there by its authors.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from contextlib import suppress

import platformdirs

with suppress(ImportError):
    import trio  # noqa: F401 - on Linux, its import starts a program with what 3.13 finds there

_WINDOWS_SIGNALS = {"SIGABRT", "SIGFPE", "SIGILL", "SIGINT", "SIGSEGV", "SIGTERM", "SIG_DFL", "SIG_IGN"}  # fmt: skip

WINDOWS = {
    time: """
        clock_getres clock_gettime clock_gettime_ns clock_settime clock_settime_ns
        pthread_getcpuclockid tzset
    """,
    os: """
        chown chroot confstr copy_file_range ctermid environb eventfd fchdir fchmod fchown
        fdatasync fork forkpty fpathconf fstatvfs get_blocking getegid geteuid getenvb getgid
        getgrouplist getgroups getloadavg getpgid getpgrp getpriority getresgid getresuid getsid
        getuid getxattr initgroups killpg lchown listxattr lockf major makedev memfd_create minor
        mkfifo mknod nice openpty pathconf pidfd_open pipe2 posix_fadvise posix_fallocate
        posix_spawn posix_spawnp pread preadv pwrite pwritev readv register_at_fork removexattr
        sched_getaffinity sched_setaffinity sched_yield sendfile set_blocking setegid seteuid
        setgid setgroups setpgid setpriority setregid setresgid setresuid setreuid setsid setuid
        setxattr splice statvfs sync sysconf tcgetpgrp tcsetpgrp ttyname unshare wait wait3 wait4
        waitid writev
    """,
    select: "epoll poll",
    signal: """
        alarm getitimer pause pthread_kill pthread_sigmask setitimer sigpending sigtimedwait
        sigwait sigwaitinfo
    """,
    socket: "AF_UNIX AF_NETLINK AF_PACKET MSG_DONTWAIT MSG_NOSIGNAL TCP_USER_TIMEOUT",
}

MACOS = {
    time: "CLOCK_BOOTTIME CLOCK_MONOTONIC_RAW_APPROX CLOCK_TAI pthread_getcpuclockid",
    os: """
        O_DIRECT O_LARGEFILE O_NOATIME O_PATH O_TMPFILE copy_file_range eventfd fdatasync
        getrandom getresgid getresuid getxattr listxattr memfd_create pidfd_open pipe2
        posix_fadvise posix_fallocate removexattr sched_getaffinity sched_setaffinity setresgid
        setresuid setxattr splice unshare waitid
    """,
    select: "epoll",
    signal: "sigtimedwait sigwaitinfo",
    socket: "AF_NETLINK AF_PACKET MSG_NOSIGNAL TCP_USER_TIMEOUT",
}

_WINDOWS_FLAGS = {"O_APPEND", "O_CREAT", "O_EXCL", "O_RDONLY", "O_RDWR", "O_TRUNC", "O_WRONLY"}
_WINDOWS_FOLLOWS = {os.stat}
_WINDOWS_MODULES = "curses fcntl grp posix pty pwd readline resource syslog termios tty"


def _remove(module: object, names: set[str]) -> None:
    for name in names & set(vars(module)):
        delattr(module, name)
        if name in getattr(module, "__all__", ()):
            module.__all__.remove(name)  # type: ignore[attr-defined] # it has one


def _starting_with(module: object, *starts: str) -> set[str]:
    return {name for name in vars(module) if name.startswith(starts)}


def take_away(system: str) -> asyncio.Runner:
    """
    Take the names away that a system lacks.

    Args:
        system: `windows`, `macos`, or `unlockable`: Windows, but filelock finds no lock.

    Returns:
        A runner whose event loop exists: Python's own needs a pair of sockets for it.
    """
    runner = asyncio.Runner()
    runner.get_loop()
    if system != "unlockable":
        import filelock  # noqa: F401 - for its side of Linux
    for module, names in (MACOS if system == "macos" else WINDOWS).items():
        _remove(module, set(names.split()))
    if system != "macos":
        _remove(time, _starting_with(time, "CLOCK_"))
        _remove(os, _starting_with(os, "O_") - _WINDOWS_FLAGS)
        _remove(
            os,
            _starting_with(os, "SCHED_", "POSIX_", "RTLD_", "F_", "ST_", "W", "CLD_")
            - {"F_OK", "W_OK"},
        )
        _remove(os, {"P_PID", "P_PGID", "P_ALL", "P_PIDFD"})
        _remove(signal, _starting_with(signal, "SIG") - _WINDOWS_SIGNALS)
        os.supports_dir_fd.clear()
        os.supports_fd.intersection_update({os.stat, os.truncate})
        os.supports_follow_symlinks.intersection_update(_WINDOWS_FOLLOWS)
    for name in _WINDOWS_MODULES.split() if system != "macos" else ():
        sys.modules[name] = None  # type: ignore[assignment] # importing it fails
    return runner


IMPORTED_FIRST = (platformdirs, ssl, subprocess, tempfile)
