"""Options common to every transport on blocking sockets."""

from __future__ import annotations

from math import isfinite

from attrs import field, frozen

from credicorp_auth.errors import InvalidSetting
from credicorp_auth.http.secret import Secret
from credicorp_auth.wire.proxy import read_proxy
from credicorp_auth.wire.tls_files import (
    ClientCertificate,
    TlsFiles,
    read_client_certificate,
    read_tls_files,
)


def _read_proxy_option(value: str | Secret | None) -> Secret | None:
    if value is None:
        return None
    proxy = value if isinstance(value, Secret) else Secret(value)
    if read_proxy(proxy) is None:
        raise InvalidSetting(
            "`proxy` is not the address of a proxy",
            hint="set `proxy` to an http or https address, such as http://proxy.example:3128.",
        )
    return proxy


def read_seconds(value: float | str, *, name: str) -> float:
    """
    Read a duration in seconds.

    Args:
        value: A number above 0, or its digits.
        name: The option that holds it, for the message.

    Raises:
        InvalidSetting: Anything else (`config.value`).
    """
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not isfinite(seconds) or seconds <= 0:
        raise InvalidSetting(
            f"`{name}` is not a length of time",
            hint=f"set `{name}` to a number of seconds above 0.",
        )
    return seconds


def _read_connect_timeout(value: float | str) -> float:
    return read_seconds(value, name="connect_timeout")


@frozen
class TransportOptions:
    """
    Options of a transport.

    Args:
        ca_file: PEM file with the only authorities to trust; None, the default, trusts those of the
            system.
        client_certificate: One PEM file with the certificate chain and its unencrypted key; or the
            chain alone, with `client_key`; or both files, as a pair of paths.
        client_key (path; default: none): PEM file of the unencrypted key, if it is not in the
            file of `client_certificate`. All these files are read again when they change.
        proxy: Address of the proxy, http or https, with user and password if it requires them;
            without it, the environment's HTTPS_PROXY and NO_PROXY apply.
        connect_timeout: Seconds for connecting, a proxy's tunnel and the TLS handshake together,
            out of each request's own timeout.

    Raises:
        InvalidSetting: A value cannot be used (`config.value`).
    """

    ca_file: str | None = None
    client_certificate: ClientCertificate | None = field(
        default=None, converter=read_client_certificate
    )
    proxy: Secret | None = field(default=None, converter=_read_proxy_option)
    connect_timeout: float = field(default=3.0, converter=_read_connect_timeout)
    client_key: str | None = None

    def __attrs_post_init__(self) -> None:
        """Check that certificate and key belong together."""
        self.tls_files()

    def tls_files(self) -> TlsFiles:
        """Return the PEM files that the options name."""
        return read_tls_files(self.ca_file, self.client_certificate, self.client_key)
