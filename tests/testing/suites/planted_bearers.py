"""Bearers in a few lines, faithful or with one bug each, and their contracts."""

from __future__ import annotations

import asyncio

import httpx
import httpx2
import requests

from credicorp_auth_testing.contracts.bearer import AsyncBearerContract, BearerContract
from credicorp_auth_testing.contracts.bearer.harness import Got


class Sync(BearerContract):
    """It sends by `transmit`, and reports the second response if `reports`."""

    reports = True

    def request(self, auth, method, url, *, headers, body, scope, existing):
        call = auth.call(url, scope)
        got = self.transmit(method, url, {**headers, "Authorization": call.header()})
        if call.on_response(got.status, [], replayable=True):
            got = self.transmit(method, url, {**headers, "Authorization": call.header()})
            if self.reports:
                call.on_response(got.status, [], replayable=False)
        return got


class OverRequests(Sync):
    def transmit(self, method, url, headers):
        got = requests.request(method, url, headers=headers, timeout=5)
        return Got(got.status_code, got.content)


class OverHttpx(Sync):
    def transmit(self, method, url, headers):
        got = httpx.request(method, url, headers=headers, timeout=5, follow_redirects=True)
        return Got(got.status_code, got.content)


class TestRequestsFaithful(OverRequests):
    """Nothing planted."""


class TestHttpxFaithful(OverHttpx):
    """Nothing planted."""


class TestRequestsSilent(OverRequests):
    reports = False


class TestHttpxSilent(OverHttpx):
    reports = False


class Meddling(Sync):
    """It puts the token into the caller's own headers."""

    def request(self, auth, method, url, *, headers, **how):
        headers["Authorization"] = auth.call(url).header()
        return super().request(auth, method, url, headers=headers, **how)


class TestRequestsMeddling(Meddling, OverRequests):
    """Over requests."""


class TestHttpxMeddling(Meddling, OverHttpx):
    """Over httpx."""


class TestRequestsUnread(OverRequests):
    """It reads no response that it repeats, and never closes it."""

    def transmit(self, method, url, headers):
        session = requests.Session()
        got = session.request(method, url, headers=headers, timeout=5, stream=True)
        if got.status_code == 401:
            self.unread = got
            return Got(401, b"")
        return Got(got.status_code, got.content)


class Async(AsyncBearerContract):
    """It sends by an async client of `library`; `token` obtains the header."""

    library = httpx

    async def arequest(self, auth, method, url, *, headers, body, scope, existing):
        call = auth.call(url, scope)
        async with self.library.AsyncClient(timeout=5, follow_redirects=True) as client:
            headers = {**headers, "Authorization": await self.token(call)}
            got = await client.request(method, url, headers=headers)
            if call.on_response(got.status_code, [], replayable=True):
                headers["Authorization"] = await self.token(call)
                got = await client.request(method, url, headers=headers)
                call.on_response(got.status_code, [], replayable=False)
        return Got(got.status_code, got.content)

    async def token(self, call):
        return await call.aheader()


class TestAsyncFaithful(Async):
    """Nothing planted."""


class TestAsync2Faithful(Async):
    library = httpx2


class Blocking(Async):
    """It waits for the token in the loop's thread."""

    async def token(self, call):
        return call.header()


class TestBlocking(Blocking):
    """Over httpx."""


class TestBlocking2(Blocking):
    library = httpx2


class Minting(Async):
    """Each call that is refused forgets the token, however new, and mints."""

    async def arequest(self, auth, method, url, *, headers, body, scope, existing):
        async with self.library.AsyncClient(timeout=5, follow_redirects=True) as client:
            for _ in range(2):
                token = await auth.aget_token(scope)
                value = token.header()
                got = await client.request(method, url, headers={"Authorization": value})
                if got.status_code != 401:
                    break
                auth.invalidate(await auth.aget_token(scope))
        return Got(got.status_code, got.content)


class TestMinting(Minting):
    """Over httpx."""


class TestMinting2(Minting):
    library = httpx2


class Hurrying(Async):
    """A call that is cancelled throws the token away, since it may have been refused."""

    async def arequest(self, auth, *arguments, **options):
        try:
            return await super().arequest(auth, *arguments, **options)
        except asyncio.CancelledError:
            auth.invalidate(auth.get_token())
            raise


class TestHurrying(Hurrying):
    """Over httpx."""


class TestHurrying2(Hurrying):
    library = httpx2
