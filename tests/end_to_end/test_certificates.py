"""Faults 435 to 437: certificates, keys and authorities that are renewed on disk while tokens are minted."""

from __future__ import annotations

import json
import os
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trustme

from credicorp_auth import CredicorpAuth, errors
from credicorp_auth.http.messages import HttpRequest
from credicorp_auth.plugin.api.options import AdapterOptions
from credicorp_auth.plugin.loading.registry import TRANSPORT, Registry
from credicorp_auth.wire import tls
from credicorp_auth.wire.options import TransportOptions
from credicorp_auth.wire.tls_files import Renewed, TlsFiles, read_client_certificate

TRANSPORTS = ["urllib3", "requests", "httpx", "httpx2"]


class Handler(BaseHTTPRequestHandler):
    """Grants a token to a client that shows a certificate, and notes the certificate's name."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        shown = self.connection.getpeercert()
        self.server.shown.append(shown["subjectAltName"][0][1] if shown else None)
        self.server.connections.add(self.client_address)
        if self.path == "/slow":
            self.server.reached.set()
            self.server.go_on.wait(10)
        body = json.dumps({"access_token": "t", "token_type": "Bearer", "expires_in": 3600})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())


class Server(ThreadingHTTPServer):
    """A token endpoint that asks for client certificates."""

    daemon_threads = True

    def __init__(self, authority, clients):
        super().__init__(("127.0.0.1", 0), Handler)
        self.shown, self.connections = [], set()
        self.reached, self.go_on = threading.Event(), threading.Event()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(self.context)
        clients.configure_trust(self.context)
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.socket = self.context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)  # fmt: skip
        self.url = f"https://localhost:{self.server_port}"

    def handle_error(self, *_):
        """A client that gave up is no news."""


class Folder:
    """A server, and the files that its client uses."""

    def __init__(self, folder):
        self.folder = folder
        self.authority, self.clients = trustme.CA(), trustme.CA()
        self.ca_file = folder / "ca.pem"
        self.authority.cert_pem.write_to_path(str(self.ca_file))
        self.server = Server(self.authority, self.clients)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def issue(self, name):
        return self.clients.issue_cert(name)

    def write(self, path, text, how="rename"):
        if how == "in place":
            path.write_bytes(text)
            return
        new = path.with_suffix(".new")
        new.write_bytes(text)
        new.replace(path)

    def write_pair(self, name, how="rename"):
        issued = self.issue(name)
        self.write(self.chain, chain_of(issued), how)
        self.write(self.key, issued.private_key_pem.bytes(), how)

    chain = property(lambda self: self.folder / "tls.crt")
    key = property(lambda self: self.folder / "tls.key")

    def transport(self, name, **options):
        given = {"ca_file": str(self.ca_file), **options}
        return Registry().load(TRANSPORT, name, AdapterOptions(given, setting="x"))[0]

    def ask(self, transport, path="/token"):
        return transport.send(post(self.server.url + path), timeout=10).status


def chain_of(issued):
    return b"".join(each.bytes() for each in issued.cert_chain_pems)


def whole(issued):
    return issued.private_key_and_cert_chain_pem.bytes()


def post(url):
    from credicorp_auth.http.secret import SecretBytes

    return HttpRequest("POST", url, {}, SecretBytes(b"a=b"))


@pytest.fixture
def place(tmp_path):
    place = Folder(tmp_path)
    yield place
    place.server.go_on.set()
    place.server.shutdown()
    place.server.server_close()


@pytest.mark.parametrize("name", TRANSPORTS)
@pytest.mark.parametrize("how", ["rename", "in place"])
def test_fault_435_a_renewed_certificate_is_shown_by_the_next_mint(place, name, how):
    """435: the next request after a renewal shows the new certificate; those before share one connection."""
    mine = place.folder / "client.pem"
    place.write(mine, whole(place.issue("old.example")))
    with CredicorpAuth(
        base_url=place.server.url, client_id="c", client_secret="s", transport=name,
        transport_options={"ca_file": str(place.ca_file), "client_certificate": str(mine)},
    ) as auth:  # fmt: skip
        for renewed in (False, False, True, False):
            if renewed:
                place.write(mine, whole(place.issue("a-new-one.example")), how)
            auth.invalidate(auth.get_token())

    assert ["old.example"] * 2 + ["a-new-one.example"] * 2 == place.server.shown
    assert 2 == len(place.server.connections)


def test_fault_435_a_mounted_folder_is_swapped_by_its_link(place):
    """435: Kubernetes swaps one link to change all files of a mount."""
    for name in ("one", "two"):
        folder = place.folder / name
        folder.mkdir()
        issued = place.issue(f"{name}.example")
        (folder / "tls.crt").write_bytes(chain_of(issued))
        (folder / "tls.key").write_bytes(issued.private_key_pem.bytes())
    link = place.folder / "data"
    link.symlink_to("one")
    transport = place.transport(
        "urllib3",
        client_certificate=str(link / "tls.crt"),
        client_key=str(link / "tls.key"),
    )
    place.ask(transport)
    (place.folder / "new").symlink_to("two")
    (place.folder / "new").replace(link)
    place.ask(transport)
    transport.close()

    assert ["one.example", "two.example"] == place.server.shown


@pytest.mark.parametrize("name", TRANSPORTS)
@pytest.mark.parametrize("paired", [True, False])
def test_fault_437_certificate_and_key_may_be_two_files(place, name, paired):
    """437: the chain in one file, the key in another: as `client_key`, or as a pair of paths."""
    place.write_pair("two-files.example")
    chain, key = str(place.chain), str(place.key)
    options = {"client_certificate": [chain, key]} if paired else {"client_certificate": chain, "client_key": key}  # fmt: skip
    transport = place.transport(name, **options)
    place.ask(transport)
    transport.close()

    assert ["two-files.example"] == place.server.shown


@pytest.mark.parametrize(
    "options",
    [
        {"client_key": "k.pem"},
        {"client_certificate": ("c.pem", "k.pem"), "client_key": "k.pem"},
        {"client_certificate": ("c.pem", "k.pem", "x.pem")},
    ],
)
def test_fault_437_files_that_do_not_belong_together(options):
    """437: a key without a certificate, two keys and three files are refused, with the setting named."""
    with pytest.raises(errors.InvalidSetting) as raised:
        TransportOptions(**options)

    assert "`client_certificate`" in str(raised.value)


def test_fault_436_between_two_writes_the_old_pair_serves(place):
    """436: while the new certificate lies beside the old key, nothing fails; then the new pair is shown."""
    place.write_pair("old.example")
    transport = place.transport("urllib3", client_certificate=[str(place.chain), str(place.key)])
    place.ask(transport)
    issued = place.issue("new.example")
    place.write(place.chain, chain_of(issued))
    assert [200, 200] == [place.ask(transport) for _ in range(2)]
    place.key.unlink()
    assert 200 == place.ask(transport)
    place.write(place.key, issued.private_key_pem.bytes())
    place.ask(transport)
    transport.close()

    assert ["old.example"] * 4 + ["new.example"] == place.server.shown


def test_fault_436_a_handshake_that_fails_meanwhile_names_the_files(place):
    """436: if the old pair is no longer accepted, the hint says which files do not fit, and why."""
    place.write_pair("old.example")
    transport = place.transport("urllib3", client_certificate=[str(place.chain), str(place.key)])
    place.write(place.chain, chain_of(place.issue("new.example")))
    trustme.CA().issue_cert("localhost").configure_cert(place.server.context)
    with pytest.raises(errors.TlsFailed) as raised:
        place.ask(transport)
    transport.close()

    assert f"{str(place.chain)!r} holds no certificate with its key" in raised.value.hint
    assert "KEY_VALUES_MISMATCH" in raised.value.hint
    assert str(place.key) in raised.value.hint


@pytest.mark.parametrize("name", TRANSPORTS)
def test_fault_435_a_new_authority_is_trusted(place, name):
    """435: after the CA file was replaced, its server is trusted, and that of the old one no longer."""
    place.write_pair("c.example")
    transport = place.transport(name, client_certificate=[str(place.chain), str(place.key)])
    place.ask(transport)
    after = trustme.CA()
    after.issue_cert("localhost").configure_cert(place.server.context)
    place.write(place.ca_file, after.cert_pem.bytes())
    assert 200 == place.ask(transport)
    place.authority.issue_cert("localhost").configure_cert(place.server.context)
    place.write(place.ca_file, after.cert_pem.bytes() + b"\n")
    with pytest.raises(errors.TlsFailed):
        place.ask(transport)
    transport.close()


@pytest.mark.parametrize("name", TRANSPORTS)
def test_fault_435_a_request_on_the_way_is_finished(place, name):
    """435: a renewal breaks no request that is on an old connection, and that connection ends after it."""
    place.write_pair("old.example")
    transport = place.transport(name, client_certificate=[str(place.chain), str(place.key)])
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(place.ask, transport, "/slow")
        assert place.server.reached.wait(10)
        retired = transport._line.current()
        place.write_pair("new.example")
        assert 200 == place.ask(transport)
        place.server.go_on.set()
        assert 200 == slow.result()
    transport.close()

    assert ["old.example", "new.example"] == place.server.shown
    assert transport._line.current() is not retired
    assert not retired._requests


@pytest.mark.slow
@pytest.mark.parametrize("name", TRANSPORTS)
def test_fault_435_436_renewals_under_load_fail_no_call(place, name):
    """435, 436: 4 threads, 40 renewals in two writes each, certificate and authority: no failed request."""
    place.write_pair("0.example")
    transport = place.transport(name, client_certificate=[str(place.chain), str(place.key)])
    over, statuses = threading.Event(), []

    def ask_on():
        while not over.is_set():
            statuses.append(place.ask(transport))

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask_on) for _ in range(4)]
        for number in range(40):
            before = len(statuses)
            place.write_pair(f"{number % 2 + 1}.example")
            place.write(place.ca_file, place.ca_file.read_bytes())
            while len(statuses) < before + 3 and not any(each.done() for each in asking):
                pass
        over.set()
        for each in asking:
            each.result()
    transport.close()

    assert {200} == set(statuses)
    assert {"1.example", "2.example"} <= set(place.server.shown)


def test_fault_435_a_child_whose_files_are_gone_says_so_and_recovers(place):
    """435: after a fork without the files, requests name them; once they are back, requests work."""
    place.write_pair("c.example")
    transport = place.transport("urllib3", client_certificate=[str(place.chain), str(place.key)])
    place.ask(transport)
    held = place.key.read_bytes()
    place.key.unlink()
    transport.after_fork()
    for _ in range(2):
        with pytest.raises(errors.InvalidSetting, match=r"tls\.key"):
            place.ask(transport)
    place.write(place.key, held)

    assert 200 == place.ask(transport)
    transport.close()


def test_contexts_are_shared_by_what_they_are_made_of(place, monkeypatch):
    """Transports with the same files share a context; another file, or another store, makes another."""
    files = TlsFiles(str(place.ca_file))
    first = tls.build_context(files)
    assert first is tls.build_context(TlsFiles(str(place.ca_file)))
    place.write(place.ca_file, place.authority.cert_pem.bytes())
    assert first is not tls.build_context(files)

    default = tls.build_context(TlsFiles())
    assert default is tls.build_context(TlsFiles())
    monkeypatch.setenv("SSL_CERT_FILE", str(place.ca_file))
    assert default is not tls.build_context(TlsFiles())


def test_contexts_are_bounded(tmp_path):
    """However often a certificate is renewed, a process keeps at most 32 contexts."""
    ca = trustme.CA()
    for number in range(40):
        path = tmp_path / f"{number}.pem"
        ca.cert_pem.write_to_path(str(path))
        tls.build_context(TlsFiles(str(path)))

    assert 32 >= len(tls._CONTEXTS)


def test_two_threads_renew_once(tmp_path):
    """While one thread builds the object again, another gets the former one."""
    path, made, meanwhile = tmp_path / "x", [], []

    def build():
        if made:
            meanwhile.append(renewed.current())  # as another thread, or a signal handler, would
        made.append(object())
        return made[-1]

    path.write_text("a")
    retired = []
    renewed = Renewed(TlsFiles(str(path)), build, retired.append)
    path.write_text("bb")

    assert renewed.current() is made[1]
    assert [made[0]] == meanwhile == retired


def test_a_path_may_be_any_path(tmp_path):
    """`client_certificate` may be text, a path object, or two of either."""
    assert read_client_certificate(tmp_path) == os.fspath(tmp_path)
    assert read_client_certificate([tmp_path, "k"]) == (os.fspath(tmp_path), "k")
    assert read_client_certificate(None) is None
