"""What can be set, and what is refused before anything is sent: faults 175 and 176."""

from __future__ import annotations

import pytest

from credicorp_auth.errors import ConfigurationError, InvalidSetting, MissingSetting
from credicorp_auth.http.secret import Secret
from credicorp_auth.plugin.api.options import AdapterOptions
from credicorp_auth_redis import CacheOptions, RedisCache
from credicorp_auth_redis.address import Address
from credicorp_auth_redis.options import Sentinels
from credicorp_auth_redis.url import read_url

CANARY = "hunter2-canary"


def read(**values):
    return AdapterOptions(values, setting="cache_options").read(CacheOptions)


def test_defaults():
    """Only `url` must be set."""
    options = read(url="redis://localhost")

    assert (None, None, False, (), None, None, "credicorp_auth", False, None) == (
        options.sentinel,
        options.sentinel_password,
        options.cluster,
        options.nodes,
        options.ca_file,
        options.client_certificate,
        options.prefix,
        options.plaintext,
        options.encryption_key,
    )


def test_options_may_be_text():
    """Every option can come from the environment."""
    options = read(
        url="rediss://u:p@/0",
        sentinel="mymaster@one.example:26380, two.example,[::1]:1",
        cluster="FALSE",
        ca_file="ca.pem",
        client_certificate="me.pem",
        prefix="team-a",
        plaintext="true",
        encryption_key="cache_key",
    )

    assert (
        Sentinels(
            "mymaster",
            (Address("one.example", 26380), Address("two.example", 26379), Address("::1", 1)),
        )
        == options.sentinel
    )
    assert (False, "team-a", True, "cache_key") == (
        options.cluster,
        options.prefix,
        options.plaintext,
        options.encryption_key,
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://localhost", ("redis", Address("localhost", 6379), None, None, 0)),
        ("redis://127.0.0.1:1/2", ("redis", Address("127.0.0.1", 1), None, None, 2)),
        ("rediss://h/", ("rediss", Address("h", 6379), None, None, 0)),
        ("redis://[::1]:7", ("redis", Address("::1", 7), None, None, 0)),
        ("redis://:p%40%2F@h", ("redis", Address("h", 6379), None, "p@/", 0)),
        ("redis://u%3A:p@h", ("redis", Address("h", 6379), "u:", "p", 0)),
        ("redis://u@h", ("redis", Address("h", 6379), "u", "", 0)),
        ("rediss://u:p@/3", ("rediss", None, "u", "p", 3)),
        ("unix:///a%20b.sock", ("unix", Address("/a b.sock", 0), None, None, 0)),
        ("unix://u:p@/a.sock?db=4", ("unix", Address("/a.sock", 0), "u", "p", 4)),
    ],
)
def test_addresses(url, expected):
    """An address says where, over what, and as whom."""
    found = read_url(Secret(url))
    password = None if found.password is None else found.password.reveal()

    assert expected == (found.scheme, found.address, found.username, password, found.database)


@pytest.mark.parametrize(
    "url",
    [
        "http://h",
        "h:6379",
        "redis://h:port",
        "redis://h:0",
        "redis://h:70000",
        "redis://:1",
        "redis://h/db",
        "redis://h/1/2",
        "redis://h/-1",
        "redis://h/²",
        "redis://h#x",
        "redis://[::1",
        "rediss://h?ssl_cert_reqs=none",
        "rediss://h?ssl_check_hostname=false",
        "redis://h?socket_timeout=60",
        "unix://",
        "unix://host/path",
        "unix:///a?db=1&db=2",
        "unix:///a?db=x",
        "unix:///a?timeout=1",
        "unix:///a?db",
    ],
)
def test_fault_176_an_address_that_is_none_is_not_shown(url, shown_by):
    """It is refused, and neither text nor traceback shows what may hold the password."""
    where = url.replace("://", f"://u:{CANARY}@", 1) if "://" in url else f"{CANARY}{url}"
    options = AdapterOptions({"url": Secret(where)}, setting="cache_options")
    with pytest.raises(InvalidSetting, match="`url`") as caught:
        options.read(CacheOptions)

    assert "config.value" == caught.value.code
    assert CANARY not in shown_by(caught.value)


@pytest.mark.parametrize(
    ("values", "kind", "named"),
    [
        ({}, MissingSetting, "url"),
        ({"url": ""}, MissingSetting, "url"),
        ({"url": "redis://"}, InvalidSetting, "names no host"),
        ({"prefix": ""}, InvalidSetting, "prefix"),
        ({"prefix": "a*"}, InvalidSetting, "prefix"),
        ({"prefix": "{a}"}, InvalidSetting, "prefix"),
        ({"prefix": "a\n"}, InvalidSetting, "prefix"),
        ({"cluster": "perhaps"}, InvalidSetting, "cluster"),
        ({"plaintext": "1"}, InvalidSetting, "plaintext"),
        ({"encryption_key": "Not a name"}, InvalidSetting, "encryption_key"),
        ({"encryption_key": 5}, InvalidSetting, "encryption_key"),
        ({"encryption_key": ""}, InvalidSetting, "encryption_key"),
        ({"url": "redis://", "sentinel": "mymaster"}, InvalidSetting, "sentinel"),
        ({"url": "redis://", "sentinel": "@h:1"}, InvalidSetting, "sentinel"),
        ({"url": "redis://", "sentinel": "m@"}, InvalidSetting, "sentinel"),
        ({"url": "redis://", "sentinel": "m@h:x"}, InvalidSetting, "sentinel"),
        ({"url": "redis://", "sentinel": "m@h:0"}, InvalidSetting, "sentinel"),
        ({"url": "redis://", "sentinel": "m@h:1,,"}, InvalidSetting, "sentinel"),
        ({"url": "redis://", "sentinel": "m@h/x"}, InvalidSetting, "sentinel"),
        ({"sentinel": "m@localhost"}, InvalidSetting, "sentinel"),
        (
            {"url": "redis://", "cluster": True, "sentinel": "m@localhost"},
            InvalidSetting,
            "two ways",
        ),
        ({"sentinel_password": "p"}, InvalidSetting, "sentinel_password"),
        (
            {"url": "redis://", "sentinel": "m@localhost", "sentinel_username": "u"},
            InvalidSetting,
            "sentinel_username",
        ),
        ({"nodes": "localhost:1"}, InvalidSetting, "nodes"),
        ({"cluster": True, "nodes": "localhost:x"}, InvalidSetting, "nodes"),
        ({"url": "unix:///a", "cluster": True}, InvalidSetting, "cluster"),
        ({"url": "redis://localhost/1", "cluster": True}, InvalidSetting, "cluster"),
        ({"ca_file": "ca.pem"}, InvalidSetting, "ca_file"),
        ({"client_certificate": "me.pem"}, InvalidSetting, "client_certificate"),
        ({"client_key": "me.key"}, InvalidSetting, "client_key"),
        ({"url": "rediss://h", "client_key": "me.key"}, InvalidSetting, "client_certificate"),
        ({"timeout": 3}, InvalidSetting, "timeout"),
        ({"url": 7}, InvalidSetting, "url"),
        ({"url": "redis://", "sentinel": ["m@h"]}, InvalidSetting, "sentinel"),
        ({"prefix": "a b"}, InvalidSetting, "prefix"),
    ],
)
def test_options_that_make_no_sense(values, kind, named):
    """A value that cannot be used is refused by its name."""
    base = {} if "url" in values or values == {} else {"url": "redis://localhost"}
    with pytest.raises(kind, match=named):
        read(**base, **values)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"url": "redis://redis.example"}, id="175-far"),
        pytest.param({"url": "redis://10.0.0.7:6379/1"}, id="175-private"),
        pytest.param({"url": "redis://0x7f000001"}, id="175-nearly-loopback"),
        pytest.param({"url": "redis://127.1"}, id="175-short-loopback"),
        pytest.param({"url": "redis://[::ffff:127.0.0.1]"}, id="175-mapped-loopback"),
        pytest.param({"url": "redis://localhost.example"}, id="175-named-like-loopback"),
        pytest.param({"url": "redis://h", "cluster": True}, id="175-cluster"),
        pytest.param(
            {"url": "redis://localhost", "cluster": True, "nodes": "localhost,h"},
            id="175-a-far-node",
        ),
        pytest.param({"url": "redis://", "sentinel": "m@127.0.0.1,h"}, id="175-a-far-sentinel"),
    ],
)
def test_plain_text_does_not_leave_the_machine(values):
    """Fault 175: without TLS, sealing or consent, only exact loopback is accepted."""
    with pytest.raises(InvalidSetting, match="plain text") as caught:
        read(**values)

    assert "config.insecure_cache" == caught.value.code


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"url": "redis://localhost"}, id="175-localhost"),
        pytest.param({"url": "redis://127.9.9.9"}, id="175-loopback"),
        pytest.param({"url": "redis://[::1]"}, id="175-loopback-6"),
        pytest.param({"url": "unix:///run/redis.sock"}, id="175-socket-file"),
        pytest.param({"url": "rediss://redis.example"}, id="175-tls"),
        pytest.param({"url": "redis://redis.example", "plaintext": "true"}, id="175-consent"),
        pytest.param({"url": "redis://redis.example", "encryption_key": "k"}, id="175-sealed"),
        pytest.param({"url": "redis://h", "encryption_key": Secret("K")}, id="175-sealed-by-key"),
        pytest.param({"url": "redis://", "sentinel": "m@[::1]:1"}, id="175-near-sentinel"),
    ],
)
def test_what_may_carry_tokens(values):
    """Fault 175: what stays here, is encrypted, or was agreed to."""
    assert RedisCache(read(**values)).close() is None


@pytest.mark.parametrize("name", ["ca_file", "client_certificate", "client_key"])
def test_files_that_cannot_be_used(name, tmp_path):
    """A file for TLS is looked at when the cache is built."""
    beside = {"client_certificate": "c.pem"} if name == "client_key" else {}
    with pytest.raises(ConfigurationError, match="no such"):
        RedisCache(read(url="rediss://h", **beside, **{name: str(tmp_path / "no such")}))


def test_fault_176_options_show_no_password():
    """Neither options nor cache show what is in the address."""
    options = read(url=f"redis://user:{CANARY}@localhost", encryption_key=Secret(CANARY))
    cache = RedisCache(options)

    assert CANARY not in f"{options!r}{options}{cache!r}{vars(cache)}{cache.capabilities}"
