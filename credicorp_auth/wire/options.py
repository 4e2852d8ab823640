"""Options common to every transport on blocking sockets."""

from __future__ import annotations

from attrs import field, frozen

from credicorp_auth.errors import InvalidSetting
from credicorp_auth.http.secret import Secret
from credicorp_auth.plugin.api.option_values import read_seconds
from credicorp_auth.plugin.api.options import READS_OFF
from credicorp_auth.wire.proxy import DIRECT, read_proxy
from credicorp_auth.wire.tls_files import (
    ClientCertificate,
    TlsFiles,
    read_ca_file,
    read_client_certificate,
    read_client_key,
    read_tls_files,
)


def _read_proxy_option(value: str | Secret | None) -> Secret | None:
    if value is None:
        return None
    proxy = value if isinstance(value, Secret) else Secret(str(value))
    if proxy != DIRECT and read_proxy(proxy) is None:
        raise InvalidSetting(
            "`proxy` is not the address of a proxy",
            hint="set `proxy` to an http or https address, such as http://proxy.example:3128, or "
            "to none for no proxy.",
        )
    return proxy


def _read_connect_timeout(value: float | str) -> float:
    return read_seconds("connect_timeout", value)


@frozen
class TransportOptions:
    """
    Options of the transports.

    Args:
        ca_file (path; default: none): PEM file of the only authorities to trust. Without it: those
            of the system; the variables SSL_CERT_FILE and SSL_CERT_DIR of OpenSSL count.
        client_certificate (path, or a pair of paths; default: none): One PEM file: certificate
            chain and unencrypted key. Or the chain alone, with `client_key`; or both files, as a
            pair.
        proxy (address; default: none): Proxy for https, with user and password if it requires
            them; `none` for no proxy. Without it, HTTPS_PROXY and NO_PROXY are honoured.
        connect_timeout (seconds, above 0; default: `3`): For connecting, a proxy's tunnel and the
            TLS handshake together, out of the timeout of each request.
        client_key (path; default: none): PEM file of the unencrypted key, if it is not in the
            file of `client_certificate`. All these files are read again when they change.

    Raises:
        InvalidSetting: A value cannot be used (`config.value`).
    """

    ca_file: str | None = field(default=None, converter=read_ca_file)
    client_certificate: ClientCertificate | None = field(
        default=None, converter=read_client_certificate
    )
    proxy: Secret | None = field(
        default=None, converter=_read_proxy_option, metadata={READS_OFF: True}
    )
    connect_timeout: float = field(default=3.0, converter=_read_connect_timeout)
    client_key: str | None = field(default=None, converter=read_client_key)

    def __attrs_post_init__(self) -> None:
        """Check that certificate and key belong together."""
        self.tls_files()

    def tls_files(self) -> TlsFiles:
        """Return the PEM files that the options name."""
        return read_tls_files(self.ca_file, self.client_certificate, self.client_key)
