"""The contract of what carries the token in a user's own client."""

from __future__ import annotations

from credicorp_auth.testing.contracts.bearer.existing import ExistingHeaderTests
from credicorp_auth.testing.contracts.bearer.header import HeaderTests
from credicorp_auth.testing.contracts.bearer.naming import NamingTests
from credicorp_auth.testing.contracts.bearer.replay import ReplayTests

__all__ = ["BearerContract"]


class BearerContract(HeaderTests, ExistingHeaderTests, NamingTests, ReplayTests):
    """
    Every stack carries the token to the same places, and answers a 401 in the same way.

        class TestMyBearer(BearerContract):
            def request(self, auth, method, url, *, headers, body, scope, existing):
                …

    .. versionadded:: 1.0.0
    """
