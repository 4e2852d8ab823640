"""Waiting, where no other event loop than asyncio's was ever imported."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import asyncio, sys
from credicorp_auth import CredicorpAuth
from credicorp_auth_testing.fakes import ScriptedTransport

auth = CredicorpAuth(client_id="a", client_secret="dummy", transport=ScriptedTransport())
print(asyncio.run(auth.aget_token()).value.reveal(), "trio" in sys.modules)
auth.close()
"""


def test_a_program_without_trio_waits_without_it():
    """A task of asyncio waits for its token, and trio is not imported for it."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=300
    )

    assert "token-1 False\n" == done.stdout
