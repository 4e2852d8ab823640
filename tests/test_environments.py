"""Settings where teams really run: compose files, charts, Kubernetes, users without a home."""

from __future__ import annotations

import os
import subprocess
import sys
from urllib.parse import parse_qs

import attrs
import pytest

from credicorp_auth import CredicorpAuth, Secret, Settings, TokenVerifier, errors
from credicorp_auth.plugin.api.options import AdapterOptions
from credicorp_auth.settings.environment import read_environment
from credicorp_auth.settings.keywords import DEFAULTS
from credicorp_auth.settings.profile import profile_path, read_profile
from credicorp_auth.wire.options import TransportOptions
from credicorp_auth.wire.proxy import choose_proxy
from credicorp_auth.wiring.engines import settings_from_env, settings_from_profile
from credicorp_auth_aws.options import SourceOptions as AwsOptions
from credicorp_auth_env.secrets import SourceOptions as EnvOptions
from credicorp_auth_file.options import CacheOptions as FileOptions
from credicorp_auth_httpx import BearerAuth as HttpxBearer
from credicorp_auth_memory.cache import CacheOptions as MemoryOptions
from credicorp_auth_redis.options import CacheOptions as RedisOptions
from credicorp_auth_requests import BearerAuth as RequestsBearer
from credicorp_auth_testing.fakes import ListedSecrets, ScriptedTransport
from credicorp_auth_urllib3 import BearerPoolManager
from credicorp_auth_vault import VaultOptions

OPTIONS = ("TRANSPORT_PROXY", "TRANSPORT_CA_FILE", "CACHE_URL", "SECRETS_PATH")
OTHERS = ("PROFILE", "CONFIG", "CLIENT_ID_FILE", "CLIENT_SECRET_FILE", "SCOP")


@pytest.mark.parametrize("empty", ["", " "])
@pytest.mark.parametrize("name", [*(each.upper() for each in DEFAULTS), *OPTIONS, *OTHERS])
def test_fault_399_a_variable_that_is_empty_is_not_set(name, empty):
    """399: what a compose file or a chart sets to nothing leaves the default in place."""
    environ = {f"CREDICORP_{name}": empty}

    assert {} == read_environment(environ)
    assert str(Settings()) == str(settings_from_env(environ, {}))


def test_fault_399_an_empty_variable_does_not_hide_a_profile(tmp_path):
    """399: the next source decides, as if the variable were not there."""
    path = tmp_path / "credicorp.toml"
    path.write_text('[p]\nclient_secret = "s"\nclient_id = "c"\nscope = "a"\ntimeout = 3\n')
    path.chmod(0o600)
    environ = {"CREDICORP_CONFIG": str(path), "CREDICORP_SCOPE": "", "CREDICORP_TIMEOUT": ""}
    chosen = settings_from_profile("p", {**environ, "CREDICORP_PROFILE": ""}, {})
    default = settings_from_env({**environ, "CREDICORP_PROFILE": "p"}, {"timeout": None})

    assert (
        ("a", 3.0) == (str(chosen.scope), chosen.timeout) == (str(default.scope), default.timeout)
    )


def test_none_as_a_keyword_leaves_the_default_of_a_verifier():
    """A keyword that is None is left out, also where the default is another than that of `Settings`."""
    with TokenVerifier(issuer="https://as.example", audience="a", discovery=None) as verifier:
        assert "on" == verifier._settings.discovery


def links_of(service, port, protocol="tcp"):
    """Return the variables that Kubernetes sets in pods for a Service of that name."""
    stem, url = service.upper().replace("-", "_"), f"{protocol}://10.0.0.7:{port}"
    end = f"{stem}_PORT_{port}_{protocol.upper()}"
    return {
        f"{stem}_SERVICE_HOST": "10.0.0.7",
        f"{stem}_SERVICE_PORT": f"{port}",
        f"{stem}_SERVICE_PORT_REDIS_TLS": f"{port}",
        f"{stem}_PORT": url,
        end: url,
        f"{end}_PROTO": protocol,
        f"{end}_PORT": f"{port}",
        f"{end}_ADDR": "10.0.0.7",
    }


@pytest.mark.parametrize("protocol", ["tcp", "udp", "sctp"])
@pytest.mark.parametrize(
    "service",
    ["credicorp", "credicorp-cache", "credicorp-cache-redis", "credicorp-secrets", "credicorp-transport",
     "credicorp-allowed-origins", "credicorp-client-secret", "credicorp-timeout"],
)  # fmt: skip
def test_fault_400_a_service_of_kubernetes_is_no_option(service, protocol):
    """400: a Service whose name starts with credicorp changes no setting and stops no pod."""
    assert {} == read_environment(links_of(service, 6379, protocol))


def test_fault_400_what_only_looks_like_a_link_is_an_option():
    """400: an option keeps its variable unless Kubernetes could have set it."""
    environ = {"CREDICORP_TRANSPORT": "httpx", "CREDICORP_CACHE_PORTAL": "a", "CREDICORP_CACHE_REPORT": "b"}  # fmt: skip

    assert {"transport": "httpx", "cache_options": {"portal": "a", "report": "b"}} == read_environment(environ)  # fmt: skip


HOMELESS = """
import sys
sys.modules["pwd"] = None  # as if no user database knew this user id
from credicorp_auth import CredicorpAuth, errors
CredicorpAuth.from_env(client_id="c", client_secret="s").close()
for build, said in [
    (lambda: CredicorpAuth.from_profile("p"), "CREDICORP_CONFIG"),
    (lambda: CredicorpAuth(client_id="c", client_secret="s", cache="file"), "`directory`"),
    (lambda: CredicorpAuth(client_id="c", client_secret="s", cache="file", cache_options={"directory": "~/a"}), "home"),
]:
    try:
        build()
    except errors.ConfigurationError as error:
        assert not isinstance(error, errors.AdapterBroken), error
        assert said in str(error), error
    else:
        raise AssertionError(said)
"""


@pytest.mark.slow
def test_fault_401_a_user_without_a_home_is_told_what_to_set():
    """401: only what needs the folder fails, and it names the variable or option to set instead."""
    folders = {"HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "USERPROFILE"}
    environ = {name: value for name, value in os.environ.items() if name not in folders}
    ended = subprocess.run(
        [sys.executable, "-c", HOMELESS], env=environ, capture_output=True, text=True, check=False
    )

    assert (0, "") == (ended.returncode, ended.stderr)


def test_fault_401_a_home_that_is_set_is_used():
    """401: `HOME` names the folder, not the user database."""
    assert "/h/.config/credicorp/credicorp.toml" == str(profile_path({"HOME": "/h"}))


@pytest.mark.parametrize("kind", ["fifo", "device"])
def test_fault_402_a_pipe_as_profile_file_is_refused_at_once(tmp_path, kind):
    """402: nobody waits for a writer that never comes."""
    path = tmp_path / "credicorp.toml"
    if kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(errors.InvalidSetting, match="not a regular file") as raised:
        read_profile("p", {"CREDICORP_CONFIG": str(path)})

    assert "CREDICORP_CONFIG" in raised.value.hint


def test_fault_403_a_byte_order_mark_is_read_over(tmp_path):
    """403: a file that an editor of Windows saved is read; one in UTF-16 is refused by name."""
    path = tmp_path / "credicorp.toml"
    environ = {"CREDICORP_CONFIG": str(path)}
    path.write_bytes("\ufeff[p]\r\nscope = 'a'\r\n".encode())
    assert {"scope": "a"} == read_profile("p", environ)

    path.write_bytes("[p]\r\nscope = 'a'\r\n".encode("utf-16"))
    with pytest.raises(errors.InvalidSetting, match="UTF-8"):
        read_profile("p", environ)


def sent_by(**settings):
    """Obtain a token; return the client id and the secret that were sent."""
    transport = ScriptedTransport()
    with CredicorpAuth(transport=transport, **settings) as auth:
        auth.get_token()
    (request,) = transport.sent
    fields = parse_qs(request.body.reveal().decode(), keep_blank_values=True)
    return fields["client_id"][0], fields["client_secret"][0]


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_fault_404_one_line_end_is_cut_off_wherever_a_secret_is_kept(end):
    """404: `open(path).read()` as a keyword sends what the owner means, and so does any source."""
    opaque = Secret(f"s3cret{end}")

    assert ("id", "s3cret") == sent_by(client_id=f"id{end}", client_secret=f"s3cret{end}")
    assert ("id", "s3cret") == sent_by(client_id="id", client_secret=opaque)
    assert ("id", "s3cret") == sent_by(
        secrets=ListedSecrets([f"s3cret{end}"], client_id=f"id{end}")
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("canary ", "white space"),
        ("canary\t", "white space"),
        ("canary\n\n", "white space"),
        (" canary", "white space"),
        ("\ufeffcanary", "byte order mark"),
        ("'canary'", "quotes"),
        ("can\nary", "control character"),
        ("canary\ud800", "UTF-8"),
    ],
)
def test_fault_404_what_has_two_readings_is_refused(value, said):
    """404: a space may belong to a secret, so it is neither cut off nor sent; the hint says what to do."""
    for name in ("client_secret", "client_id"):
        with pytest.raises(errors.InvalidSetting, match=said) as raised:
            Settings(**{name: value})
        assert "canary" not in f"{raised.value}{vars(raised.value)}"
    for source in (ListedSecrets([value]), ListedSecrets(client_id=value)):
        with CredicorpAuth(transport=ScriptedTransport(), secrets=source) as auth:
            with pytest.raises(errors.SecretUnavailable, match=said) as failed:
                auth.get_token()
        assert ("secret.invalid", False) == (failed.value.code, failed.value.retryable)
        assert "canary" not in f"{failed.value}{vars(failed.value)}"


NEEDED = {RedisOptions: {"url": "redis://127.0.0.1/0"}, VaultOptions: {"path": "a"}, AwsOptions: {"secret_id": "a"}}  # fmt: skip
ADAPTERS = [TransportOptions, MemoryOptions, FileOptions, RedisOptions, EnvOptions, AwsOptions, VaultOptions]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "name"),
    [(each, field.name) for each in ADAPTERS for field in attrs.fields(each)],
    ids=lambda value: value if isinstance(value, str) else value.__module__.split(".")[0],
)
def test_fault_405_a_bad_value_of_an_option_names_the_option(options, name):
    """405: if an option has a wrong value, the error says which option it is, and not its value."""
    values = {**NEEDED.get(options, {}), name: ["hunter2"]}
    with pytest.raises(errors.ConfigurationError, match=f"`{name}`") as raised:
        AdapterOptions(values, setting="x_options").read(options)

    assert "hunter2" not in f"{raised.value}{vars(raised.value)}"


@attrs.frozen
class Strangers:
    """Options of somebody else's adapter, which know nothing of our errors."""

    size: int = attrs.field(default=1, converter=int)
    count: int = attrs.field(default=1, converter=attrs.Converter(lambda value, _: int(value), takes_field=True))  # fmt: skip
    small: int = attrs.field(default=1, validator=attrs.validators.instance_of(int))
    name: str | None = None

    def __attrs_post_init__(self):
        if self.name == "both":
            raise ValueError(self.name)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"name": "a", "size": "hunter2"}, "the option `size` of x holds"),
        ({"name": "a", "count": "hunter2"}, "the option `count` of x holds"),
        ({"name": "a", "small": "hunter2"}, "the option `small` of x holds"),
        ({"name": "both"}, "x holds a value .* size, count, small, name"),
    ],
)
def test_fault_405_an_option_of_a_strangers_adapter_is_named_too(values, said):
    """405: by its converter or validator; if none of them refuses it alone, all are named."""
    with pytest.raises(errors.InvalidSetting, match=said) as raised:
        AdapterOptions(values, setting="x").read(Strangers)

    assert "hunter2" not in f"{raised.value}{vars(raised.value)}"


@pytest.mark.parametrize("build", [RequestsBearer, HttpxBearer, BearerPoolManager])
@pytest.mark.parametrize(
    "auth",
    ["Bearer token", None, Settings(), CredicorpAuth, CredicorpAuth.from_env, object()],
    ids=["text", "none", "settings", "class", "method", "object"],
)
def test_fault_406_a_bearer_refuses_what_is_no_credicorp_auth(build, auth):
    """406: when it is built, and not by the first request that needs a token."""
    with pytest.raises(errors.InvalidSetting, match="no CredicorpAuth") as raised:
        build(auth)

    assert "Bearer token" not in str(raised.value)


def test_fault_408_none_switches_an_option_off(monkeypatch):
    """408: without a proxy, even if HTTPS_PROXY is set; and without what a default is to lack."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "")
    environ = {"CREDICORP_TRANSPORT_PROXY": "none", "CREDICORP_TRANSPORT_CA_FILE": "none"}
    read = settings_from_env(environ, {}).transport_options.read(TransportOptions)
    default = AdapterOptions({}, setting="transport_options").read(TransportOptions)

    assert choose_proxy("https://as.example/", configured=read.proxy) is None
    assert read.ca_file is None
    assert "http://proxy.example:3128" == choose_proxy("https://as.example/", configured=default.proxy).url  # fmt: skip
