"""TLS files that are replaced again and again while eight threads call the partner API."""

from __future__ import annotations

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trustme
import urllib3

from busy_callers import rotate_under_load
from credicorp_auth import CredicorpAuth

pytestmark = pytest.mark.slow

REFUSED = b'{"error": "invalid_client"}'
LEAST = 3  # rotations, of which the third withdraws what there was before the first


class Handler(BaseHTTPRequestHandler):
    """Passes the token request of a client whose certificate is accepted on to the sandbox."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        form = self.rfile.read(int(self.headers["Content-Length"]))
        name = self.connection.getpeercert()["subjectAltName"][0][1]
        self.server.shown.add(name)
        status, body = self.server.mint(form) if name in self.server.accepted else (401, REFUSED)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")  # so that each request has a handshake of its own
        self.end_headers()
        self.wfile.write(body)


class MutualTls(ThreadingHTTPServer):
    """The token endpoint of a sandbox, for clients with a certificate (RFC 8705)."""

    daemon_threads = True

    def __init__(self, sandbox, clients):
        super().__init__(("127.0.0.1", 0), Handler)
        self.shown, self.accepted = set(), set()
        self.sandbox, self.http = sandbox, urllib3.PoolManager()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        clients.configure_trust(self.context)
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.socket = self.context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)  # fmt: skip
        self.url = f"https://localhost:{self.server_port}/token"

    def mint(self, form):
        """Return status and body of the sandbox's response."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        response = self.http.request("POST", self.sandbox.token_url, body=form, headers=headers)
        return response.status, response.data

    def show_certificate_of(self, authority):
        """Show a certificate of this authority from now on."""
        authority.issue_cert("localhost").configure_cert(self.context)


class Renewals:
    """The server, the files of its client, and the authorities behind both."""

    def __init__(self, sandbox, folder):
        self.folder, self.sandbox = folder, sandbox
        self.clients, self.authorities = trustme.CA(), [trustme.CA()]
        self.server = MutualTls(sandbox, self.clients)
        self.server.show_certificate_of(self.authorities[0])
        self.trust(self.authorities)
        self.renew_certificate(1)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def connect(self):
        """Return the library beside the server."""
        files = {name: str(self.folder / name) for name in ("ca_file", "client_certificate", "client_key")}  # fmt: skip
        return CredicorpAuth(
            base_url=self.sandbox.base_url, token_url=self.server.url, scope="decisions:read",
            client_id=self.sandbox.client_id, client_secret=self.sandbox.client_secret,
            transport_options=files,
        )  # fmt: skip

    def write(self, name, *parts):
        """Replace a file."""
        new = self.folder / "new"
        new.write_bytes(b"".join(each.bytes() for each in parts))
        new.replace(self.folder / name)

    def trust(self, authorities):
        """Let the client trust these authorities."""
        self.write("ca_file", *(each.cert_pem for each in authorities))

    def renew_certificate(self, number):
        """Replace the client's certificate; the server accepts that and the one before."""
        self.server.accepted = {f"{number - 1}.example", f"{number}.example"}
        issued = self.clients.issue_cert(f"{number}.example")
        self.write("client_certificate", *issued.cert_chain_pems)
        self.write("client_key", issued.private_key_pem)

    def renew_authority(self, _number):
        """Show a certificate of the newest trusted authority; trust that, and one to come."""
        self.server.show_certificate_of(self.authorities[-1])
        self.authorities = [self.authorities[-1], trustme.CA()]
        self.trust(self.authorities)


@pytest.fixture
def renewals(open_sandbox, tmp_path):
    """The server and the files, beside a sandbox whose tokens live for two seconds."""
    renewals = Renewals(open_sandbox(expires_in=2.0), tmp_path)
    yield renewals
    renewals.server.shutdown()
    renewals.server.server_close()
    renewals.server.http.clear()


def test_fault_435_a_client_certificate_under_load(renewals, scale, evidence):
    """435: eight threads, certificates replaced without end, each refused two later: no call fails."""
    with renewals.connect() as auth:
        outcome = rotate_under_load(renewals.sandbox, auth, renewals.renew_certificate, seconds=60 * scale, least=LEAST)  # fmt: skip

    evidence("rotation-client-certificate", **outcome.figures())
    outcome.assert_no_call_failed()
    assert outcome.rotations + 1 == len(renewals.server.shown)


def test_fault_435_an_authority_under_load(renewals, scale, evidence):
    """435: eight threads, authorities replaced without end, none trusted for longer: no call fails."""
    with renewals.connect() as auth:
        outcome = rotate_under_load(renewals.sandbox, auth, renewals.renew_authority, seconds=60 * scale, least=LEAST)  # fmt: skip

    evidence("rotation-ca-file", **outcome.figures())
    outcome.assert_no_call_failed()
