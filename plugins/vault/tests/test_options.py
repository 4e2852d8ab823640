"""What can be set, what is refused at once, and what the plugin loads."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

import credicorp_auth_vault
from credicorp_auth.errors import InvalidSetting, MissingSetting
from credicorp_auth.http.secret import Secret
from credicorp_auth.plugin.api import SecretSource, SecretSourceCapabilities
from credicorp_auth.plugin.api.options import AdapterOptions
from credicorp_auth_vault import VaultOptions, VaultSecretSource, plugin

URL = "https://vault.example:8200"


@pytest.mark.parametrize(
    ("options", "option", "expected"),
    [
        ({"url": f"{URL}/"}, "url", URL),
        ({"url": "http://127.0.0.1:8200"}, "url", "http://127.0.0.1:8200"),
        ({"path": "/team/app/"}, "path", "team/app"),
        ({"mount": "team/kv/"}, "mount", "team/kv"),
        ({"path": 7}, "path", "7"),
        ({"token_file": Path("/run/token")}, "token_file", "/run/token"),
        ({"version": "3"}, "version", 3),
        ({"version": 3}, "version", 3),
        ({"timeout": "0.5"}, "timeout", 0.5),
        ({"fields": "client_id=username, client_secret=pass=word"}, "fields", {"client_id": "username", "client_secret": "pass=word"}),
        ({"fields": {"client_secret": "a,b"}}, "fields", {"client_secret": "a,b"}),
        ({"fields": ""}, "fields", {}),
        ({"standby_hosts": f"{URL}, https://two.example"}, "standby_hosts", (f"{URL}", "https://two.example:443")),
        ({"standby_hosts": [URL]}, "standby_hosts", (URL,)),
        ({"token": "canary"}, "token", Secret("canary")),
        ({"auth": "approle", "role_id": "a", "secret_id": Secret("canary")}, "secret_id", Secret("canary")),
    ],
)  # fmt: skip
def test_options_are_read(options, option, expected):
    """Options work as text from the environment and as values."""
    read = AdapterOptions({"path": "app", **options}, setting="secrets_options").read(VaultOptions)

    assert expected == getattr(read, option)
    assert "canary" not in repr(read)


@pytest.mark.parametrize(
    ("options", "code", "named"),
    [
        pytest.param({"url": "http://vault.example"}, "config.insecure_url", "`url`", id="193-http"),
        pytest.param({"url": "http://127.1:8200"}, "config.insecure_url", "`url`", id="193-not-exact-loopback"),
        pytest.param({"standby_hosts": "http://two.example"}, "config.insecure_url", "`standby_hosts`", id="193-standby"),
        ({"url": "vault.example"}, "config.url", "`url`"),
        ({"url": f"{URL}?x=1"}, "config.url", "`url`"),
        ({"url": "https://user:canary@vault.example"}, "config.url", "`url`"),
        ({"standby_hosts": "two.example"}, "config.url", "`standby_hosts`"),
        ({"path": ""}, "config.value", "`path`"),
        ({"path": "a//b"}, "config.value", "`path`"),
        ({"path": "a/../b"}, "config.value", "`path`"),
        ({"path": "a?version=1"}, "config.value", "`path`"),
        ({"path": "a%2e"}, "config.value", "`path`"),
        ({"mount": "."}, "config.value", "`mount`"),
        ({"namespace": "a\r\nX: y"}, "config.value", "`namespace`"),
        ({"namespace": "é"}, "config.value", "`namespace`"),
        ({"version": 0}, "config.value", "`version`"),
        ({"version": True}, "config.value", "`version`"),
        ({"version": "one"}, "config.value", "`version`"),
        ({"timeout": "0"}, "config.value", "`timeout`"),
        ({"timeout": "soon"}, "config.value", "`timeout`"),
        ({"fields": "client_id"}, "config.value", "`fields`"),
        ({"fields": "a=b,a=c"}, "config.value", "`fields`"),
        ({"overlap": "next"}, "config.value", "`overlap`"),
        ({"auth": "ldap"}, "config.value", "`auth`"),
        ({"secret_id": "canary"}, "config.value", "`secret_id`"),
        ({"auth": "cert", "client_certificate": "x", "token": "canary"}, "config.value", "`token`"),
        ({"token": "canary", "token_file": "x"}, "config.value", "`token_file`"),
        ({"auth": "jwt", "jwt": "canary", "jwt_file": "x"}, "config.value", "`jwt_file`"),
        ({"fields": 5}, "config.value", "fields"),
        ({"fields": {"client_id": ""}}, "config.value", "`fields`"),
        ({"standby_hosts": 5}, "config.value", "standby_hosts"),
        ({"standby_hosts": [5]}, "config.url", "`standby_hosts`"),
        ({"url": 5}, "config.url", "`url`"),
        ({"token": 5}, "config.value", "token"),
        ({"token_file": 0}, "config.value", "token_file"),
        ({"adress": URL}, "config.unknown_key", "adress"),
        ({"timeout": None}, "config.value", "timeout"),
        ({"auth": "approle"}, "config.missing", "`role_id`"),
        ({"auth": "approle", "role_id": "a", "secret_id_wrapped": "true"}, "config.missing", "`secret_id_wrapped`"),
        ({"auth": "approle", "secret_id_wrapped": "perhaps"}, "config.value", "`secret_id_wrapped`"),
        ({"secret_id_wrapped": True}, "config.value", "`secret_id_wrapped`"),
        ({"auth": "kubernetes"}, "config.missing", "`role`"),
        ({"auth": "jwt", "role": "a"}, "config.missing", "`jwt or jwt_file`"),
        ({"auth": "cert"}, "config.missing", "`client_certificate`"),
        ({"path": None}, "config.missing", "`path`"),
    ],
)  # fmt: skip
def test_options_are_refused(options, code, named):
    """What cannot work is refused at once, by the option's name and never its value."""
    given = AdapterOptions({"path": "app", **options}, setting="secrets_options")
    with pytest.raises((InvalidSetting, MissingSetting)) as caught:
        given.read(VaultOptions)

    assert code == caught.value.code
    assert named in f"{caught.value}"
    assert "canary" not in f"{caught.value}"


def build(environment, **options):
    """Build a source in an environment of the test's own."""
    return VaultSecretSource(VaultOptions(path="app", **options), environment=environment)


def test_the_environment_is_the_fallback(vault, connect):
    """VAULT_ADDR, VAULT_TOKEN and VAULT_NAMESPACE count where the options are silent."""
    source = connect(
        vault,
        url=None,
        environment={
            "VAULT_ADDR": vault.origin,
            "VAULT_TOKEN": vault.root,
            "VAULT_NAMESPACE": "ns1",
        },
    )
    fetched = source.fetch(["client_secret"], timeout=5)

    assert f"vault {vault.origin} namespace ns1 secret/app version 1" == fetched.provenance
    assert {"ns1"} == {each.headers["x-vault-namespace"] for each in vault.asked}


def test_options_come_before_the_environment(vault, connect):
    """What is set in the options is not overridden."""
    elsewhere = {"VAULT_ADDR": URL, "VAULT_TOKEN": "wrong", "VAULT_NAMESPACE": "wrong"}
    source = connect(vault, token=vault.root, namespace="ns1", environment=elsewhere)
    source.fetch(["client_secret"], timeout=5)

    assert {(vault.root, "ns1")} == {
        (each.token, each.headers["x-vault-namespace"]) for each in vault.asked
    }


def test_without_an_address():
    """Nowhere to go is said at construction."""
    with pytest.raises(MissingSetting, match="`url`"):
        build({})


def test_fault_193_plain_http_from_the_environment():
    """VAULT_ADDR is held to https as the option is."""
    with pytest.raises(InvalidSetting) as caught:
        build({"VAULT_ADDR": "http://vault.example:8200"})

    assert "config.insecure_url" == caught.value.code


@pytest.mark.parametrize(
    ("value", "warnings"), [("1", 1), ("true", 1), ("", 0), ("0", 0), ("false", 0)]
)
def test_fault_193_skip_verify_is_ignored(caplog, value, warnings):
    """VAULT_SKIP_VERIFY changes nothing, and a warning says so."""
    with caplog.at_level(logging.WARNING, "credicorp_auth"):
        build({"VAULT_ADDR": URL, "VAULT_SKIP_VERIFY": value}).close()

    assert warnings == sum("VAULT_SKIP_VERIFY" in each.getMessage() for each in caplog.records)


@pytest.mark.parametrize("option", ["right", None])
def test_vault_cacert_is_the_fallback_of_ca_file(tls_vault, connect, ca_file, tmp_path, option):
    """The variable of Vault's command line names the authority if the option does not; empty is not set."""
    variable = str(tmp_path / "nowhere") if option else ca_file
    environment = {"VAULT_CACERT": variable, "VAULT_TOKEN": tls_vault.root}
    source = connect(tls_vault, ca_file=ca_file if option else None, environment=environment)

    assert source.fetch(["client_secret"], timeout=5).fields
    build({"VAULT_ADDR": URL, "VAULT_CACERT": ""}).close()


def test_a_vault_cacert_that_is_none(tmp_path):
    """A file that does not exist is refused at once, by its path."""
    with pytest.raises(InvalidSetting, match="nowhere"):
        build({"VAULT_ADDR": URL, "VAULT_CACERT": str(tmp_path / "nowhere")})


def test_fault_193_the_authority_is_checked(tls_vault, connect):
    """A certificate of nobody we know is not accepted, no matter what VAULT_SKIP_VERIFY says."""
    from credicorp_auth.errors import SecretUnavailable

    environment = {"VAULT_SKIP_VERIFY": "1", "VAULT_TOKEN": tls_vault.root}
    with pytest.raises(SecretUnavailable, match="certificate") as caught:
        connect(tls_vault, environment=environment).fetch(["client_secret"], timeout=5)

    assert ("secret.unavailable", False) == (caught.value.code, caught.value.retryable)
    assert [] == tls_vault.asked


@pytest.mark.parametrize("option", ["ca_file", "client_certificate"])
def test_files_are_read_at_construction(tmp_path, option):
    """A PEM file that is none is told at once."""
    with pytest.raises(InvalidSetting, match="nowhere"):
        build({"VAULT_ADDR": URL}, **{option: str(tmp_path / "nowhere")})


def test_the_hook_builds_the_source():
    """The plugin makes a source of its options; one that is pinned does not rotate."""
    given = {"url": URL, "path": "app", "version": "2"}
    pinned = plugin.credicorp_secret_source(AdapterOptions(given, setting="secrets_options"))
    newest = build({"VAULT_ADDR": URL})

    assert 1 == plugin.CREDICORP_API
    assert isinstance(pinned, SecretSource)
    assert SecretSourceCapabilities(supplies_client_id=True, timeout=2.0) == pinned.capabilities
    assert (
        SecretSourceCapabilities(supplies_client_id=True, rotates=True, timeout=2.0)
        == newest.capabilities
    )
    pinned.close()
    newest.close()


def test_the_plugin_is_light():
    """The plugin and its options load neither hvac nor requests; the secret source does."""
    program = """
import sys
from credicorp_auth_vault import plugin
import credicorp_auth_vault
credicorp_auth_vault.VaultOptions
before = {"hvac", "requests"} & set(sys.modules)
credicorp_auth_vault.VaultSecretSource
print(sorted(before), "hvac" in sys.modules)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert "[] True\n" == ran.stdout


def test_names_of_the_package():
    """The package gives what it names, when asked, and nothing else."""
    for name in credicorp_auth_vault.__all__:
        assert name == getattr(credicorp_auth_vault, name).__name__
    with pytest.raises(AttributeError, match="elsewhere"):
        credicorp_auth_vault.elsewhere  # noqa: B018 # the access is the test
