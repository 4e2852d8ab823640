"""A `CredicorpAuth` of somebody's own: what it overrides is what is called."""

from __future__ import annotations

import asyncio

import pytest

from credicorp_auth import CredicorpAuth, errors

pytestmark = pytest.mark.slow


class Counting(CredicorpAuth):
    """Writes down what is called, as a team does that wants it in its metrics."""

    calls: list[str]

    def get_token(self, scope=None, *, timeout=None):
        """Count it."""
        self.calls.append("get_token")
        return super().get_token(scope, timeout=timeout)

    async def aget_token(self, scope=None, *, timeout=None):  # noqa: ASYNC109 - as what it overrides
        """Count it."""
        self.calls.append("aget_token")
        return await super().aget_token(scope, timeout=timeout)

    def call(self, url, scope=None):
        """Count it."""
        self.calls.append("call")
        return super().call(url, scope)

    def verify(self, token, *, audience=None, required_scope=None):
        """Count it."""
        self.calls.append("verify")
        return super().verify(token, audience=audience, required_scope=required_scope)

    async def averify(self, token, *, audience=None, required_scope=None):
        """Count it."""
        self.calls.append("averify")
        return await super().averify(token, audience=audience, required_scope=required_scope)

    def introspect(self, token):
        """Count it."""
        self.calls.append("introspect")
        return super().introspect(token)

    async def aintrospect(self, token):
        """Count it."""
        self.calls.append("aintrospect")
        return await super().aintrospect(token)


def counting(sandbox, **settings):
    auth = Counting(
        base_url=sandbox.base_url,
        client_id=sandbox.client_id,
        client_secret=sandbox.client_secret,
        **settings,
    )
    auth.calls = []
    return auth


def test_what_a_subclass_overrides_is_called(open_sandbox):
    """Each method that is shortened for speed can be overridden, and does what it did."""
    sandbox = open_sandbox()
    with counting(sandbox, issuer=sandbox.issuer, audience=sandbox.settings.audience) as auth:
        token = auth.get_token()
        assert token == asyncio.run(auth.aget_token())
        assert token.header() == auth.header() == auth.call(sandbox.base_url).header()
        said = [auth.verify(token), asyncio.run(auth.averify(token))]
        told = [auth.introspect(token), asyncio.run(auth.aintrospect(token))]

    assert {sandbox.client_id} == {each.client_id for each in (*said, *told)}
    assert [
        "get_token",
        "aget_token",
        "get_token",
        "call",
        "verify",
        "averify",
        "introspect",
        "aintrospect",
    ] == auth.calls


def test_a_subclass_without_an_issuer_says_so(open_sandbox):
    """An overridden `verify` is told what is missing, as any other."""
    with counting(open_sandbox()) as auth:
        with pytest.raises(errors.MissingSetting) as sync:
            auth.verify("a.b.c")
        with pytest.raises(errors.MissingSetting) as task:
            asyncio.run(auth.averify("a.b.c"))

    assert "config.verifier" == sync.value.code == task.value.code
