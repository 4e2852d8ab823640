"""Contract of bearers, which attach the token to the requests of an HTTP client."""

from __future__ import annotations

from credicorp_auth_testing.contracts.bearer.concurrency import ConcurrencyTests
from credicorp_auth_testing.contracts.bearer.connections import ConnectionTests
from credicorp_auth_testing.contracts.bearer.existing import ExistingHeaderTests
from credicorp_auth_testing.contracts.bearer.header import HeaderTests
from credicorp_auth_testing.contracts.bearer.naming import NamingTests
from credicorp_auth_testing.contracts.bearer.replay import ReplayTests

__all__ = ["AsyncBearerContract", "BearerContract"]


class BearerContract(HeaderTests, ExistingHeaderTests, NamingTests, ReplayTests, ConnectionTests):
    """
    Tests that a client attaches the token to allowed origins only, and handles a 401.

        class TestMyBearer(BearerContract):
            def request(self, auth, method, url, *, headers, body, scope, existing):
                …

    .. versionadded:: 1.0.0
    """


class AsyncBearerContract(ConcurrencyTests, BearerContract):
    """
    The tests of `BearerContract`, and those of concurrent and of cancelled calls under asyncio.

        class TestMyBearer(AsyncBearerContract):
            async def arequest(self, auth, method, url, *, headers, body, scope, existing):
                …

    .. versionadded:: 1.0.0
    """

    contract_version = "1.0"
