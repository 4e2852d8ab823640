"""Much of the same, and nothing left behind: faults 299 and 300."""

from __future__ import annotations

import gc
import os
import subprocess
import sys

import pytest

from credicorp_auth_testing.echo import build_offline

pytestmark = pytest.mark.slow

TIDY = """
import asyncio
from credicorp_auth import CredicorpAuth
auth = CredicorpAuth.from_env(scope="decisions:read")
auth.get_token()
asyncio.run(auth.aget_token("applications:write"))
asyncio.run(auth.aget_token("decisions:read"))
auth.invalidate(auth.get_token())
auth.get_token()
with CredicorpAuth.from_env(scope="decisions:read") as closed:
    closed.get_token()
del auth
"""


def test_fault_299_nothing_is_left_open(open_sandbox):
    """In development mode, where each warning is an error, a whole life says nothing."""
    sandbox = open_sandbox()
    ran = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", TIDY],
        env={
            **os.environ,
            "CREDICORP_BASE_URL": sandbox.base_url,
            "CREDICORP_CLIENT_ID": sandbox.client_id,
            "CREDICORP_CLIENT_SECRET": sandbox.client_secret,
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert ("", "", 0) == (ran.stdout, ran.stderr, ran.returncode)


def test_fault_300_a_million_calls_allocate_nothing(scale, evidence):
    """A held token is handed out a million times, and memory stays what it was."""
    with build_offline() as auth:
        get_token = auth.get_token
        for _ in range(1000):
            get_token("a")
        calls, grown = round(1_000_000 * scale), sys.maxsize
        for _ in range(5):  # a thread of an earlier test may allocate meanwhile
            gc.collect()
            before = sys.getallocatedblocks()
            for _ in range(calls):
                get_token("a")
            grown = min(grown, sys.getallocatedblocks() - before)

    evidence("million-calls", calls=calls, blocks_more=grown)
    assert grown < 1000  # of a million calls, and of ten thousand, so of none of them
