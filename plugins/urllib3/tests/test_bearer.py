"""The contract of a bearer, over urllib3."""

from __future__ import annotations

from urllib3 import HTTPHeaderDict, PoolManager

from credicorp_auth_testing.contracts.bearer import BearerContract
from credicorp_auth_testing.contracts.bearer.harness import Got
from credicorp_auth_urllib3 import BearerPoolManager


class TestBearerPoolManager(BearerContract):
    """A manager with pools of its own."""

    preload_content = True

    def manager(self, auth, headers=None, existing="replace"):
        chosen = {} if existing == "replace" else {"existing": existing}  # the default
        return BearerPoolManager(auth, headers=headers, **chosen)

    def request(self, auth, method, url, *, headers, body, scope, existing):
        http = self.manager(auth, existing=existing)
        try:
            got = http.request(
                method, url, headers=headers, body=body, scope=scope,
                preload_content=self.preload_content,
            )  # fmt: skip
            return Got(got.status, got.data)
        finally:
            http.clear()

    def request_with_defaults(self, auth, url, *, headers, existing):
        http = self.manager(auth, headers, existing)
        got = http.request("GET", url)
        http.clear()
        return Got(got.status, got.data)

    def send_again(self, auth, url, between, *, existing):
        http, headers = self.manager(auth, existing=existing), HTTPHeaderDict({"X-Own": "1"})
        first = http.request("GET", url, headers=headers)
        between()
        second = http.request("GET", url, headers=headers)
        http.clear()
        return [Got(each.status, each.data) for each in (first, second)]


class TestBearerPoolManagerAround(TestBearerPoolManager):
    """One around a manager of the caller's."""

    def manager(self, auth, headers=None, existing="replace"):
        chosen = {} if existing == "replace" else {"existing": existing}  # the default
        return BearerPoolManager.around(auth, PoolManager(headers=headers), **chosen)


class TestBearerPoolManagerUnread(TestBearerPoolManager):
    """One whose responses are read by the caller."""

    preload_content = False
