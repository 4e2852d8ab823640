"""The contract of a bearer, over every client of httpx and httpx2, and what is its own."""

from __future__ import annotations

import asyncio
import copy
import io
import pickle
import subprocess
import sys
from importlib import import_module

import pytest
import trio

from credicorp_auth import CredicorpAuth, errors
from credicorp_auth_httpx import BearerAuth
from credicorp_auth_testing.contracts.bearer import AsyncBearerContract, BearerContract
from credicorp_auth_testing.contracts.bearer.harness import REFUSED, Got, serving, tokens_at
from credicorp_auth_testing.fakes import ScriptedTransport
from credicorp_auth_testing.wire import WireServer, response

pytestmark = pytest.mark.slow

DONE = response(b"done")
SEE_OTHER = response(b"", status=302, headers=[("Location", "/second")])
LIBRARIES = ["httpx", "httpx2"]


def extensions_for(scope):
    return {} if scope is None else {"extensions": {"credicorp_auth": {"scope": scope}}}


class SyncClient(BearerContract):
    library = ""

    def request(self, auth, method, url, *, headers, body, scope, existing):
        with self.client(auth, existing) as client:
            got = client.request(
                method, url, headers=headers, content=body, **extensions_for(scope)
            )
        return Got(got.status_code, got.content)

    def client(self, auth, existing, **how):
        bearer = BearerAuth(auth, existing=existing)
        return import_module(self.library).Client(auth=bearer, follow_redirects=True, **how)

    def request_with_defaults(self, auth, url, *, headers, existing):
        with self.client(auth, existing, headers=headers) as client:
            got = client.get(url)
        return Got(got.status_code, got.content)

    def send_again(self, auth, url, between, *, existing):
        with self.client(auth, existing) as client:
            request = client.build_request("GET", url)
            first = client.send(request)
            between()
            second = client.send(request)
        return [Got(each.status_code, each.content) for each in (first, second)]


class AsyncClient(BearerContract):
    library = ""
    run = staticmethod(asyncio.run)

    async def arequest(self, auth, method, url, *, headers, body, scope, existing):
        async with self.client(auth, existing) as client:
            got = await client.request(
                method, url, headers=headers, content=body, **extensions_for(scope)
            )
        return Got(got.status_code, got.content)

    def client(self, auth, existing, **how):
        bearer = BearerAuth(auth, existing=existing)
        library = import_module(self.library)
        return library.AsyncClient(auth=bearer, follow_redirects=True, timeout=5, **how)

    def request_with_defaults(self, auth, url, *, headers, existing):
        async def go():
            async with self.client(auth, existing, headers=headers) as client:
                return await client.get(url)

        got = self.run(go())
        return Got(got.status_code, got.content)

    def send_again(self, auth, url, between, *, existing):
        async def go():
            async with self.client(auth, existing) as client:
                request = client.build_request("GET", url)
                first = await client.send(request)
                between()
                return [first, await client.send(request)]

        return [Got(each.status_code, each.content) for each in self.run(go())]

    def one_shot(self):
        async def pieces():
            yield b"ke"
            yield b"pt"

        return pieces()

    def rewindable(self):
        return b"kept"  # an async client takes no files


class TestHttpxSync(SyncClient):
    library = "httpx"


class TestHttpx2Sync(SyncClient):
    library = "httpx2"


class TestHttpxAsync(AsyncClient, AsyncBearerContract):
    library = "httpx"


class TestHttpx2Async(AsyncClient, AsyncBearerContract):
    library = "httpx2"


def run_trio(coroutine):
    async def main():
        return await coroutine

    return trio.run(main)


class TrioClient(AsyncClient):
    run = staticmethod(run_trio)

    def request(self, auth, method, url, **how):
        return self.run(self.arequest(auth, method, url, **how))


class TestHttpxTrio(TrioClient):
    library = "httpx"


class TestHttpx2Trio(TrioClient):
    library = "httpx2"


@pytest.fixture
def auth_for():
    opened = []

    def auth_for(server):
        opened.append(
            CredicorpAuth(
                base_url=server.url,
                client_id=f"client-{server.port}",
                client_secret="dummy",
                transport=ScriptedTransport(),
            )
        )
        return opened[-1]

    yield auth_for
    for auth in opened:
        auth.close()


def asked_of(library, auth, url, *, waits, **how):
    """Get an address with a blocking or an async client; return the response, which was read."""
    module, bearer = import_module(library), BearerAuth(auth)
    if not waits:
        with module.Client(auth=bearer, **how) as client:
            return client.get(url)

    async def ask():
        async with module.AsyncClient(auth=bearer, **how) as client:
            return await client.get(url)

    return asyncio.run(ask())


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("waits", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize(
    ("script", "follows"),
    [((DONE,), True), ((REFUSED, DONE), True), ((SEE_OTHER, DONE), True), ((SEE_OTHER,), False)],
    ids=["first", "replay", "redirect", "not-followed"],
)
def test_fault_446_a_response_is_pickled_without_its_token(auth_for, library, waits, script, follows):  # fmt: skip
    """446: it, its history and the hop it names can be sent to another process, and no token goes along."""
    with WireServer(*serving(*script)) as server:
        got = asked_of(library, auth_for(server), server.url, waits=waits, follow_redirects=follows)
        pickled = pickle.dumps(got)
        again = pickle.loads(pickled)

    assert b"token-" not in pickled
    assert (got.status_code, got.content) == (again.status_code, again.content)
    assert "Bearer ***" == again.request.headers["Authorization"]
    assert type(again.request.headers) is import_module(library).Headers
    assert len(got.history) == len(again.history)


@pytest.mark.parametrize("library", LIBRARIES)
def test_fault_446_a_copy_of_a_response_can_be_used(auth_for, library):
    """446: a copy shows what the response shows, and its request can be sent again with today's token."""
    with WireServer(*serving(DONE, REFUSED, DONE)) as server:
        auth = auth_for(server)
        got = copy.copy(asked_of(library, auth, server.url, waits=False))
        with import_module(library).Client(auth=BearerAuth(auth)) as client:
            assert 200 == client.send(got.request).status_code

    assert b"done" == got.content
    assert [["Bearer token-1"], ["Bearer token-1"], ["Bearer token-2"]] == tokens_at(server)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_fault_446_copied_headers_are_those_of_the_request(auth_for, library, copied):
    """446: what is copied within the process still holds the header that went out."""
    with WireServer(*serving(DONE)) as server:
        got = asked_of(library, auth_for(server), server.url, waits=False)
    sent, headers = got.request, copied(got.request.headers)

    assert b"done" == copied(got).content

    assert "Bearer token-1" == headers["authorization"]
    assert sent.headers == headers


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    ("how", "again"),
    [
        ({"json": {"kept": 1}}, True),
        ({"data": {"a": "kept"}}, True),
        ({"files": {"f": ("n", b"kept")}, "data": {"a": "b"}}, True),
        ({"files": {"f": io.BytesIO(b"kept")}}, True),
    ],
    ids=["json", "form", "multipart", "multipart-file"],
)
def test_bodies_that_httpx_builds(auth_for, library, how, again):
    """JSON, forms and files in forms that can be wound back are sent again as they were."""
    with WireServer(*serving(REFUSED, DONE)) as server:
        with import_module(library).Client(auth=BearerAuth(auth_for(server))) as client:
            assert 200 == client.post(server.url, **how).status_code

    first, second = (each.received for each in server.connections)
    assert b"kept" in second
    assert first.replace(b"token-1", b"token-2") == second


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    "extensions",
    [
        {"sni_hostname": "evil.example"},
        {"target": b"http://evil.example/"},
        {"target": "evil.example:80"},
    ],
    ids=["name", "target", "text"],
)
def test_fault_363_extensions_that_name_another_server(auth_for, library, extensions):
    """363: what TLS, or the request line, calls the server is an origin of its own."""
    with WireServer(*serving(DONE)) as server:
        with (
            import_module(library).Client(auth=BearerAuth(auth_for(server))) as client,
            pytest.raises(errors.OriginNotAllowed, match="evil"),
        ):
            client.get(server.url, extensions=extensions)

        assert [] == server.connections


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    "extensions", [{"sni_hostname": "127.0.0.1"}, {"target": b"/x"}], ids=["name", "target"]
)
def test_fault_363_extensions_that_name_the_server(auth_for, library, extensions):
    """363: the name of the address, and a path as it stands, are no other server."""
    with WireServer(*serving(DONE)) as server:
        with import_module(library).Client(auth=BearerAuth(auth_for(server))) as client:
            assert 200 == client.get(server.url, extensions=extensions).status_code


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_401_after_an_upgrade_to_https_is_not_repeated(auth_for, library):
    """107: httpx keeps the header from http to https on one host; what is said there is left alone."""
    module = import_module(library)
    seen = []

    class FromMemory(module.BaseTransport):
        def handle_request(self, request):
            seen.append(request.url.scheme)
            if request.url.scheme == "http":
                return module.Response(307, headers={"location": "https://127.0.0.1/"})
            return module.Response(401)

    with CredicorpAuth(
        base_url="http://127.0.0.1",
        client_id=f"upgrade-{library}",
        client_secret="dummy",
        transport=ScriptedTransport(),
    ) as auth:
        client = module.Client(auth=BearerAuth(auth), follow_redirects=True, transport=FromMemory())
        assert 401 == client.get("http://127.0.0.1/").status_code

    assert ["http", "https"] == seen


class Pipe(io.RawIOBase):
    """A file that can be read once."""

    def readable(self):
        return True

    def readinto(self, buffer):
        data, self.data = getattr(self, "data", b"kept"), b""
        buffer[: len(data)] = data
        return len(data)


@pytest.mark.parametrize("library", LIBRARIES)
def test_fault_110_a_form_with_a_pipe_is_sent_once(auth_for, library):
    """110: a file in a form that cannot be wound back is not sent again."""
    with WireServer(*serving(REFUSED, DONE)) as server:
        with import_module(library).Client(auth=BearerAuth(auth_for(server))) as client:
            assert 401 == client.post(server.url, files={"f": Pipe()}).status_code

    assert 1 == len(tokens_at(server))


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_stream_of_the_callers_own_kind_is_sent_once(auth_for, library):
    """A stream class of the caller's may do anything when it is read again."""
    module = import_module(library)

    class Own(module.SyncByteStream):
        def __iter__(self):
            yield b"kept"

    with WireServer(*serving(REFUSED, DONE)) as server:
        with module.Client(auth=BearerAuth(auth_for(server))) as client:
            request = client.build_request("POST", server.url)
            request.stream, request.headers["Content-Length"] = Own(), "4"

            assert 401 == client.send(request).status_code


def test_wishes_that_nobody_knows_are_refused(auth_for):
    """A request that asks for what there is not is not sent."""
    import httpx

    with WireServer(*serving(DONE)) as server:
        with (
            httpx.Client(auth=BearerAuth(auth_for(server))) as client,
            pytest.raises(errors.InvalidSetting, match="scop'"),
        ):
            client.get(server.url, extensions={"credicorp_auth": {"scop": "x"}})

        assert [] == server.connections


def test_a_base_class_of_both(auth_for):
    """One object is an `Auth` of either library, and of the class a user names."""
    import httpx
    import httpx2

    class Mine(BearerAuth):
        """A user's own."""

    with WireServer() as server:
        bearer = Mine(auth_for(server), scope="a")

    assert isinstance(bearer, Mine | BearerAuth)
    assert isinstance(bearer, httpx.Auth)
    assert isinstance(bearer, httpx2.Auth)


def test_auth_flow_is_the_blocking_one(auth_for):
    """A caller that drives `auth_flow` itself gets the same."""
    import httpx

    with WireServer() as server:
        flow = BearerAuth(auth_for(server)).auth_flow(httpx.Request("GET", server.url))

        assert "Bearer token-1" == next(flow).headers["Authorization"]
        flow.close()


ALONE = """
import sys
sys.modules[{missing!r}] = None  # as where it is not installed
from credicorp_auth import CredicorpAuth, errors
from credicorp_auth_httpx import BearerAuth
auth = CredicorpAuth(client_id="c", client_secret="s")
import {present}
assert isinstance(BearerAuth(auth), {present}.Auth)
CredicorpAuth(client_id="c", client_secret="s", transport="{present}").close()
try:
    CredicorpAuth(client_id="c", client_secret="s", transport="{missing}")
except errors.AdapterNotFound as error:
    assert "pip install '{missing}>=" in error.hint
else:
    raise SystemExit("it was made of nothing")
"""
NEITHER = """
import sys
sys.modules["httpx"] = sys.modules["httpx2"] = None
from credicorp_auth import CredicorpAuth, errors
from credicorp_auth_httpx import BearerAuth
try:
    BearerAuth(CredicorpAuth(client_id="c", client_secret="s"))
except errors.AdapterNotFound as error:
    assert "pip install" in error.hint
else:
    raise SystemExit("it was made of nothing")
"""


@pytest.mark.parametrize(
    "program",
    [
        ALONE.format(missing="httpx", present="httpx2"),
        ALONE.format(missing="httpx2", present="httpx"),
        NEITHER,
    ],
    ids=["httpx2", "httpx", "neither"],
)
def test_one_of_the_two_is_enough(program):
    """It works where one library is installed, and says what to install where none is."""
    subprocess.run([sys.executable, "-c", program], check=True)


NAMING = """
import sys
from credicorp_auth_httpx import BearerAuth
assert not {"httpx", "httpx2"} & set(sys.modules)
"""


def test_naming_it_imports_nothing():
    """Neither library is imported before the first object is made."""
    subprocess.run([sys.executable, "-c", NAMING], check=True)
