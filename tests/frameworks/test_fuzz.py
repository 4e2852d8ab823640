"""No matter what is asked, no handler serves a request without the token that it demands."""

from __future__ import annotations

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
SECRET = b"a private page"


def load(name):
    """Load a module of this folder, which tests cannot import."""
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"fuzzed_{name}", path)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


fuzz = load("fuzz")
HUNDREDTH = 500
"""Requests to all services of the program; by hand, it sends 50,000."""


@pytest.mark.parametrize("framework", sorted({each.framework for each in fuzz.SERVICES}))
def test_fault_355_no_framework_serves_without_the_token(lab, issuer, framework):
    """Plain, mounted, below a prefix and wrapped: nothing without its token, all that is in order arrives."""
    services = [each for each in fuzz.SERVICES if each.framework == framework]
    requests = HUNDREDTH * len(services) // len(fuzz.SERVICES)

    results = fuzz.fuzz(lab, issuer, services, requests)

    assert {"plain", "mounted", "root", "wrapped"} == {each.mode for each in services}
    assert [] == [way for _, ways in results.values() for way in ways]
    assert all(found["reached"] == found["well_formed"] for found, _ in results.values())
    assert sum(found["well_formed"] for found, _ in results.values()) > 0


def rows_of(module):
    """Return the table of requests of one framework's tests."""
    return {tuple(row.split(" ")): statuses for row, statuses in load(module).ROUTES.items()}


@pytest.mark.parametrize(("module", "server", "app", "prefix", "environment"), SERVICES)
def test_nothing_is_served_without_its_token(lab, issuer, module, server, app, prefix, environment):
    """Random paths, prefixes, methods and tokens: 0 served without theirs; those in order all arrive."""
    rows, dice = rows_of(module), random.Random(7)
    tokens = [None, issuer.read, issuer.write, issuer.both]
    with (
        lab.serving(server, app, issuer.url, **environment) as port,
        fuzz.Caller(port, "Route") as caller,
    ):
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
                if status == fuzz.NO_RESPONSE:  # the server had closed the connection before
                    status, *_ = caller.ask(method, prefix + path, shown)
                arrived += status == statuses[best]
                lost += [(method, path, status)] * (status != statuses[best])
                continue
            token = dice.randrange(5)
            value = [*tokens, "opaque"][token]
            headers = [("Authorization", f"Bearer {value}")] * (value is not None)
            headers += [(dice.choice(fuzz.PREFIXES), dice.choice(["/x", "/api", "/health", "/decisions", path]))] * (dice.random() < 0.5)  # fmt: skip
            method = dice.choice([method, dice.choice(fuzz.METHODS)])
            asked = fuzz.mutate(dice, dice.choice([prefix, "", "/x", "/health"]) + path)
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
