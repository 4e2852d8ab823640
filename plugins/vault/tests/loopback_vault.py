"""
A Vault on loopback: real sockets, real HTTP, and the answers that a Vault gives.

It knows tokens that live and die by a clock which tests can move, the logins, kv in both versions,
an engine that makes credentials on demand, and the ways in which a Vault is away.
"""

from __future__ import annotations

import itertools
import json
import secrets
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit


class Asked(NamedTuple):
    """One request, as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: str
    port: int

    @property
    def token(self):
        return self.headers.get("x-vault-token")


class Reply(NamedTuple):
    """One answer, as it goes."""

    status: int
    members: dict[str, Any] | None = None
    headers: tuple[tuple[str, str], ...] = ()
    raw: bytes | None = None


def envelope(**members):
    """What a Vault puts around what it answers."""
    return {
        "request_id": "5c3d1f7e-0000-4000-8000-000000000000",
        "lease_id": "",
        "renewable": False,
        "lease_duration": 0,
        "data": None,
        "wrap_info": None,
        "warnings": None,
        "auth": None,
        **members,
    }


def refusal(status, *errors):
    return Reply(status, {"errors": list(errors)})


class VaultToken:
    """A token that a client holds."""

    def __init__(self, paths, ttl, max_ttl, renewable, expires):
        self.paths = paths  # None: all
        self.ttl = ttl
        self.max_ttl = max_ttl
        self.renewable = renewable
        self.born = expires - ttl if ttl else 0.0
        self.expires = expires if ttl else None


class LoopbackVault:
    """
    A Vault.

    Args:
        tls: Its TLS settings; plain http without.
        newer: Whether it answers as a newer one does: 403 where older ones say 400.
    """

    def __init__(self, *, tls=None, newer=False):
        self.newer = newer
        self.root = "hvs.canary-root-token"
        self.tokens = {self.root: VaultToken(None, 0, 0, False, 0.0)}
        self.mounts = {
            "secret": ("kv", {"version": "2"}),
            "kv1": ("kv", {"version": "1"}),
            "team/kv": ("kv", {"version": "2"}),
            "database": ("database", None),
            "transit": ("transit", None),
        }
        self.versions = {}  # (mount, path) -> list of versions
        self.plain = {}  # (mount, path) -> members of the answer
        self.roles = {}  # (auth mount, what is shown) -> token settings
        self.secret_ids = {}  # secret id -> uses that are left
        self.asked = []
        self.script = []  # replies in place of the next ones
        self.scripted_paths = ""  # only for paths that hold this
        self.latency = 0.0
        self.drip = 0.0  # seconds between the bytes of a body
        self.moved = 0.0  # seconds the clock was moved
        self._ticks = itertools.count(1)
        self.connections = 0  # that are open
        self._lock = threading.RLock()
        self._left = threading.Condition(self._lock)
        self._server = _Server(self, tls)
        self.origin = f"http{'s' if tls else ''}://localhost:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_exception):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def came(self):
        """Take note of a connection."""
        with self._lock:
            self.connections += 1

    def left(self):
        """Take note of the end of one."""
        with self._left:
            self.connections -= 1
            self._left.notify_all()

    def wait_until_left(self):
        """Wait until no connection is open."""
        with self._left:
            assert self._left.wait_for(lambda: self.connections == 0, 20)

    def now(self):
        """Seconds on the clock that tokens live by."""
        return time.monotonic() + self.moved

    def paths(self):
        """The paths asked for so far."""
        return [each.path for each in self.asked]

    def count(self, ending):
        """How often a path with that ending was asked for."""
        return sum(each.endswith(ending) for each in self.paths())

    def issue(self, paths=None, *, ttl=0, max_ttl=0, renewable=True, value=None):
        """Make a token; with ttl 0 one that lives for ever."""
        with self._lock:
            token = value or f"hvs.canary-{secrets.token_hex(12)}"
            renewable = renewable and ttl > 0
            self.tokens[token] = VaultToken(paths, ttl, max_ttl, renewable, self.now() + ttl)
            return token

    def write(self, path="app", *, mount="secret", **data):
        """Write a new version of a record."""
        with self._lock:
            self.versions.setdefault((mount, path), []).append(
                {
                    "data": data,
                    "deletion_time": "",
                    "destroyed": False,
                    "created": next(self._ticks),
                }
            )
            return len(self.versions[mount, path])

    def write_plain(self, path="app", *, mount="kv1", lease=0, lease_id="", **data):
        """Write a record that has no versions."""
        self.plain[mount, path] = {"data": data, "lease_duration": lease, "lease_id": lease_id}

    def delete(self, number, path="app", *, mount="secret", destroy=False):
        """Delete a version, or destroy it."""
        held = self.versions[mount, path][number - 1]
        held.update(data=None)
        held.update(
            {"destroyed": True} if destroy else {"deletion_time": "2026-01-02T03:04:05.678901234Z"}
        )

    def allow(self, auth, shown, paths=None, **token):
        """Let anyone who shows this at an auth mount have such tokens."""
        self.roles[auth, shown] = {"paths": paths, **token}

    def response(self, asked, certificate):
        """Answer a request."""
        with self._lock:
            self.asked.append(asked)
            if self.script and self.scripted_paths in asked.path:
                return self.script.pop(0)
            path = unquote(asked.path).removeprefix("/v1/")
            if path.startswith("auth/") and path.endswith("/login"):
                return self._log_in(path[len("auth/") : -len("/login")], asked, certificate)
            held = self.tokens.get(asked.token or "")
            if held is None or (held.expires is not None and self.now() >= held.expires):
                return self._refuse(asked.token)
            return self._serve(path, asked, held)

    def _serve(self, path, asked, held):
        if path.startswith("auth/token/"):
            return self._token(path.removeprefix("auth/token/"), asked.token, held)
        if path.startswith("sys/internal/ui/mounts/"):
            return self._mount(path.removeprefix("sys/internal/ui/mounts/"), held)
        if held.paths is not None and path not in held.paths:
            return refusal(403, "1 error occurred:\n\t* permission denied\n\n")
        return self._read(path, asked.query)

    def _refuse(self, token):
        if token is None and not self.newer:
            return refusal(400, "missing client token")
        if self.newer:
            return refusal(403, "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n")
        return refusal(403, "permission denied")

    def _log_in(self, auth, asked, certificate):
        body = json.loads(asked.body or "{}")
        shown = body.get("role_id") or body.get("jwt") or certificate
        role = body.get("role") or body.get("name")
        settings = self.roles.get((auth, (shown, role) if role else shown))
        if settings is None:
            return refusal(
                400 if not self.newer else 403,
                "invalid role ID" if "role_id" in body else "permission denied",
            )
        if "role_id" in body:
            left = self.secret_ids.get(body.get("secret_id"), 0)
            if left < 1:
                return refusal(
                    400, "invalid secret id" if not self.newer else "invalid role or secret ID"
                )
            self.secret_ids[body["secret_id"]] = left - 1
        return Reply(200, envelope(auth=self._auth(self.issue(**settings))))

    def _auth(self, token):
        held = self.tokens[token]
        left = round(held.expires - self.now()) if held.expires is not None else 0
        return {
            "client_token": token,
            "accessor": "a",
            "policies": ["app", "default"],
            "token_policies": ["app", "default"],
            "metadata": None,
            "lease_duration": left,
            "renewable": held.renewable,
            "entity_id": "",
            "token_type": "service" if held.renewable else "batch",
            "orphan": True,
        }

    def _token(self, verb, token, held):
        if held.paths is not None and f"auth/token/{verb}" not in {
            *held.paths,
            "auth/token/renew-self",
            "auth/token/lookup-self",
        }:
            return refusal(403, "1 error occurred:\n\t* permission denied\n\n")
        left = 0 if held.expires is None else int(held.expires - self.now())
        if verb == "lookup-self":
            data = {
                "ttl": left,
                "creation_ttl": held.ttl,
                "renewable": held.renewable,
                "id": token,
                "policies": ["app"],
            }
            return Reply(200, envelope(data=data))
        if not held.renewable:
            return refusal(
                400,
                "lease is not renewable"
                if held.expires is None
                else "batch tokens cannot be renewed",
            )
        end = self.now() + held.ttl
        held.expires = min(end, held.born + held.max_ttl) if held.max_ttl else end
        return Reply(200, envelope(auth=self._auth(token)))

    def _find_mount(self, path):
        return next((each for each in self.mounts if f"{path}/".startswith(f"{each}/")), None)

    def _mount(self, path, held):
        mount = self._find_mount(path)
        if mount is None or (
            held.paths is not None and not any(each.startswith(mount) for each in held.paths)
        ):
            return refusal(
                403,
                f"preflight capability check returned 403, please ensure client's policies grant access to path {path!r}",
            )
        kind, options = self.mounts[mount]
        data = {
            "accessor": "kv_1",
            "config": {},
            "description": "",
            "local": False,
            "options": options,
            "path": f"{mount}/",
            "type": kind,
        }
        return Reply(200, envelope(data=data))

    def _read(self, path, query):
        mount = self._find_mount(path)
        if mount is None:
            return refusal(404, f"no handler for route {path!r}")
        kind, options = self.mounts[mount]
        below = path.removeprefix(f"{mount}/")
        if kind == "transit":
            return refusal(405, "1 error occurred:\n\t* unsupported operation\n\n")
        if options == {"version": "2"}:
            return self._read_version(mount, below, query)
        held = self.plain.get((mount, below))
        return refusal(404) if held is None else Reply(200, envelope(**held))

    def _read_version(self, mount, below, query):
        if not below.startswith("data/"):
            warning = "Invalid path for a versioned K/V secrets engine. See the API docs."
            return Reply(404, envelope(warnings=[warning]))
        versions = self.versions.get((mount, below.removeprefix("data/")), [])
        number = int(query.get("version", 0)) or len(versions)
        if not 1 <= number <= len(versions):
            return refusal(404)
        held = versions[number - 1]
        metadata = {
            "created_time": f"2026-01-02T03:04:05.{held['created']:09d}Z",
            "deletion_time": held["deletion_time"],
            "destroyed": held["destroyed"],
            "version": number,
        }
        status = 200 if held["data"] is not None else 404
        return Reply(status, envelope(data={"data": held["data"], "metadata": metadata}))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, vault, tls):
        super().__init__(("127.0.0.1", 0), _handler_of(vault))
        self._tls = tls

    def finish_request(self, request, address):
        # The handshake belongs to the thread of the connection, not to the one that accepts.
        if self._tls is None:
            super().finish_request(request, address)
            return
        with self._tls.wrap_socket(request, server_side=True) as wrapped:
            super().finish_request(wrapped, address)

    def handle_error(self, request, client_address):
        """Say nothing: clients that go away are what some tests are about."""


def _handler_of(vault):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self):
            vault.came()
            super().setup()

        def finish(self):
            super().finish()
            vault.left()

        def log_message(self, *_arguments):
            """Say nothing."""

        def _serve(self):
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0))).decode()
            asked = Asked(
                self.command,
                parts.path,
                dict(parse_qsl(parts.query)),
                headers,
                body,
                self.client_address[1],
            )
            reply = vault.response(asked, self._certificate())
            time.sleep(vault.latency)
            raw = json.dumps(reply.members).encode() + b"\n" if reply.raw is None else reply.raw
            self.send_response(reply.status)
            self.send_header("Cache-Control", "no-store")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            for name, value in reply.headers:
                self.send_header(name, value)
            self.end_headers()
            if not vault.drip:
                self.wfile.write(raw)
                return
            for byte in raw:
                self.wfile.write(bytes([byte]))
                time.sleep(vault.drip)

        def _certificate(self):
            if not isinstance(self.connection, ssl.SSLSocket):
                return None
            names = (self.connection.getpeercert() or {}).get("subjectAltName", ())
            return names[0][1] if names else None

        do_GET = do_POST = _serve  # noqa: N815 # http.server's own

    return Handler
