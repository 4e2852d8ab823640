"""Whatever is asked, no handler serves a request without the token that it demands."""

from __future__ import annotations

import http.client
import importlib.util
import os
import random
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

REQUESTS = int(os.environ.get("CREDICORP_FUZZ", "100"))
"""How many requests each service gets; by hand: 5,000 and more."""
SERVICES = [
    ("test_django", "daphne", "django_apps:asgi_app", "", {}),
    ("test_django", "uvicorn", "django_apps:asgi_app", "/api", {"SERVICE_FORCE_SCRIPT_NAME": "/api"}),
    ("test_django", "gunicorn-threads", "django_apps:wsgi_app", "/api", {"SCRIPT_NAME": "/api"}),
    ("test_litestar", "daphne", "litestar_service:app", "", {}),
    ("test_litestar", "hypercorn-root-path", "litestar_service:app", "/mounted", {}),
    ("test_aiohttp", "aiohttp", "aiohttp_service:app", "", {}),
]  # fmt: skip
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get"]
PREFIXES = ["Daphne-Root-Path", "X-Forwarded-Prefix", "Script-Name", "X-Script-Name", "X-Original-URL", "X-Rewrite-URL"]  # fmt: skip
PIECES = ["/", "//", "/.", "/..", "%2f", "%2e%2e", "%5c", ";x", "?", "%00", "%23", "%20", "é", "%C3%A9", "/health", "/x", "/api", "/mounted", "/decisions", "/static", "/admin"]  # fmt: skip
SECRET = b"a private page"
NO_RESPONSE = 999


def rows_of(module):
    """Return the table of requests of one framework's tests."""
    path = Path(__file__).with_name(f"{module}.py")
    spec = importlib.util.spec_from_file_location(f"fuzzed_{module}", path)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return {tuple(row.split(" ")): statuses for row, statuses in found.ROUTES.items()}


def mutate(dice, path):
    """Spell a path in another way, or make another of it."""
    for _ in range(dice.randrange(3)):
        at = dice.randrange(len(path) + 1)
        path = dice.choice([
            lambda at=at, path=path: path[:at] + dice.choice(PIECES) + path[at:],
            lambda path=path: dice.choice(PIECES) + path,
            lambda path=path: path.upper(),
            lambda path=path: path.rstrip("/") + "/",
            lambda at=at, path=path: path[:at] + "".join(f"%{ord(each):02x}" for each in path[at : at + 1] if ord(each) < 128) + path[at + 1 :],
        ])()  # fmt: skip
    path = path.encode().decode("latin-1")
    return path if path.startswith("/") else f"/{path}"


class AnyBytes(http.client.HTTPConnection):
    """A connection whose paths need not be ASCII."""

    def _encode_request(self, request):
        return request.encode("latin-1")


class Caller:
    """Sends requests to one service over one connection, and reads what has served them."""

    def __init__(self, port):
        self.port, self.connection = port, None

    def ask(self, method, path, headers):
        """Return the status, the route that has served the request, and the body."""
        if self.connection is None:
            self.connection = AnyBytes("127.0.0.1", self.port, timeout=60)
        try:
            self.connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in [*headers, ("Content-Length", "0")]:
                self.connection.putheader(name, value)
            self.connection.endheaders()
            response = self.connection.getresponse()
            return response.status, response.headers["Route"], response.read()
        except (http.client.HTTPException, OSError):
            self.__exit__()  # the server did not take it for a request
            return NO_RESPONSE, None, b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


@pytest.mark.parametrize(("module", "server", "app", "prefix", "environment"), SERVICES)
def test_nothing_is_served_without_its_token(
    bench, issuer, module, server, app, prefix, environment
):
    """Random paths, prefixes, methods and tokens: 0 served without theirs; those in order all arrive."""
    rows, dice = rows_of(module), random.Random(7)
    tokens = [None, issuer.read, issuer.write, issuer.both]
    with bench.serving(server, app, issuer.url, **environment) as port, Caller(port) as caller:
        demands = {}
        for (method, path), statuses in rows.items():
            served = caller.ask(method, prefix + path, [("Authorization", f"Bearer {issuer.both}")])[1]  # fmt: skip
            if served is not None:
                demands[method, served] = statuses
        leaked, lost, arrived = [], [], 0
        for _ in range(REQUESTS):
            (method, path), statuses = dice.choice(list(rows.items()))
            if dice.random() < 0.3:
                best = min(range(4), key=lambda each: statuses[each])
                shown = [("Authorization", f"Bearer {tokens[best]}")] if best else []
                status, *_ = caller.ask(method, prefix + path, shown)
                if status == NO_RESPONSE:  # the server had closed the connection before
                    status, *_ = caller.ask(method, prefix + path, shown)
                arrived += status == statuses[best]
                lost += [(method, path, status)] * (status != statuses[best])
                continue
            token = dice.randrange(5)
            value = [*tokens, "opaque"][token]
            headers = [("Authorization", f"Bearer {value}")] * (value is not None)
            headers += [(dice.choice(PREFIXES), dice.choice(["/x", "/api", "/health", "/decisions", path]))] * (dice.random() < 0.5)  # fmt: skip
            method = dice.choice([method, dice.choice(METHODS)])
            asked = mutate(dice, dice.choice([prefix, "", "/x", "/health"]) + path)
            status, served, body = caller.ask(method, asked, headers)
            allowed = may_serve(demands, method, served, 0 if token == 4 else token)
            if SECRET in body or not (served is None or status >= 400 or allowed):
                leaked.append((token, method, asked, headers[-1:], status, served))

    assert ([], []) == (leaked, lost)
    assert arrived > REQUESTS / 5


def may_serve(demands, method, served, token) -> bool:
    """Say whether a route may serve a request with that token: by its method's row, or any of its."""
    found = demands.get((method, served))
    rows = [found] if found else [each for (_, route), each in demands.items() if route == served]
    return any(each[token] < 400 for each in rows)
