"""Options of the cache `redis`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from credicorp_auth.errors import InvalidSetting, MissingSetting
from credicorp_auth.http.secret import Secret
from credicorp_auth.plugin.api.options import read_encryption_key
from credicorp_auth.wire.tls_files import (
    read_ca_file,
    read_client_certificate,
    read_client_key,
    read_tls_files,
)
from credicorp_auth_redis.address import read_address
from credicorp_auth_redis.url import read_url

if TYPE_CHECKING:
    from credicorp_auth.wire.tls_files import ClientCertificate, TlsFiles
    from credicorp_auth_redis.address import Address
    from credicorp_auth_redis.url import RedisUrl

_SENTINEL_PORT: Final = 26379
_NODE_PORT: Final = 6379
_PREFIX: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


@frozen
class Sentinels:
    """
    The sentinels that know the master.

    Args:
        service: Service name of the master.
        addresses: Addresses of the sentinels.
    """

    service: str
    addresses: tuple[Address, ...]


def _read_url_option(value: str | Secret | None) -> Secret:
    if not value:
        raise MissingSetting(
            "the cache `redis` has no `url`", hint="set `url`, such as rediss://redis.example/0."
        )
    url = value if isinstance(value, Secret) else Secret(str(value))
    del value
    read_url(url)
    return url


def _read_sentinels(value: str | Sentinels | None) -> Sentinels | None:
    if value is None or isinstance(value, Sentinels):
        return value
    service, _, hosts = str(value).rpartition("@")
    addresses = _read_addresses(hosts, default_port=_SENTINEL_PORT)
    if not service or not addresses:
        raise InvalidSetting(
            "`sentinel` is not a service and where its sentinels are",
            hint="set `sentinel` to name@host:port,host:port, such as "
            "mymaster@sentinel-1.example:26379,sentinel-2.example:26379.",
        )
    return Sentinels(service, addresses)


def _read_nodes(value: str | tuple[Address, ...]) -> tuple[Address, ...]:
    if isinstance(value, tuple):
        return value
    addresses = _read_addresses(str(value), default_port=_NODE_PORT)
    if not addresses:
        raise InvalidSetting(
            "`nodes` is not a list of nodes",
            hint="set `nodes` to host:port,host:port, such as redis-2.example:6379.",
        )
    return addresses


def _read_addresses(hosts: str, *, default_port: int) -> tuple[Address, ...]:
    try:
        return tuple(
            read_address(host.strip(), default_port=default_port) for host in hosts.split(",")
        )
    except ValueError:
        return ()


def _read_switch(name: str, value: bool | str) -> bool:  # noqa: FBT001 # a converter
    switch = {"true": True, "false": False}.get(str(value).lower())
    if switch is None:
        raise InvalidSetting(
            f"`{name}` is neither true nor false", hint=f"set `{name}` to true or false."
        )
    return switch


def _read_cluster(value: bool | str) -> bool:  # noqa: FBT001 # a converter
    return _read_switch("cluster", value)


def _read_plaintext(value: bool | str) -> bool:  # noqa: FBT001 # a converter
    return _read_switch("plaintext", value)


def _read_password(value: str | Secret | None) -> Secret | None:
    return value if isinstance(value, Secret | None) else Secret(str(value))


def _read_prefix(value: str) -> str:
    if not _PREFIX.fullmatch(str(value)):
        raise InvalidSetting(
            "`prefix` cannot start a key",
            hint="set `prefix` to 1 to 64 letters, digits and _ . : - characters.",
        )
    return str(value)


@frozen
class CacheOptions:
    """
    Options of the cache `redis`.

    Args:
        url (address; required): URL of Redis: `redis://`, `rediss://` (TLS) or `unix://`, with
            optional user, password and database number.
        sentinel (`name@host:port,host:port`; default: none): Service name and sentinels; `url`
            then names no host.
        sentinel_username (text; default: none): User name for the sentinels.
        sentinel_password (text, or `Secret`; default: none): Password for the sentinels. Without
            it, they are queried without one.
        cluster (true or false; default: `False`): Whether it is a Redis Cluster; `url` then names
            one of its nodes.
        nodes (`host:port,host:port`; default: none): Further nodes of the cluster, to find it by
            while the node of `url` is down.
        ca_file (path; default: none): PEM file of the only authorities to trust. Without it: those
            of the system.
        client_certificate (path, or a pair of paths; default: none): One PEM file: certificate
            chain and unencrypted key. Or the chain alone, with `client_key`; or both files, as a
            pair.
        client_key (path; default: none): PEM file of the unencrypted key, if it is not in the
            file of `client_certificate`. All these files are read again when they change.
        prefix (text; default: `credicorp_auth`): Prefix of all Redis keys.
        plaintext (true or false; default: `False`): Whether entries may leave the machine without
            TLS and unencrypted.
        encryption_key (name of a field, or `Secret`; default: none): Key to encrypt entries with:
            the name of a secret source field that holds it, or the key itself as a `Secret`.
            Without it, entries are not encrypted.

    Raises:
        MissingSetting: There is no `url` (`config.missing`).
        InvalidSetting: A value is invalid (`config.value`), or entries would leave the machine in
            plain text (`config.insecure_cache`).
    """

    url: Secret = field(default=None, converter=_read_url_option)
    sentinel: Sentinels | None = field(default=None, converter=_read_sentinels)
    sentinel_username: str | None = None
    sentinel_password: Secret | None = field(default=None, converter=_read_password)
    cluster: bool = field(default=False, converter=_read_cluster)
    nodes: tuple[Address, ...] = field(default=(), converter=_read_nodes)
    ca_file: str | None = field(default=None, converter=read_ca_file)
    client_certificate: ClientCertificate | None = field(
        default=None, converter=read_client_certificate
    )
    client_key: str | None = field(default=None, converter=read_client_key)
    prefix: str = field(default="credicorp_auth", converter=_read_prefix)
    plaintext: bool = field(default=False, converter=_read_plaintext)
    encryption_key: str | Secret | None = field(default=None, converter=read_encryption_key)

    def __attrs_post_init__(self) -> None:
        """Reject options that conflict."""
        url = self.read_url()
        conflict = self._conflict(url)
        if conflict:
            raise InvalidSetting(conflict, hint="leave one of the two out.")
        if url.address is None and self.sentinel is None:
            raise InvalidSetting("`url` names no host", hint="name one, or set `sentinel`.")
        self._refuse_plaintext(url)
        self.tls_files()

    def tls_files(self) -> TlsFiles:
        """Return the PEM files that the options name."""
        return read_tls_files(self.ca_file, self.client_certificate, self.client_key)

    def read_url(self) -> RedisUrl:
        """Return the parsed `url`."""
        return read_url(self.url)

    @property
    def may_be_plain(self) -> bool:
        """Return whether entries may leave the machine without TLS."""
        return self.plaintext or self.encryption_key is not None

    def _conflict(self, url: RedisUrl) -> str | None:
        is_tls = url.scheme == "rediss"
        conflicts = {
            "`cluster` and `sentinel` are two ways of running Redis": self.cluster
            and self.sentinel is not None,
            "`url` names a host, and `sentinel` asks others for one": url.address is not None
            and self.sentinel is not None,
            "`sentinel_username` needs `sentinel` and `sentinel_password`": (
                self.sentinel_username is not None
                and (self.sentinel is None or self.sentinel_password is None)
            ),
            "`sentinel_password` needs `sentinel`": self.sentinel_password is not None
            and self.sentinel is None,
            "`nodes` needs `cluster`": bool(self.nodes) and not self.cluster,
            "`cluster` has no socket file": self.cluster and url.scheme == "unix",
            "`cluster` has no database but 0": self.cluster and url.database != 0,
            "`ca_file` is for TLS, and `url` is not rediss://": self.ca_file is not None
            and not is_tls,
            "`client_certificate` is for TLS, and `url` is not rediss://": (
                self.client_certificate is not None and not is_tls
            ),
            "`client_key` is for TLS, and `url` is not rediss://": (
                self.client_key is not None and not is_tls
            ),
        }
        return next((said for said, is_so in conflicts.items() if is_so), None)

    def _refuse_plaintext(self, url: RedisUrl) -> None:
        where = (url.address, *self.nodes) if self.sentinel is None else self.sentinel.addresses
        far = [address for address in where if address is not None and not address.is_near]
        if url.scheme == "redis" and far and not self.may_be_plain:
            raise InvalidSetting(
                f"tokens would travel to {far[0]} in plain text",
                code="config.insecure_cache",
                hint="use rediss://, encrypt them with `encryption_key`, or accept it by setting "
                "`plaintext` to true.",
            )
