"""Redis over TLS, and what is never done without it: fault 174."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import trustme

from credicorp_auth.errors import CacheUnavailable
from credicorp_auth_redis import CacheOptions

pytestmark = pytest.mark.slow

KEY = "a1" * 32


def failure_of(cache, *, timeout=5):
    with pytest.raises(CacheUnavailable) as caught:
        cache.read(KEY, timeout=timeout)
    return caught.value.code


def test_a_trusted_server_is_used(servers, tls):
    """An authority that was named, a name that fits: entries go over TLS."""
    _, options = tls()
    cache = servers.cache(**options)
    cache.write(KEY, b"x", lifetime=100, timeout=5)

    assert b"x" == cache.read(KEY, timeout=5)


def test_a_name_that_is_looked_up(servers, tls):
    """The name in the address is the one that the certificate must hold."""
    _, options = tls(names=("localhost",))
    options["url"] = options["url"].replace("127.0.0.1", "localhost")
    cache = servers.cache(**options)

    assert cache.read(KEY, timeout=5) is None


@pytest.mark.parametrize(
    "terms",
    [
        pytest.param({"names": ("other.example",)}, id="174-another-name"),
        pytest.param({"signed_by": trustme.CA()}, id="174-unknown-authority"),
    ],
)
def test_a_server_that_cannot_be_trusted_is_not_used(servers, tls, terms):
    """Fault 174: nothing is written there, nor is it tried without TLS."""
    _, options = tls(**terms)
    cache = servers.cache(**options)

    assert ["cache.tls", "cache.tls"] == [failure_of(cache) for _ in range(2)]


def test_fault_174_authorities_of_the_system_do_not_know_it(servers, tls):
    """Without `ca_file` those of the system count, which know no authority of a test."""
    _, options = tls()
    cache = servers.cache(url=options["url"])

    assert "cache.tls" == failure_of(cache)


def test_fault_174_a_server_without_tls_is_not_used(servers, authority, tmp_path):
    """Where TLS is asked for, a server that speaks plainly gets no word of ours, and tells none."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    proxy = servers.proxy(servers.start())
    cache = servers.cache(url=f"rediss://127.0.0.1:{proxy.port}", ca_file=str(tmp_path / "ca.pem"))

    # Redis waits for the end of what it takes for a command.
    assert "cache.timeout" == failure_of(cache, timeout=0.5)
    assert b"GETRANGE" not in proxy.seen


def test_a_client_certificate_is_shown(servers, tls, authority, tmp_path):
    """A server that asks for a certificate gets the one that was named; without it, it refuses."""
    own = tmp_path / "own.pem"
    certificate = authority.issue_cert("client.example")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(own))
    _, options = tls("tls-auth-clients yes")
    welcome = servers.cache(**options, client_certificate=str(own))
    unwelcome = servers.cache(**options)

    assert welcome.read(KEY, timeout=5) is None
    assert failure_of(unwelcome) in {"cache.tls", "cache.unavailable"}


def test_fault_435_437_a_renewed_certificate_is_shown(servers, tls, authority, tmp_path):
    """435, 437: a certificate in two files is read again when they change, idle connections or not."""
    chain, key = tmp_path / "own.crt", tmp_path / "own.key"

    def write(signed_by):
        issued = signed_by.issue_cert("client.example")
        issued.private_key_pem.write_to_path(str(key))
        issued.cert_chain_pems[0].write_to_path(str(chain))

    _, options = tls("tls-auth-clients yes")
    write(authority)
    cache = servers.cache(**options, client_certificate=str(chain), client_key=str(key))
    cache.write(KEY, b"x", lifetime=100, timeout=5)
    write(trustme.CA())  # a stranger's
    assert failure_of(cache) in {"cache.tls", "cache.unavailable"}
    write(authority)
    again = servers.cache(**options, client_certificate=[str(chain), str(key)])

    assert b"x" == again.read(KEY, timeout=5)
    assert b"x" == cache.read(KEY, timeout=5)


def test_fault_174_no_option_loosens_the_terms():
    """Host name and certificate are always checked; no option says otherwise."""
    names = {each.name for each in CacheOptions.__attrs_attrs__}

    assert not {name for name in names if "verify" in name or "check" in name}


ASK = """
import sys
from credicorp_auth.errors import CacheUnavailable
from credicorp_auth_redis import CacheOptions, RedisCache

cache = RedisCache(CacheOptions(url=sys.argv[1], ca_file=sys.argv[2] or None))
try:
    print(cache.read("a1", timeout=20))
except CacheUnavailable as error:
    print(error.code)
"""


@pytest.mark.parametrize(("names_one", "expected"), [(False, "None"), (True, "cache.tls")])
def test_fault_174_beside_a_file_no_other_authority_is_trusted(
    tls, authority, tmp_path, names_one, expected
):
    """A certificate by an authority of the system is of no use once `ca_file` names another."""
    system, other = tmp_path / "system.pem", tmp_path / "other.pem"
    authority.cert_pem.write_to_path(str(system))
    trustme.CA().cert_pem.write_to_path(str(other))
    server, _ = tls()
    ran = subprocess.run(
        [sys.executable, "-c", ASK, f"rediss://127.0.0.1:{server.port}", str(other) * names_one],
        env={**os.environ, "SSL_CERT_FILE": str(system)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (f"{expected}\n", "") == (ran.stdout, ran.stderr)
