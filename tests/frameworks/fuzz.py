"""
A fuzz of the guards: eight frameworks, each plain, mounted, below a prefix, and wrapped.

    python tests/frameworks/fuzz.py --requests 50000 --record docs/evidence/guards_fuzz.json
    python tests/frameworks/fuzz.py --requests 20000 --first FOLDER

`FOLDER` holds the package of the first edition (`git archive ca72e32 credicorp_auth`), whose
guards read a table of paths in front of the router. The fuzz must find ways round them.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import io
import json
import os
import random
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

READ, WRITE, PUBLIC = "decisions:read", "applications:write", "public"
MOUNT = "/mounted"
NO_RESPONSE = 999


class Service(NamedTuple):
    """A service: how it is built, what serves it, and the prefix of its paths."""

    framework: str
    mode: str
    server: str
    prefix: str = ""
    environment: tuple[tuple[str, str], ...] = ()


FORCED = (("SERVICE_FORCE_SCRIPT_NAME", MOUNT),)
SCRIPT_NAME = (("SCRIPT_NAME", MOUNT), ("SERVICE_WSGI", "1"))
INNER = (("SERVICE_ROOT_PATH", MOUNT),)
SERVICES = [
    Service("starlette", "plain", "daphne"),
    Service("starlette", "mounted", "uvicorn", MOUNT),
    Service("starlette", "root", "hypercorn-root-path", MOUNT),
    Service("starlette", "wrapped", "hypercorn-root-path", MOUNT),
    Service("fastapi", "plain", "uvicorn"),
    Service("fastapi", "mounted", "daphne", MOUNT),
    Service("fastapi", "root", "uvicorn-without-lifespan", MOUNT, INNER),
    Service("fastapi", "wrapped", "uvicorn", MOUNT, INNER),
    Service("flask", "plain", "gunicorn-threads"),
    Service("flask", "mounted", "waitress", MOUNT),
    Service("flask", "root", "gunicorn-threads", MOUNT, SCRIPT_NAME),
    Service("flask", "wrapped", "gunicorn-threads", MOUNT, SCRIPT_NAME),
    Service("quart", "plain", "daphne"),
    Service("quart", "mounted", "uvicorn", MOUNT),
    Service("quart", "root", "daphne-root-path", MOUNT),
    Service("quart", "wrapped", "daphne"),
    Service("django", "plain", "daphne"),
    Service("django", "mounted", "uvicorn", MOUNT),
    Service("django", "root", "uvicorn", MOUNT, FORCED),
    Service("django", "wrapped", "uvicorn", MOUNT, FORCED),
    Service("drf", "plain", "uvicorn"),
    Service("drf", "mounted", "daphne", MOUNT),
    Service("drf", "root", "gunicorn-threads", MOUNT, SCRIPT_NAME),
    Service("drf", "wrapped", "gunicorn-threads", MOUNT, SCRIPT_NAME),
    Service("litestar", "plain", "daphne"),
    Service("litestar", "mounted", "uvicorn", MOUNT),
    Service("litestar", "root", "hypercorn-root-path", MOUNT),
    Service("litestar", "wrapped", "daphne"),
    Service("aiohttp", "plain", "aiohttp"),
    Service("aiohttp", "mounted", "aiohttp", MOUNT),
    Service("aiohttp", "root", "gunicorn-aiohttp", "", SCRIPT_NAME),
    Service("aiohttp", "wrapped", "aiohttp", MOUNT),
]
FIRST = {
    "root_path by the server": Service("quart", "first", "hypercorn-root-path", MOUNT),
    "root_path by a client's header": Service("quart", "first", "daphne"),
    "FORCE_SCRIPT_NAME": Service("django", "first", "uvicorn", "", FORCED),
    "root_path by an inner application": Service("fastapi", "first", "uvicorn", "", INNER),
}
ROUTES = [
    ("GET", "/", PUBLIC),
    ("GET", "/health", PUBLIC),
    ("GET", "/decisions/dec_1", READ),
    ("POST", "/applications", WRITE),
    ("GET", "/pages", READ),
    ("GET", "/deep/inner", WRITE),
]
UNMARKED = ("GET", "/unmarked", "unmarked")
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get", "Post", "DISPATCH"]  # fmt: skip
PREFIXES = [*["Daphne-Root-Path"] * 8, "X-Forwarded-Prefix", "Script-Name", "SCRIPT_NAME", "PATH_INFO", "X-Script-Name", "X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Path"]  # fmt: skip
OVERRIDES = [("X-HTTP-Method-Override", "GET"), ("X-Method-Override", "POST"), ("Upgrade", "websocket"), ("Access-Control-Request-Method", "GET"), ("Authorization", "Basic eDp5"), ("Authorization_", "Bearer x"), ("X-Forwarded-Host", "x"), ("Range", "bytes=0-3")]  # fmt: skip
PIECES = ["/", "//", "/.", "/..", "%2f", "%2e%2e", "%5c", ";x", "?", "%00", "%23", "%20", "é", "%C3%A9", "/health", "/x", "/api", MOUNT, "/decisions", "/applications", "x"]  # fmt: skip
STARTS = ["", "", "/x", "/health", "//", "http://x", "/pages/..", MOUNT * 2]


def mutate(dice, path):
    """Spell a path in another way, or make another of it."""
    for _ in range(dice.randrange(3)):
        at = dice.randrange(len(path) + 1)
        path = dice.choice([
            lambda at=at, path=path: path[:at] + dice.choice(PIECES) + path[at:],
            lambda path=path: dice.choice(PIECES) + path,
            lambda path=path: path.upper(),
            lambda at=at, path=path: path[:at] + path[at + 1 :],
            lambda path=path: dice.choice(["/x", MOUNT]) + path.lstrip("/"),
            lambda path=path: path.rstrip("/") + "/",
            lambda at=at, path=path: path[:at] + "".join(f"%{ord(each):02x}" for each in path[at : at + 1] if ord(each) < 128) + path[at + 1 :],
        ])()  # fmt: skip
    path = path.encode().decode("latin-1")
    return path if path.startswith(("/", "http:")) else f"/{path}"


class AnyBytes(http.client.HTTPConnection):
    """A connection whose paths need not be ASCII."""

    def _encode_request(self, request):
        return request.encode("latin-1")


class Caller:
    """Sends requests to one service over one connection, and reads what has served them."""

    def __init__(self, port, header="Demand"):
        self.port, self.header, self.connection = port, header, None

    def ask(self, method, path, headers):
        """Return the status, what the handler says in its header, and the body."""
        if self.connection is None:
            self.connection = AnyBytes("127.0.0.1", self.port, timeout=60)
        try:
            self.connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in [("Host", "x"), *headers, ("Content-Length", "0")]:
                self.connection.putheader(name, value)
            self.connection.endheaders()
            response = self.connection.getresponse()
            return response.status, response.headers[self.header], response.read()
        except (http.client.HTTPException, OSError, ValueError):
            self.__exit__()  # the server did not take it for a request
            return NO_RESPONSE, None, b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def may_serve(service, served, scopes) -> bool:
    """Say whether a token with these scopes, None for no token, is good for what was served."""
    if served == PUBLIC or (service.mode == "first" and served == UNMARKED[2]):
        return True  # its table opens what no row names
    # Around an application, one scope is demanded of everything.
    wanted = READ if service.mode == "wrapped" and service.framework != "aiohttp" else served
    return wanted in (scopes or ())


def fuzz_service(lab, issuer, service, requests, *, seed=7):
    """Send random requests to one service, and some in order; return what came of them."""
    dice, found, ways = random.Random(f"{seed}{service}"), Counter(), []
    tokens = {None: None, (READ,): issuer.read, (WRITE,): issuer.write, (READ, WRITE): issuer.both}
    environment = {"FUZZED": f"{service.framework} {service.mode}", **dict(service.environment)}
    with (
        lab.serving(service.server, "fuzzed:app", issuer.url, **environment) as port,
        Caller(port) as caller,
    ):
        for _ in range(requests):
            method, path, demand = dice.choice([*ROUTES, UNMARKED])
            if dice.random() < 0.3 and demand != "unmarked":
                bearer = [("Authorization", f"Bearer {issuer.both}")] if demand != PUBLIC or service.prefix else []  # fmt: skip
                status, served, _ = caller.ask(method, service.prefix + path, bearer)
                if status == NO_RESPONSE:  # the server had closed the connection before
                    status, served, _ = caller.ask(method, service.prefix + path, bearer)
                found["well_formed"] += 1
                reached = status < 300 and served == demand
                found["reached"] += reached
                if not reached:
                    ways.append(("lost", method, service.prefix + path, status, served))
                continue
            scopes = dice.choice([None, None, (READ,), (WRITE,), (READ, WRITE), "opaque"])
            value = "opaque" if scopes == "opaque" else tokens[scopes]
            headers = [("Authorization", f"Bearer {value}")] * (value is not None)
            asked = dice.choice([service.prefix, MOUNT, *STARTS]) + path
            if dice.random() < 0.5:
                stated = dice.choice(["/x", MOUNT, "/health", "/", "/decisions", path])
                headers.append((dice.choice(PREFIXES), stated))
                if dice.random() < 0.5:  # the path lies below what the caller states, or beside it
                    asked = stated + dice.choice([path, path[1:]])
            if dice.random() < 0.2:
                headers.append(dice.choice(OVERRIDES))
            asked = mutate(dice, asked)
            method = dice.choice([method, method, dice.choice(METHODS)])
            status, served, body = caller.ask(method, asked, headers)
            found["fuzzed"] += 1
            found[f"status_{status // 100}xx" if status != NO_RESPONSE else "no_response"] += 1
            held = scopes if isinstance(scopes, tuple) else None
            if (served or b"served" in body) and not may_serve(service, served, held):
                found["served_without_its_token"] += 1
                shown = [each for each in headers if each[0] != "Authorization"]
                ways.append(("leak", method, asked, scopes, shown, status, served))
    return found, ways


def fuzz(lab, issuer, services, requests, *, report=print):
    """Fuzz all services, some at once; return the counts and what was wrong, by service."""
    results = {}
    with ThreadPoolExecutor(3) as pool:
        run = partial(fuzz_service, lab, issuer, requests=max(1, requests // len(services)))
        for service, (found, ways) in zip(services, pool.map(run, services), strict=True):
            results[service] = found, ways
            report(service.framework, service.mode, service.server, dict(found), ways[:3])
    return results


def summarise(results):
    """Add up the counts of all services."""
    total = Counter()
    for found, _ in results.values():
        total += found
    reached = total["reached"] / max(1, total["well_formed"])
    return {
        "requests": total["well_formed"] + total["fuzzed"],
        "well_formed": total["well_formed"],
        "reached": total["reached"],
        "reached_share": round(reached, 5),
        "served_without_its_token": total["served_without_its_token"],
    }


ABOUT = "Random requests to the guards of eight frameworks; by `tests/frameworks/fuzz.py --requests 50016 --record …`, and with `--first` for the first edition (commit ca72e32)."  # fmt: skip
CLAIM = "No request is served without the token that its route demands, and those that are in order reach their route."  # fmt: skip
FIRST_CLAIM = (
    "The same fuzz gets round the guards of the first edition, in each of the four known ways."
)
TESTS = ["tests/frameworks/test_fuzz.py::test_fault_355_no_framework_serves_without_the_token"]


def stamp():
    """Return the date, the commit and the versions that figures are true of."""
    git = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short=12", "HEAD"]
    names = ["starlette", "fastapi", "flask", "werkzeug", "quart", "django", "djangorestframework", "litestar", "aiohttp", "uvicorn", "hypercorn", "daphne", "gunicorn", "waitress"]  # fmt: skip
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip(),
        "versions": {"python": sys.version.split()[0], **{name: version(name) for name in names}},
    }


def describe(results):
    """Return the figures of this edition, in all and for each service."""
    services = [
        {"framework": each.framework, "mode": each.mode, "server": each.server, "prefix": each.prefix, **found}
        for each, (found, _) in results.items()
    ]  # fmt: skip
    return {"claim": CLAIM, "tests": TESTS, **stamp(), **summarise(results), "services": services}


def describe_first(results):
    """Return what the same fuzz finds in the first edition, by the way it takes."""
    ways = {}
    for way, service in FIRST.items():
        found, wrong = results[service]
        leaks = [each[1:] for each in wrong if each[0] == "leak"]
        if service.server == "daphne":
            leaks = [each for each in leaks if "Daphne-Root-Path" in dict(each[3])]
        ways[way] = {
            "framework": service.framework,
            "server": service.server,
            "requests": found["well_formed"] + found["fuzzed"],
            "served_without_its_token": len(leaks),
            "examples": leaks[:3],
        }
    return {"claim": FIRST_CLAIM, "tests": TESTS, "ways": ways}


def record(path, figure):
    """Write a figure, in place of one with the same claim."""
    known = json.loads(path.read_text()) if path.exists() else {"figures": []}
    others = [each for each in known["figures"] if each["claim"] != figure["claim"]]
    path.parent.mkdir(parents=True, exist_ok=True)
    evidence = {"about": ABOUT, "scripts": [], "figures": [*others, figure]}
    path.write_text(json.dumps(evidence, indent=1) + "\n")


def emit(*said):
    """Say how far the program is."""
    print(*said, file=sys.stderr)


def main():
    """Run the fuzz as a program."""
    parser = argparse.ArgumentParser(description="Fuzz the guards of all frameworks.")
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--record", type=Path)
    parser.add_argument("--first", help="a folder with the package of the first edition")
    parser.add_argument("--only", default="", help="frameworks, by commas")
    arguments = parser.parse_args()
    import conftest as lab

    sandbox = lab.Sandbox(lab.SandboxSettings(token_rate=10**4, token_burst=10**4))
    with sandbox:
        issuer = lab.Issuer(sandbox.issuer, sandbox.client_id, *(lab.mint(sandbox, each) for each in (READ, WRITE, f"{READ} {WRITE}")))  # fmt: skip
        if arguments.first:
            os.environ["PYTHONPATH"] = arguments.first
        chosen = list(FIRST.values()) if arguments.first else SERVICES
        chosen = [each for each in chosen if each.framework in (arguments.only or each.framework)]
        with contextlib.redirect_stdout(io.StringIO()):  # what the servers say
            results = fuzz(lab, issuer, chosen, arguments.requests, report=emit)
    print(json.dumps(summarise(results)))
    if arguments.record:
        record(arguments.record, (describe_first if arguments.first else describe)(results))


if __name__ == "__main__":
    main()
