"""Contract tests of the transport `curl`, its differences from libcurl, and its discovery."""

import ssl
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import trustme
from credicorp_auth_curl.transport import CurlTransport, Options

from credicorp_auth import CredicorpAuth
from credicorp_auth.errors import DeadlinePassed
from credicorp_auth_testing.contracts.transport import TransportContract
from credicorp_auth_testing.contracts.transport.harness import ask, refusal
from credicorp_auth_testing.wire import Drip, Hold, Receive, Send, WireServer, response

UNSEEN = "libcurl does not tell of part of a line"
UNSENT = "libcurl sends no head of 1 MiB"
EXCUSED = {
    "test_fault_005_006_012_dripped[005-head]": UNSEEN,
    "test_an_https_proxy_that_drips[byte]": UNSEEN,
    "test_fault_009_not_after_a_byte_of_the_response[byte]": UNSEEN,
    "test_fault_015_response_before_the_request_is_read[header]": UNSENT,
    "test_fault_015_broken_pipe[header]": UNSENT,
}


class TestCurlTransport(TransportContract):
    """The contract of every transport."""

    @pytest.fixture(autouse=True)
    def _excused(self, request):
        if request.node.name in EXCUSED:
            pytest.skip(EXCUSED[request.node.name])

    def build_transport(self, **options):
        return CurlTransport(Options(**options))


def test_part_of_a_line_is_late_all_the_same():
    """An excused case differs in its code, not in its deadline."""
    with WireServer([Receive(), Drip(b"HTTP/1.1 200 OK", 0.05)]) as server:
        error = refusal(CurlTransport(Options()), ask(server.url), timeout=0.3)

    assert (DeadlinePassed, "transport.read_timeout") == (type(error), error.code)


def test_a_head_too_large_for_libcurl_is_told():
    """Nothing is sent, and the error is not retryable."""
    with WireServer([Hold()]) as server:
        error = refusal(CurlTransport(Options()), ask(server.url, large="x" * 1_100_000))

    assert ("transport.protocol", False) == (error.code, error.retryable)


def test_threads_do_not_share_a_handle():
    """Each of many concurrent requests gets its own response."""
    script = [Receive(), Send(response(b"1")), Receive(), Send(response(b"2"))]
    transport = CurlTransport(Options())
    with WireServer(script) as server, ThreadPoolExecutor(8) as threads:
        sent = [threads.submit(transport.send, ask(server.url), timeout=5) for _ in range(80)]
        bodies = {each.result().body.reveal() for each in sent}
        transport.close()

    assert {b"1", b"2"} == bodies


def test_beside_a_file_the_system_is_not_trusted(tmp_path):
    """With `ca_file`, an authority in libcurl's default folder is not trusted."""
    stranger, trusted = trustme.CA(), trustme.CA()
    trusted.cert_pem.write_to_path(tmp_path / "ca.pem")
    stranger.cert_pem.write_to_path(tmp_path / "stranger.pem")
    system = tmp_path / "system"
    system.mkdir()
    (system / "stranger.pem").write_bytes(stranger.cert_pem.bytes())
    subprocess.run(["openssl", "rehash", str(system)], check=True)
    program = """
import sys
from credicorp_auth_curl.transport import CurlTransport, Options
from credicorp_auth_testing.contracts.transport.harness import ask
print(CurlTransport(Options(ca_file=sys.argv[1] or None)).send(ask(sys.argv[2]), timeout=5).status)
"""
    mount = 'mount --bind "$0" /etc/ssl/certs && exec "$@"'
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    stranger.issue_cert("127.0.0.1").configure_cert(context)

    def ask_it(ca_file, url):
        command = [
            "unshare",
            "--mount",
            "sh",
            "-c",
            mount,
            str(system),
            sys.executable,
            "-c",
            program,
        ]
        return subprocess.run([*command, ca_file, url], capture_output=True, text=True, check=False)

    with WireServer([Receive(), Send(response())], tls=context) as server:
        by_folder = ask_it("", server.url)
        by_file = ask_it(str(tmp_path / "ca.pem"), server.url)
    if "unshare" in by_folder.stderr or "mount:" in by_folder.stderr:
        pytest.skip("only root can mount a folder, and CI is root")

    assert "200\n" == by_folder.stdout, by_folder.stderr
    assert "transport.tls" in by_file.stderr


def test_it_is_found_by_its_name():
    """Settings choose it by name."""
    CredicorpAuth(transport="curl", client_id="c", client_secret="s").close()
