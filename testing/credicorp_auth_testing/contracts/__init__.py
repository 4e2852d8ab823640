"""
Contract tests for adapters: every adapter, this project's and third-party ones, must pass them.

    class TestMyTransport(TransportContract):
        def build_transport(self, **options):
            return MyTransport(**options)
"""

from __future__ import annotations

from typing import Final, NoReturn

import pytest

NOT_OFFERED: Final = "not offered: "
"""What the reasons begin with for which a contract skips a test; a suite's own skips lack it."""


def not_offered(reason: str) -> NoReturn:
    """
    Skip a test that the adapter need not pass.

    Args:
        reason: What the adapter does not declare, or its suite does not provide.
    """
    pytest.skip(f"{NOT_OFFERED}{reason}")
