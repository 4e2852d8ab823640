"""How the source comes by a token of Vault, keeps it alive, and does without a dead one."""

from __future__ import annotations

import json
import threading

import pytest
from loopback_vault import Reply, envelope

from credicorp_auth.errors import SecretUnavailable

pytestmark = pytest.mark.slow

READ = ["secret/data/app"]


def failure(source):
    """Fetch what cannot be had."""
    with pytest.raises(SecretUnavailable) as caught:
        source.fetch(["client_secret"], timeout=5)

    assert "canary" not in f"{caught.value}"
    return caught.value


def fetch(source):
    """Fetch the secret's value."""
    return source.fetch(["client_secret"], timeout=5).fields["client_secret"].reveal()


@pytest.fixture
def approle(vault, connect):
    """Build a source that logs in by AppRole, with tokens as they are told."""

    def build(*, uses=100, paths=READ, ttl=90, **token):
        vault.allow("approle", "role-canary", paths, ttl=ttl, **token)
        vault.secret_ids["secret-id-canary"] = uses
        return connect(vault, auth="approle", role_id="role-canary", secret_id="secret-id-canary")

    return build


def test_token(vault, connect):
    """A token that was given is shown, and looked at once."""
    source = connect(vault)
    fetch(source)
    fetch(source)

    assert {vault.root} == {each.token for each in vault.asked}
    assert 1 == vault.count("/lookup-self")


def test_token_file(vault, connect, tmp_path):
    """A token file is read at each fetch, as an agent may renew it."""
    path = tmp_path / "token"
    path.write_text(f"{vault.root}\n")
    source = connect(vault, token_file=str(path))
    fetch(source)
    path.write_text(vault.issue(READ, ttl=60, value="hvs.canary-second"))
    fetch(source)

    assert "hvs.canary-second" == vault.asked[-1].token
    assert {vault.root, "hvs.canary-second"} == {each.token for each in vault.asked}


def test_approle(vault, approle):
    """Role id and secret id are sent to the login, and nowhere else."""
    source = approle()

    assert "canary-v1" == fetch(source)
    login, *others = vault.asked
    assert {"role_id": "role-canary", "secret_id": "secret-id-canary"} == json.loads(login.body)
    assert (None, "/v1/auth/approle/login") == (login.token, login.path)
    assert {""} == {each.body for each in others}


def test_approle_with_a_secret_id_from_a_file(vault, connect, tmp_path):
    """A secret id that is used up is replaced by the writer of the file; each login reads it."""
    vault.allow("team/approle", "role", READ, ttl=90)
    vault.secret_ids.update({"first": 1, "second": 1})
    path = tmp_path / "secret-id"
    path.write_text("first\n")
    source = connect(
        vault, auth="approle", auth_mount="team/approle", role_id="role", secret_id_file=str(path)
    )
    fetch(source)
    vault.moved += 100
    path.write_text("second\n")
    fetch(source)

    assert 2 == vault.count("auth/team/approle/login")


def test_approle_without_a_secret_id(vault, connect):
    """A role may need no secret id: null is sent, which Vault takes for none."""
    vault.allow("approle", "role", READ, ttl=90)
    vault.secret_ids[None] = 1

    assert "canary-v1" == fetch(connect(vault, auth="approle", role_id="role"))


@pytest.fixture
def wrapped(vault, connect, tmp_path):
    """Build a source whose secret id comes wrapped, in a file; return it and what writes the file."""
    vault.allow("approle", "role-canary", READ, ttl=90)
    vault.secret_ids.update({"secret-id-canary": 100, "second-canary": 100})
    path = tmp_path / "wrapping-token"

    def hand_over(token):
        path.write_text(f"{token}\n")

    def build(**options):
        given = {"role_id": "role-canary", "secret_id_file": str(path), "secret_id_wrapped": True}
        return connect(vault, auth="approle", **{**given, **options})

    return build, hand_over


def test_a_wrapped_secret_id_is_unwrapped_once(vault, wrapped):
    """The wrapping token is spent at the first login; later ones use the secret id that was in it."""
    build, hand_over = wrapped
    hand_over(vault.wrap(secret_id="secret-id-canary"))
    source = build()
    for _ in range(3):
        fetch(source)
        vault.moved += 100

    assert (3, 1) == (vault.count("/login"), vault.count("/unwrap"))
    login = next(each for each in vault.asked if each.path.endswith("/login"))
    assert {"role_id": "role-canary", "secret_id": "secret-id-canary"} == json.loads(login.body)
    assert login.token is None


def test_fault_460_a_new_wrapping_token_is_unwrapped_at_the_next_login(vault, wrapped):
    """The file is replaced with a new wrapping token, and nothing has to restart."""
    build, hand_over = wrapped
    hand_over(vault.wrap(secret_id="secret-id-canary"))
    source = build()
    fetch(source)
    vault.secret_ids["secret-id-canary"] = 0
    vault.moved += 100
    hand_over(vault.wrap(secret_id="second-canary"))

    assert "canary-v1" == fetch(source)
    assert 2 == vault.count("/unwrap")


def test_a_wrapped_secret_id_as_an_option(vault, connect, wrapped):
    """The token may be given itself, and text from the environment turns unwrapping on."""
    build, _ = wrapped
    token = vault.wrap(secret_id="secret-id-canary")

    assert "canary-v1" == fetch(
        build(secret_id=token, secret_id_file=None, secret_id_wrapped="true")
    )


def test_fault_460_a_wrapping_token_that_somebody_used(vault, wrapped):
    """A token that is spent or expired is `secret.denied`, and the hint says what that may mean."""
    build, hand_over = wrapped
    hand_over("hvs.canary-wrapping-of-yesterday")
    error = failure(build())

    assert ("secret.denied", False) == (error.code, error.retryable)
    assert "wrapping token is not valid" in str(error)
    assert "somebody else" in error.hint
    assert 0 == vault.count("/login")


@pytest.mark.parametrize(
    ("path", "namespace", "code"),
    [
        ("auth/approle/role/app/secret-id", None, None),
        ("ns1/auth/approle/role/app/secret-id", "ns1", None),
        ("auth/approle/role/app/secret-id", "ns1", None),
        ("sys/wrapping/wrap", None, "secret.denied"),
        ("secret/data/auth/approle/role/app/secret-id", None, "secret.denied"),
        ("ns2/auth/approle/role/app/secret-id", "ns1", "secret.denied"),
        ("auth/other/role/app/secret-id", None, "secret.denied"),
        ("auth/approle/role/app/role-id", None, "secret.denied"),
    ],
)
def test_fault_460_a_token_wrapped_at_another_path_is_left_wrapped(vault, wrapped, path, namespace, code):  # fmt: skip
    """Anybody can wrap anything somewhere; a secret id is wrapped by its role alone."""
    build, hand_over = wrapped
    hand_over(vault.wrap(path, secret_id="secret-id-canary"))
    source = build(namespace=namespace)
    if code is None:
        assert "canary-v1" == fetch(source)
        return

    assert code == failure(source).code
    assert (0, 0) == (vault.count("/unwrap"), vault.count("/login"))


@pytest.mark.parametrize("data", [{}, {"secret_id": 7}, {"secret_id": ""}])
def test_a_wrapped_answer_without_a_secret_id(vault, wrapped, data):
    """What was wrapped may be something else: `secret.invalid`."""
    build, hand_over = wrapped
    hand_over(vault.wrap(**data))

    assert "secret.invalid" == failure(build()).code


def test_a_token_that_expires_between_look_up_and_unwrapping(vault, wrapped):
    """It is refused like one that is unknown."""
    build, hand_over = wrapped
    hand_over(vault.wrap(secret_id="secret-id-canary"))
    vault.scripted_paths = "unwrap"
    vault.script = [Reply(400, {"errors": ["wrapping token is not valid or does not exist"]})]

    assert "secret.denied" == failure(build()).code


@pytest.mark.parametrize(
    ("auth", "mount"),
    [("kubernetes", None), ("kubernetes", "k8s/eu"), ("jwt", None), ("jwt", "oidc")],
)
@pytest.mark.parametrize("by_file", [True, False])
def test_jwt_and_kubernetes(vault, connect, tmp_path, auth, mount, by_file):
    """The workload's own token and its role are sent to the login."""
    path = tmp_path / "jwt"
    path.write_text("canary.jwt\n")
    vault.allow(mount or auth, ("canary.jwt", "app"), READ, ttl=90)
    shown = {"jwt_file": str(path)} if by_file else {"jwt": "canary.jwt"}

    assert "canary-v1" == fetch(connect(vault, auth=auth, auth_mount=mount, role="app", **shown))


def test_kubernetes_reads_the_service_account(vault, connect):
    """Without `jwt_file`, the file is the one that Kubernetes mounts."""
    error = failure(connect(vault, auth="kubernetes", role="app"))

    assert "secret.missing" == error.code
    assert "/var/run/secrets/kubernetes.io/serviceaccount/token" in f"{error}"


@pytest.mark.parametrize("role", [None, "app"])
def test_cert(tls_vault, connect, authority, ca_file, tmp_path, role):
    """The certificate of the client logs in, by TLS alone."""
    path = tmp_path / "client.pem"
    authority.issue_cert("client.example").private_key_and_cert_chain_pem.write_to_path(str(path))
    tls_vault.allow(
        "my certs", ("client.example", role) if role else "client.example", READ, ttl=90
    )
    source = connect(
        tls_vault,
        auth="cert",
        auth_mount="my certs",
        role=role,
        ca_file=ca_file,
        client_certificate=str(path),
    )

    assert "canary-v1" == fetch(source)
    assert "/v1/auth/my%20certs/login" == tls_vault.asked[0].path


def test_fault_435_437_a_renewed_certificate_logs_in(tls_vault, connect, authority, ca_file, tmp_path):  # fmt: skip
    """435, 437: the certificate, in two files, is read again when they change; no new source is needed."""
    chain, key = tmp_path / "tls.crt", tmp_path / "tls.key"

    def write(name):
        issued = authority.issue_cert(name)
        issued.cert_chain_pems[0].write_to_path(str(chain))
        issued.private_key_pem.write_to_path(str(key))

    tls_vault.allow("cert", "client.example", READ, ttl=90)
    write("stranger.example")
    source = connect(
        tls_vault, auth="cert", ca_file=ca_file, client_certificate=str(chain), client_key=str(key)
    )
    assert "secret.denied" == failure(source).code
    write("client.example")

    assert "canary-v1" == fetch(source)


@pytest.mark.parametrize(
    ("options", "code", "reported"),
    [
        pytest.param({"environment": {}}, "secret.missing", "VAULT_TOKEN", id="180-no-token"),
        pytest.param({"token_file": "/nowhere/token"}, "secret.missing", "'/nowhere/token'", id="180-no-file"),
        pytest.param({"auth": "token", "token": " "}, "secret.empty", "`token`", id="181-empty-token"),
        pytest.param({"auth": "token", "token": "can\nary"}, "secret.invalid", "`token`", id="183-token-of-two-lines"),
        pytest.param({"auth": "token", "token": "canary\ud800"}, "secret.invalid", "`token`", id="183-token-not-utf-8"),
        pytest.param({"auth": "approle", "role_id": "", "secret_id": "x"}, "secret.empty", "`role_id`", id="181-role-id"),
    ],
)  # fmt: skip
def test_fault_180_181_183_credentials_for_vault(vault, connect, options, code, reported):
    """What should open Vault is held to what holds for secrets; nothing is sent."""
    error = failure(connect(vault, **options))

    assert (code, False) == (error.code, error.retryable)
    assert reported in f"{error}"
    assert [] == vault.asked


@pytest.mark.parametrize(
    ("prepare", "reported"),
    [
        (lambda vault: vault.roles.clear(), ("invalid role ID",)),
        (
            lambda vault: vault.secret_ids.clear(),
            ("invalid secret id", "invalid role or secret ID"),
        ),
    ],
)
def test_a_login_that_is_refused(vault, approle, prepare, reported):
    """A refused login is denied, by the mount and what is known of Vault's words."""
    source = approle()
    prepare(vault)
    error = failure(source)

    assert ("secret.denied", False) == (error.code, error.retryable)
    assert "login by approle at auth/approle" in f"{error}"
    assert any(each in f"{error}" for each in reported)
    assert 1 == len(vault.asked)


@pytest.mark.parametrize(
    "auth", [{"client_token": ""}, {"mfa_requirement": {"x": 1}}, {"client_token": 7}]
)
def test_a_login_that_brings_no_token(vault, approle, auth):
    """A login that asks for more brought nothing."""
    vault.script = [Reply(200, envelope(auth=auth))]
    error = failure(approle())

    assert "secret.denied" == error.code
    assert "no token" in f"{error}"


def test_a_token_that_would_end_its_header(vault, approle):
    """A token with a line end in it does not become two headers."""
    vault.script = [Reply(200, envelope(auth={"client_token": "canary\r\nX-Evil: 1"}))]

    assert "secret.unavailable" == failure(approle()).code
    assert 1 == len(vault.asked)


def test_a_login_that_is_not_one(vault, approle):
    """An answer without `auth` is none to a login."""
    vault.script = [Reply(200, envelope(data={"x": 1}))]

    assert "secret.invalid" == failure(approle()).code


def test_a_token_is_renewed_in_the_last_third_of_its_life(vault, approle):
    """Fetches in the first two thirds do nothing; the first one after them renews."""
    source, renewals = approle(ttl=90), []
    for moved in (0, 55, 10, 55, 10):
        vault.moved += moved
        fetch(source)
        renewals.append(vault.count("/renew-self"))

    assert [0, 0, 1, 1, 2] == renewals
    assert 1 == vault.count("/login")


def test_a_token_at_the_end_of_its_renewals_is_replaced(vault, approle):
    """Once a renewal hardly prolongs the token, the next login is made before it dies."""
    source = approle(ttl=90, max_ttl=100)
    fetch(source)
    vault.moved += 75
    fetch(source)

    assert (2, 1) == (vault.count("/login"), vault.count("/renew-self"))
    assert vault.asked[-1].token != vault.asked[1].token


def test_a_token_that_cannot_be_renewed_is_replaced(vault, approle):
    """A batch token is not asked to be renewed; its successor comes in time."""
    source = approle(ttl=90, renewable=False)
    fetch(source)
    vault.moved += 61
    fetch(source)

    assert (2, 0) == (vault.count("/login"), vault.count("/renew-self"))


def test_a_login_that_fails_in_time(vault, approle):
    """While the token lives, a login that is refused is no failure; afterwards it is."""
    source = approle(uses=1, ttl=90, renewable=False)
    fetch(source)
    vault.moved += 61

    assert "canary-v1" == fetch(source)
    assert 2 == vault.count("/login")
    vault.moved += 30
    assert "secret.denied" == failure(source).code


def test_a_renewal_that_nobody_answers(vault, approle):
    """While the token lives, a Vault that does not renew it may still be read."""
    source = approle(ttl=90)
    fetch(source)
    vault.moved += 61
    vault.scripted_paths, vault.script = "renew-self", [Reply(503, {"errors": []})] * 2

    assert "canary-v1" == fetch(source)
    assert 1 == vault.count("/login")


def test_a_token_that_died_meanwhile_is_replaced(vault, approle):
    """A token whose time has passed is not shown any more."""
    source = approle(ttl=90)
    fetch(source)
    vault.moved += 91
    fetch(source)

    assert (2, 0) == (vault.count("/login"), vault.count("/renew-self"))


def test_a_token_without_end_is_kept(vault, approle):
    """A token that lives for ever is neither renewed nor replaced."""
    source = approle(ttl=0)
    for _ in range(3):
        fetch(source)
        vault.moved += 10**7

    assert (1, 0) == (vault.count("/login"), vault.count("/renew-self"))


def test_a_renewal_that_is_refused(vault, approle):
    """A token that somebody revoked is replaced by a login, when its renewal shows it."""
    source = approle(ttl=90)
    fetch(source)
    vault.tokens = {vault.root: vault.tokens[vault.root]}
    vault.moved += 61

    assert "canary-v1" == fetch(source)
    assert (2, 1) == (vault.count("/login"), vault.count("/renew-self"))


def test_fault_190_a_revoked_token_costs_one_login(vault, approle):
    """A read that shows the token to be dead is repeated once, with a new one."""
    source = approle(ttl=90)
    fetch(source)
    vault.tokens = {vault.root: vault.tokens[vault.root]}
    vault.asked.clear()

    assert "canary-v1" == fetch(source)
    assert [
        "/v1/secret/data/app",
        "/v1/auth/token/renew-self",
        "/v1/auth/approle/login",
        "/v1/secret/data/app",
    ] == vault.paths()


def test_fault_190_what_a_policy_forbids_is_not_asked_again(vault, approle):
    """A token that is alive was refused by a policy: denied, one renewal, no second read."""
    source = approle(ttl=90)
    fetch(source)
    for token in vault.tokens.values():
        token.paths = ["secret/data/other"]
    vault.asked.clear()
    error = failure(source)

    assert ("secret.denied", False) == (error.code, error.retryable)
    assert ["/v1/secret/data/app", "/v1/auth/token/renew-self"] == vault.paths()


def test_fault_190_a_fresh_token_that_is_refused(vault, approle):
    """Right after a login nothing is repeated."""
    error = failure(approle(paths=["secret/data/other"]))

    assert ("secret.denied", False) == (error.code, error.retryable)
    assert ["login", "app", "app"] == [each.rpartition("/")[2] for each in vault.paths()]


def test_fault_190_the_role_was_given_more(vault, approle):
    """After a refusal the next fetch logs in again, since a token keeps the policies it was born with."""
    source = approle(paths=["secret/data/other"])
    failure(source)
    vault.allow("approle", "role-canary", READ, ttl=90)

    assert "canary-v1" == fetch(source)


def test_fault_190_a_given_token_that_is_refused(vault, connect):
    """A token that was given cannot be replaced: one read, one refusal."""
    source = connect(vault)
    fetch(source)
    vault.tokens.clear()
    vault.asked.clear()
    error = failure(source)

    assert ("secret.denied", False) == (error.code, error.retryable)
    assert ["/v1/secret/data/app"] == vault.paths()


def test_a_token_vault_never_knew(vault, connect):
    """A wrong token is denied."""
    assert "secret.denied" == failure(connect(vault, token="canary-wrong")).code


def test_a_token_that_no_header_carries(vault, connect):
    """A token with characters that HTTP does not carry is told, without them."""
    error = failure(connect(vault, token="canary\u20ac"))

    assert ("secret.unavailable", False) == (error.code, error.retryable)
    assert [] == vault.asked


def test_a_header_that_got_lost(vault, connect):
    """An answer that no token came, as a proxy may cause, is a refusal, regardless of its status."""
    vault.script = [vault._refuse(None), vault._refuse(None)]

    assert "secret.denied" == failure(connect(vault)).code


@pytest.mark.parametrize(("renewable", "renewals"), [(True, 1), (False, 0)])
def test_a_given_token_is_renewed_if_it_can_be(vault, connect, renewable, renewals):
    """One that cannot be renewed is used until it is refused."""
    source = connect(vault, token=vault.issue(READ, ttl=90, renewable=renewable))
    fetch(source)
    vault.moved += 61
    fetch(source)

    assert renewals == vault.count("/renew-self")
    vault.moved += 90
    assert "secret.denied" == failure(source).code


def test_a_given_token_at_the_end_of_its_renewals(vault, connect):
    """It is used to its last second."""
    source = connect(vault, token=vault.issue(READ, ttl=90, max_ttl=100))
    fetch(source)
    vault.moved += 75

    assert "canary-v1" == fetch(source)


def test_a_token_that_may_not_look_at_itself(vault, connect):
    """Without the default policy nothing is known of a token, and it works all the same."""
    source = connect(vault)
    vault.script, vault.scripted_paths = [Reply(403, {"errors": ["permission denied"]})], "lookup"

    assert "canary-v1" == fetch(source)


def test_threads_share_a_login(vault, approle):
    """Eight threads at once cost one login."""
    source, found = approle(), []
    threads = [threading.Thread(target=lambda: found.append(fetch(source))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert ["canary-v1"] * 8 == found
    assert 1 == vault.count("/login")
