"""The contract of a bearer, over urllib3."""

from __future__ import annotations

from credicorp_auth.testing.contracts.bearer import BearerContract
from credicorp_auth.testing.contracts.bearer.bench import Got
from credicorp_auth_urllib3 import BearerPoolManager


class TestBearerPoolManager(BearerContract):
    def request(self, auth, method, url, *, headers, body, scope):
        http = BearerPoolManager(auth)
        try:
            got = http.request(method, url, headers=headers, body=body, scope=scope)
        finally:
            http.clear()
        return Got(got.status, got.data)
