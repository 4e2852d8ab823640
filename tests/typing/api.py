"""Code as users write it. It is type-checked and never run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_type

import httpx
import httpx2
import requests
import urllib3
from fastapi import Depends, FastAPI

from credicorp_auth import (
    AccessToken,
    Claims,
    CredicorpAuth,
    Event,
    Introspection,
    Scope,
    Secret,
    Settings,
    TokenVerifier,
    errors,
)
from credicorp_auth.resource import (
    ANY_SCOPE,
    Guard,
    IntrospectingVerifier,
    Refused,
    Verifier,
    asgi,
    wsgi,
)
from credicorp_auth.resource.fastapi import Guard as FastApiGuard
from credicorp_auth.resource.flask import Guard as FlaskGuard
from credicorp_auth_exec import ExecSecretSource
from credicorp_auth_exec import SourceOptions as ExecOptions
from credicorp_auth_files import FilesSecretSource
from credicorp_auth_files import SourceOptions as FilesOptions
from credicorp_auth_httpx import BearerAuth as HttpxBearer
from credicorp_auth_requests import BearerAuth as RequestsBearer
from credicorp_auth_requests import RequestsTransport
from credicorp_auth_urllib3 import BearerPoolManager
from credicorp_auth_vault import VaultOptions, VaultSecretSource

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse


def seen(event: Event) -> None:
    """Observe events."""
    assert_type(event.name, str)


auth = CredicorpAuth(
    client_id="cid",
    client_secret=Secret("secret"),
    scope=["applications:write", "decisions:read"],
    cache_options={"max_entries": 8},
    observers=[seen],
    timeout=2,
)
CredicorpAuth(client_id="cid", client_secret="secret", scope="decisions:read")
CredicorpAuth(secrets=ExecSecretSource(ExecOptions(command=["x", "-y"], timeout="3")))
CredicorpAuth(secrets=FilesSecretSource(FilesOptions(directory="/run", fields="client_id=user")))
CredicorpAuth(secrets=VaultSecretSource(VaultOptions(path="app", token="token", version="3")))
assert_type(CredicorpAuth.from_env(scope="decisions:read"), CredicorpAuth)
assert_type(CredicorpAuth.from_profile("sandbox"), CredicorpAuth)
assert_type(CredicorpAuth.from_settings(Settings(client_id="cid")), CredicorpAuth)

token = auth.get_token(timeout=2.0)
assert_type(token, AccessToken)
assert_type(token.scope, Scope)
assert_type(token.value, Secret)
assert_type(token.expires_at, float)
assert_type(token.header(), str)
assert_type(auth.get_token(scope="decisions:read"), AccessToken)
assert_type(auth.header(), str)
assert_type(auth.invalidate(token), bool)


claims = auth.verify(token, audience="partner-api", required_scope="decisions:read")
assert_type(claims, Claims)
assert_type(claims.scope, Scope)
assert_type(claims.audience, frozenset[str])
verifier = TokenVerifier(issuer="https://as.example", audience="partner-api", algorithms=["ES256"])
assert_type(verifier.verify("token").client_id, str)

emitted = auth.introspect(token)
assert_type(emitted, Introspection)
assert_type(emitted.active, bool)
assert_type(emitted.scope, Scope)
assert_type(emitted.client_id, str | None)
assert_type(emitted.expires_at, float | None)
assert_type(emitted.covers("decisions:read"), bool)
auth.revoke("token")
auth.forget_introspections()


async def use() -> None:
    """Use it from a task."""
    async with TokenVerifier.from_profile("resource") as resource:
        assert_type(await resource.averify(token, required_scope=Scope("a")), Claims)
    async with CredicorpAuth.from_env() as shared:
        assert_type(await shared.averify("token"), Claims)
        assert_type(await shared.aintrospect("token"), Introspection)
        await shared.arevoke(await shared.aget_token())
        assert_type(await shared.aget_token(), AccessToken)
        assert_type(await shared.aheader("decisions:read"), str)


def fail() -> str:
    """Handle errors."""
    try:
        return auth.header()
    except errors.ScopeMissing as missing:
        assert_type(missing.required, frozenset[str])
        return missing.code
    except errors.TokenEndpointBusy as busy:
        assert_type(busy.retry_after, float)
        return busy.hint
    except errors.TokenRequestRefused as refused:
        assert_type(refused.error, str)
        return refused.code


with BearerPoolManager(auth) as pool:
    assert_type(pool.request("GET", "https://hub.credicorp.co.uk/partner/v1/x").status, int)


with requests.Session() as session:
    session.auth = RequestsBearer(auth, scope="decisions:read", existing="refuse")
    session.get("https://hub.credicorp.co.uk/partner/v1/x", auth=RequestsBearer(auth), timeout=5)

httpx.Client(auth=HttpxBearer(auth, existing="keep")).close()
httpx2.Client(auth=HttpxBearer(auth, scope=Scope("decisions:read"))).close()
httpx.AsyncClient(auth=HttpxBearer(auth))
httpx2.AsyncClient(auth=HttpxBearer(auth))
assert_type(BearerPoolManager.around(auth, urllib3.ProxyManager("http://p")), BearerPoolManager)
BearerPoolManager.around(auth, urllib3.PoolManager(), existing="keep")
call = auth.call("https://hub.credicorp.co.uk/partner/v1/x", host=b"hub.credicorp.co.uk")
assert_type(call.on_response(401, ["Bearer"], replayable=True), bool)
assert_type(call.allows("https://hub.credicorp.co.uk/", server_name=["a", b"b"]), bool)
CredicorpAuth(client_id="c", client_secret="s", transport="httpx2")
CredicorpAuth(client_id="c", client_secret="s", transport=RequestsTransport(session=session))


async def asgi_app(scope: asgi.Connection, receive: asgi.Receive, send: asgi.Send) -> None:
    """Serve ASGI."""


def wsgi_app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """Serve WSGI."""
    return wsgi.BearerGuard(wsgi_app, verifier, scope="decisions:read")(environ, start_response)


checkers: list[Verifier[object]] = [
    verifier,
    auth,
    IntrospectingVerifier(auth, locally_first=False),
]
guarded = asgi.BearerGuard(
    asgi_app, checkers[0], scope=Scope("b"), open_paths=("/health",), realm="a"
)
asgi.BearerGuard(guarded, auth, scope=ANY_SCOPE)

plain_guard = Guard(verifier)
assert_type(plain_guard.require({"authorization": "Bearer a"}, {"a", "b"}), Claims)
assert_type(plain_guard.require([(b"authorization", b"Bearer a")], "a"), Claims)
assert_type(plain_guard.requires("a")(wsgi_app) is wsgi_app, bool)
assert_type(Refused(401, (), b"").headers, tuple[tuple[str, str], ...])

service = FastAPI()
for_fastapi = FastApiGuard(auth)
for_fastapi.install(service, public=("openapi",))
service.add_middleware(asgi.BearerGuard, verifier=auth, scope="a")
needed = Depends(for_fastapi.requires("decisions:read"))
assert_type(for_fastapi.requires("a")(wsgi_app) is wsgi_app, bool)


@FlaskGuard(verifier).requires(ANY_SCOPE)
def view(name: str) -> str:
    """Show something."""
    return name
