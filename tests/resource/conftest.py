"""Services on real servers, tokens of the sandbox, and clients that send what they are told to."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import importlib.util
import json
import os
import socket
import socketserver
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
import uvicorn
import waitress.server
from flask import Flask
from flask import g as flask_globals
from werkzeug.exceptions import HTTPException as FlaskException

from credicorp_auth import Claims, TokenVerifier
from credicorp_auth.resource import asgi, wsgi
from credicorp_auth.resource import flask as flask_face
from credicorp_auth_testing.sandbox import Sandbox, SandboxSettings
from credicorp_auth_testing.sandbox.server import LoopbackServer

READ, WRITE = "decisions:read", "applications:write"


class Reply(NamedTuple):
    """What a server has answered."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def error(self) -> Any:
        """The error of the envelope."""
        return json.loads(self.body)["error"]


def ask(port, path="/decisions/dec_1", *, method="GET", token=None, headers=(), body=None) -> Reply:
    """Send a request just as it is told, headers that stand twice included."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        bearer = [] if token is None else [("Authorization", f"Bearer {token}")]
        for name, value in [*bearer, *headers]:
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        return Reply(response.status, response.msg, response.read())
    finally:
        connection.close()


def send_bytes(port, sent: bytes) -> Reply:
    """Send bytes that no client would."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(sent)
        response = http.client.HTTPResponse(connection)
        response.begin()
        return Reply(response.status, response.msg, response.read())


def drive(app, scope, *received):
    """Run an application with what it receives; return what it sends."""
    sent, messages = [], list(received)

    async def receive():
        return messages.pop(0)

    async def send(message):
        sent.append(message)

    asyncio.run(app({"headers": [], "path": "/", **scope}, receive, send))
    assert [] == messages
    return sent


@contextlib.contextmanager
def uvicorn_serving(app, **config):
    """Serve an ASGI application by uvicorn."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, log_level="critical", access_log=False, **config))  # fmt: skip
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.005)
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join()
    listening.close()


@contextlib.contextmanager
def waitress_serving(app):
    """Serve a WSGI application by waitress."""
    server = waitress.server.create_server(app, host="127.0.0.1", port=0, threads=8, asyncore_loop_timeout=0.05)  # fmt: skip
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield server.effective_port
    server.task_dispatcher.shutdown()  # nobody has anything to say any more
    try:
        server.trigger.pull_trigger(server.close)  # on the thread that waits for its sockets
    except OSError:  # its trigger is closed already
        server.close()
    thread.join()


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


class Threaded(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 128


@contextlib.contextmanager
def wsgiref_serving(app):
    """Serve a WSGI application by the standard library."""
    server = make_server("127.0.0.1", 0, app, server_class=Threaded, handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)  # fmt: skip
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@contextlib.contextmanager
def werkzeug_serving(app):
    """Serve a WSGI application by werkzeug."""
    server = LoopbackServer(0, app)
    server.start()
    yield server.server_port
    server.stop()


@contextlib.contextmanager
def hypercorn_serving(app, **config):
    """Serve an ASGI application by hypercorn."""
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    settings, loop, stop = Config(), asyncio.new_event_loop(), asyncio.Event()
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    settings.bind, settings.accesslog, settings.errorlog = [f"fd://{listening.detach()}"], None, None  # fmt: skip
    for name, value in config.items():
        setattr(settings, name, value)
    served = serve(app, settings, shutdown_trigger=stop.wait)
    thread = threading.Thread(target=loop.run_until_complete, args=(served,), daemon=True)
    thread.start()
    yield port
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.close()


@contextlib.contextmanager
def command_serving(*command, issuer):
    """Serve an application of `served.py` by a server that imports it, on a socket of ours."""
    folder = str(Path(__file__).parent)
    path = os.pathsep.join([folder, os.environ.get("PYTHONPATH", "")])
    environ = {**os.environ, "CREDICORP_ISSUER": issuer, "PYTHONPATH": path}
    with socket.create_server(("127.0.0.1", 0)) as listening:
        number = listening.fileno()
        command = [each.replace("SOCKET", str(number)) for each in command]
        with subprocess.Popen([sys.executable, "-m", *command], env=environ, cwd=folder, pass_fds=[number], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:  # fmt: skip
            try:
                yield listening.getsockname()[1]
            finally:
                process.terminate()


def load_served():
    """Load `served.py`, which servers import by its name."""
    spec = importlib.util.spec_from_file_location("served", Path(__file__).with_name("served.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


served = load_served()


def emitted(claims) -> bytes:
    """Say what an application was told about its caller."""
    return json.dumps({"client": claims and claims.client_id}).encode()


async def plain_asgi(scope, receive, send):
    """Answer every request with what is known of the caller."""
    assert "http" == scope["type"]
    kind = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": kind})
    await send({"type": "http.response.body", "body": emitted(scope.get("credicorp_auth.claims"))})


def plain_wsgi(environ, start_response):
    """Answer every request with what is known of the caller."""
    start_response("200 OK", [("Content-Type", "application/json")])
    return [emitted(environ.get("credicorp_auth.claims"))]


def flask_app(verifier):
    """Build a service with Flask."""
    app, guard = Flask("service"), flask_face.Guard(verifier)
    guard.install(app, public=("static",))

    @app.get("/decisions/<name>")
    @guard.requires(READ)
    def read(name):
        return json.loads(emitted(flask_globals.claims))

    @app.post("/applications")
    @guard.requires(WRITE)
    async def apply():
        return json.loads(emitted(flask_globals.claims))

    @app.get("/health")
    @guard.public
    def health():
        return {"client": None}

    @app.errorhandler(FlaskException)
    def refuse(error):
        return {"not": "ours"}, error.code

    return app


def quart_app(verifier):
    """Build a service with Quart."""
    from quart import Quart, g, websocket

    from credicorp_auth.resource.quart import Guard

    app, guard = Quart("service"), Guard(verifier)
    guard.install(app, public=("static",))

    @app.get("/decisions/<name>")
    @guard.requires(READ)
    async def read(name):
        return json.loads(emitted(g.claims))

    @app.post("/applications")
    @guard.requires(WRITE)
    def apply():
        return json.loads(emitted(g.claims))

    @app.get("/health")
    @guard.public
    async def health():
        return {"client": None}

    @app.websocket("/socket")
    @guard.requires(READ)
    async def talk():
        await websocket.send(g.claims.client_id)

    return app


def starlette_app(verifier):
    """Build a service with Starlette."""
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Mount, Route, WebSocketRoute

    from credicorp_auth.resource.starlette import Guard

    guard = Guard(verifier)

    @guard.requires(READ)
    async def read(request):
        return Response(emitted(request.scope["credicorp_auth.claims"]))

    @guard.requires(WRITE)
    def apply(request):
        return Response(emitted(request.scope["credicorp_auth.claims"]))

    @guard.public
    async def health(_request):
        return Response(emitted(None))

    @guard.requires(READ)
    async def talk(websocket):
        await websocket.accept()
        await websocket.send_text(websocket.scope["credicorp_auth.claims"].client_id)
        await websocket.close()

    app = Starlette(
        routes=[
            Mount("/decisions", routes=[Route("/{name}", read)]),
            Route("/applications", apply, methods=["POST"]),
            Route("/health", health),
            WebSocketRoute("/socket", talk),
        ]
    )
    guard.install(app)
    return app


def fastapi_app(verifier):
    """Build a service with FastAPI."""
    from typing import Annotated

    from fastapi import Depends, FastAPI, WebSocket

    from credicorp_auth.resource.fastapi import Guard

    app, guard = FastAPI(), Guard(verifier)
    reader, writer = Depends(guard.requires(READ)), Depends(guard.requires(WRITE))

    def read(name: str, claims):
        return json.loads(emitted(claims))

    async def apply(claims):
        return json.loads(emitted(claims))

    async def talk(websocket, claims):
        await websocket.accept()
        await websocket.send_text(claims.client_id)
        await websocket.close()

    read.__annotations__.update(name=str, claims=Annotated[Claims, reader])
    apply.__annotations__.update(claims=Annotated[Claims, writer])
    talk.__annotations__.update(websocket=WebSocket, claims=Annotated[Claims, reader])
    app.api_route("/decisions/{name}", methods=["GET", "HEAD"])(read)
    app.post("/applications")(apply)
    app.get("/health")(guard.public(lambda: {"client": None}))
    app.websocket("/socket")(talk)
    guard.install(app, public=("openapi", "swagger_ui_html", "swagger_ui_redirect", "redoc_html"))
    return app


def by_hand_app(verifier):
    """Build a service on the standard library's server, which asks the guard itself."""
    from credicorp_auth.resource import Guard, Refused

    guard = Guard(verifier)

    def app(environ, start_response):
        headers = wsgi.list_headers(environ)
        try:
            if environ["PATH_INFO"] == "/health":
                claims = None
            else:
                write = environ["PATH_INFO"] == "/applications"
                claims = guard.require(headers, WRITE if write else READ)
        except Refused as refused:
            start_response(f"{refused.status} Refused", list(refused.headers))
            return [b"" if environ["REQUEST_METHOD"] == "HEAD" else refused.body]
        start_response("200 OK", [("Content-Type", "application/json")])
        return [emitted(claims)]

    return app


def routed_asgi(verifier):
    """Wrap two plain applications, each with its scope, and choose by the path."""
    read = asgi.BearerGuard(plain_asgi, verifier, scope=READ, open_paths=["/health"])
    write = asgi.BearerGuard(plain_asgi, verifier, scope=WRITE)

    async def app(scope, receive, send):
        await (write if scope["path"] == "/applications" else read)(scope, receive, send)

    return app


def routed_wsgi(verifier):
    """Wrap two plain applications, each with its scope, and choose by the path."""
    read = wsgi.BearerGuard(plain_wsgi, verifier, scope=READ, open_paths=["/health"])
    write = wsgi.BearerGuard(plain_wsgi, verifier, scope=WRITE)

    def app(environ, start_response):
        return (write if environ["PATH_INFO"] == "/applications" else read)(environ, start_response)

    return app


FACES = {
    "asgi": lambda verifier: uvicorn_serving(routed_asgi(verifier)),
    "wsgi": lambda verifier: waitress_serving(routed_wsgi(verifier)),
    "wsgiref": lambda verifier: wsgiref_serving(routed_wsgi(verifier)),
    "by_hand": lambda verifier: waitress_serving(by_hand_app(verifier)),
    "fastapi": lambda verifier: uvicorn_serving(fastapi_app(verifier)),
    "starlette": lambda verifier: uvicorn_serving(starlette_app(verifier)),
    "flask": lambda verifier: werkzeug_serving(flask_app(verifier)),
    "quart": lambda verifier: uvicorn_serving(quart_app(verifier)),
}


def mint(sandbox, scope=READ, expires_in=3600.0) -> str:
    """Have the sandbox issue a token, also one that has expired."""
    before, sandbox.switches.expires_in = sandbox.switches.expires_in, expires_in
    form = {"grant_type": "client_credentials", "scope": scope, "client_id": sandbox.client_id, "client_secret": sandbox.client_secret}  # fmt: skip
    try:
        with urllib.request.urlopen(sandbox.token_url, urlencode(form).encode(), timeout=20) as got:
            return json.load(got)["access_token"]
    finally:
        sandbox.switches.expires_in = before


class Issuer(NamedTuple):
    """A sandbox, who verifies its tokens, and some of them."""

    sandbox: Any
    verifier: Any
    read: str
    write: str
    expired: str


@pytest.fixture(scope="session")
def issuer():
    with Sandbox(SandboxSettings(token_rate=10**4, token_burst=10**4)) as sandbox:
        with TokenVerifier(issuer=sandbox.issuer, audience="partner-api") as verifier:
            yield Issuer(sandbox, verifier, mint(sandbox), mint(sandbox, WRITE), mint(sandbox, READ, -600.0))  # fmt: skip


@pytest.fixture(scope="session")
def orphan():
    """A good token whose issuer is gone, and who would have verified it."""
    with Sandbox() as sandbox:
        token = mint(sandbox)
    with TokenVerifier(issuer=sandbox.issuer, audience="partner-api", timeout=2) as verifier:
        yield Issuer(sandbox, verifier, token, token, token)


@pytest.fixture(scope="session")
def serving(issuer):
    """Start the service with each face when it is first asked for; return its port."""
    with contextlib.ExitStack() as stack:
        ports = {}

        def port_of(face):
            if face not in ports:
                ports[face] = stack.enter_context(FACES[face](issuer.verifier))
            return ports[face]

        yield port_of


@pytest.fixture(scope="session")
def lab():
    """Hand out this module: tests cannot import it."""
    return sys.modules[__name__]
