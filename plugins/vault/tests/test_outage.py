"""A Vault that is away, slow, elsewhere, or pretends to be: faults 189, 192, 201 and their kind."""

from __future__ import annotations

import socket
import threading

import pytest
from loopback_vault import LoopbackVault, Reply, refusal

from credicorp_auth.errors import SecretUnavailable
from credicorp_auth_testing.wire import Receive, Reset, Send, WireServer, response

pytestmark = pytest.mark.slow


def failure(source):
    """Fetch what cannot be had."""
    with pytest.raises(SecretUnavailable) as caught:
        source.fetch(["client_secret"], timeout=5)

    assert "canary" not in f"{caught.value}"
    return caught.value


def fetch(source):
    """Fetch the secret's value."""
    return source.fetch(["client_secret"], timeout=5).fields["client_secret"].reveal()


AWAY = [
    pytest.param(412, "caught up", id="189-412-behind"),
    pytest.param(429, "throttling", id="189-429-throttled-or-standby"),
    pytest.param(472, "standby", id="189-472-disaster-recovery"),
    pytest.param(473, "standby", id="189-473-performance-standby"),
    pytest.param(500, "internal error", id="189-500-internal"),
    pytest.param(501, "not initialised", id="189-501-uninitialised"),
    pytest.param(502, "cannot be reached", id="189-502-gateway"),
    pytest.param(503, "sealed", id="189-503-sealed"),
    pytest.param(504, "does not respond", id="189-504-gateway"),
]


@pytest.mark.parametrize(("status", "reported"), AWAY)
@pytest.mark.parametrize("step", ["lookup-self", "mounts/secret/app", "data/app"])
def test_fault_189_away(vault, connect, status, reported, step):
    """A Vault that is away is asked twice at most, and unavailable for now."""
    vault.scripted_paths = step
    vault.script = [refusal(status, "error performing token check: Vault is sealed")] * 9
    error = failure(connect(vault))

    assert ("secret.unavailable", True) == (error.code, error.retryable)
    assert f"{reported}" in f"{error}"
    assert f"status {status} (Vault is sealed)" in f"{error}"
    assert 2 == vault.count(step)


@pytest.mark.parametrize(("status", "reported"), AWAY)
def test_fault_189_back_at_the_second_try(vault, connect, status, reported):
    """One hiccup is not noticed."""
    vault.scripted_paths, vault.script = "data/app", [refusal(status)]

    assert "canary-v1" == fetch(connect(vault))


def test_fault_189_the_second_try_is_one_for_all(vault, connect):
    """Two requests of one fetch that both meet a hiccup cost one more try, not two."""
    vault.script = [refusal(503), refusal(403), refusal(503)]

    assert "secret.unavailable" == failure(connect(vault)).code
    assert 3 == len(vault.asked)


@pytest.mark.parametrize(
    ("after", "tries"),
    [("0", 2), ("3600", 1), ("9" * 5000, 1), ("soon", 2), ("Wed, 21 Oct 2065 07:28:00 GMT", 2)],
)
def test_fault_189_retry_after_is_a_lower_bound(vault, connect, after, tries):
    """Who is told to wait longer than the fetch may last does not ask again."""
    vault.script = [Reply(429, {"errors": []}, (("Retry-After", after),))] * 2
    failure(connect(vault))

    assert tries == len(vault.asked)


def test_fault_189_sealed_at_login(vault, connect):
    """A sealed Vault at the login is unavailable, and not a refusal."""
    vault.script = [refusal(503, "Vault is sealed")] * 2
    error = failure(connect(vault, auth="approle", role_id="a", secret_id="canary"))

    assert ("secret.unavailable", True) == (error.code, error.retryable)


@pytest.mark.parametrize("step", ["lookup-self", "data/app", "login"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_fault_192_redirects_are_refused(vault, connect, stack, status, step):
    """Nothing is sent where a redirect points: no token, no role's secret, no request at all."""
    other = stack.enter_context(LoopbackVault())
    other.write(client_secret="evil")
    vault.scripted_paths = step
    vault.script = [Reply(status, {}, (("Location", f"{other.origin}/v1/secret/data/app"),))] * 9
    login = {"auth": "approle", "role_id": "a", "secret_id": "canary"} if step == "login" else {}
    error = failure(connect(vault, **login))

    assert ("secret.redirect_refused", False) == (error.code, error.retryable)
    assert other.origin in f"{error}"
    assert [] == other.asked
    assert 1 == vault.count(step)


@pytest.mark.parametrize(
    "location", ["", "/v1/secret/data/app", "//", "ftp://x/", "http://a@b/", "http://\x7f/"]
)
def test_fault_192_redirects_to_nowhere(vault, connect, location):
    """A target that cannot be read is none."""
    vault.script = [Reply(307, {}, (("Location", location),))]

    assert "secret.redirect_refused" == failure(connect(vault)).code


def test_fault_192_a_target_that_came_twice(vault, connect, stack):
    """Two targets are none."""
    other = stack.enter_context(LoopbackVault())
    vault.script = [Reply(307, {}, (("Location", other.origin), ("Location", other.origin)))]

    assert "secret.redirect_refused" == failure(connect(vault, standby_hosts=other.origin)).code
    assert [] == other.asked


@pytest.mark.parametrize("status", [307, 308])
def test_fault_192_a_standby_that_is_known(vault, connect, stack, status):
    """What a standby was asked is asked once more of the active node, if that is on the list."""
    active = stack.enter_context(LoopbackVault())
    active.write(client_secret="canary-active")
    active.tokens[vault.root] = active.tokens[active.root]
    vault.script = [Reply(status, {}, (("Location", f"{active.origin}/v1/evil?x"),))] * 3
    source = connect(
        vault,
        url=vault.origin.replace("http", "HTTP"),
        standby_hosts=["https://three.example", active.origin],
    )

    assert "canary-active" == fetch(source)
    assert vault.paths() == active.paths()
    assert {vault.root} == {each.token for each in active.asked}


@pytest.mark.parametrize("status", [302, 303])
def test_fault_192_other_redirects_are_not_a_standbys(vault, connect, stack, status):
    """Only 307 and 308 keep method and body, so only these are followed."""
    other = stack.enter_context(LoopbackVault())
    vault.script = [Reply(status, {}, (("Location", other.origin),))]

    assert "secret.redirect_refused" == failure(connect(vault, standby_hosts=other.origin)).code
    assert [] == other.asked


def test_fault_192_a_second_redirect(vault, connect, stack):
    """A redirect is followed once, and not in circles."""
    other = stack.enter_context(LoopbackVault())
    other.script = [Reply(307, {}, (("Location", vault.origin),))] * 9
    vault.script = [Reply(307, {}, (("Location", other.origin),))] * 9
    source = connect(vault, standby_hosts=[vault.origin, other.origin])

    assert "secret.redirect_refused" == failure(source).code
    assert (1, 1) == (len(vault.asked), len(other.asked))


def test_fault_192_never_from_https_to_http(tls_vault, connect, stack, ca_file):
    """A standby that is on the list, but without TLS, gets nothing from one with it."""
    other = stack.enter_context(LoopbackVault())
    tls_vault.script = [Reply(307, {}, (("Location", other.origin),))]
    source = connect(tls_vault, ca_file=ca_file, standby_hosts=other.origin)

    assert "secret.redirect_refused" == failure(source).code
    assert [] == other.asked


def test_over_tls(tls_vault, connect, ca_file):
    """With the authority of `ca_file`, the record is read over TLS."""
    assert "canary-v1" == fetch(connect(tls_vault, ca_file=ca_file))


def test_the_environment_changes_no_authority_that_is_set(
    tls_vault, connect, ca_file, tmp_path, monkeypatch
):
    """CA bundles of the environment and netrc have no say."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "VAULT_CACERT"):
        monkeypatch.setenv(name, str(tmp_path / "nowhere"))

    assert "canary-v1" == fetch(connect(tls_vault, ca_file=ca_file))
    assert not any("authorization" in each.headers for each in tls_vault.asked)


@pytest.mark.parametrize("how", ["latency", "drip"])
def test_fault_201_a_slow_vault_is_waited_for_so_long(vault, connect, how):
    """The timeout is for all of a fetch, and holds against a Vault that drips, too."""
    setattr(vault, how, 5.0 if how == "latency" else 0.05)
    error = failure(connect(vault, timeout=0.4))

    assert ("secret.unavailable", True) == (error.code, error.retryable)
    assert "in time" in f"{error}"
    assert 1 == len(vault.asked)


def test_fault_201_the_timeout_is_for_all_requests_together(vault, connect):
    """Requests that are each in time may together be late."""
    vault.latency = 0.4
    error = failure(connect(vault, timeout=1.0))

    assert "secret.unavailable" == error.code
    assert len(vault.asked) <= 3


@pytest.mark.parametrize("step", [Reset(), Send(b"SSH-2.0-x\r\n"), Send(response(b"{}")[:20])])
def test_what_is_no_answer(connect, step):
    """A connection that breaks, and a peer that speaks something else, are unavailable."""
    with WireServer(*[[Receive(), step]] * 2) as server:
        error = failure(connect(Elsewhere(server.url), timeout=5))

    assert "secret.unavailable" == error.code
    assert server.url.rpartition("/")[0] in f"{error}" or "127.0.0.1" in f"{error}"


class Elsewhere:
    """A Vault that is none."""

    now = staticmethod(lambda: 0.0)
    root = "canary-token"

    def __init__(self, origin):
        self.origin = origin


def test_nobody_listens(connect):
    """A Vault that is down is unavailable for now."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        error = failure(connect(Elsewhere(f"http://127.0.0.1:{unused.getsockname()[1]}")))

    assert ("secret.unavailable", True) == (error.code, error.retryable)


def test_a_status_that_says_nothing(vault, connect):
    """An answer of another status is no record."""
    vault.scripted_paths, vault.script = "data/app", [Reply(418, {})]

    assert "secret.invalid" == failure(connect(vault)).code


def test_fault_291_a_child_reads_on_connections_of_its_own(vault, connect):
    """After a fork neither the lock nor the connection of the parent is used, which stays open."""
    source = connect(vault)
    fetch(source)
    held, release = threading.Event(), threading.Event()

    def hold():
        with source._lock.current():
            held.set()
            release.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(20)
    source.after_fork()

    assert "canary-v1" == fetch(source)
    assert 2 == len({each.port for each in vault.asked})
    assert 2 == vault.connections
    release.set()
    thread.join()


def test_close(vault, connect):
    """Closing closes the connection, and asks Vault for nothing."""
    source = connect(vault)
    fetch(source)
    asked = len(vault.asked)
    source.close()
    vault.wait_until_left()

    assert asked == len(vault.asked)
