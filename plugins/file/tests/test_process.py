"""By what a process is known, and when it cannot be told."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from contextlib import contextmanager

import pytest
from attrs import evolve

from credicorp_auth_file.process import identify


@contextmanager
def no_more_files():
    """Let this process open no file: what a system without /proc says of it."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_process_knows_itself():
    """It runs, and one that started at another time under its id has ended."""
    here = identify(os.getpid())

    assert os.getpid() == here.pid
    assert not here.has_ended()
    assert evolve(here, started=here.started - 1).has_ended()


def test_fault_149_what_cannot_be_told_is_not_told():
    """149: without /proc, or with that of another namespace, there is no identity; it may be alive."""
    here = identify(os.getpid())
    with no_more_files():
        unknown = identify(0)
        other_start = evolve(here, started=1).has_ended()
    shown_elsewhere = identify(1)

    assert (None, None) == (unknown, shown_elsewhere)
    assert not other_start


@pytest.mark.parametrize("name", ["plain", "a (b) c", ") R 1 1 ("])
def test_a_name_in_parentheses_is_no_field(name):
    """A process may call itself anything: its start is found all the same."""
    program = (
        "import sys; from pathlib import Path; Path('/proc/self/comm').write_text(sys.argv[1])\n"
        "print(open('/proc/self/stat').read(), end='')\n"
        "from credicorp_auth_file.process import identify; import os\n"
        "print(identify(os.getpid()).started)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, name], capture_output=True, text=True, check=True
    )
    status, started = done.stdout.splitlines()

    assert f"({name})" in status
    assert status.rpartition(")")[2].split()[19] == started
