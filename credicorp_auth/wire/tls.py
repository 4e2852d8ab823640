"""TLS settings of a transport: trusted authorities and client certificate."""

from __future__ import annotations

import ssl

from attrs import frozen

from credicorp_auth.errors import InvalidSetting


@frozen
class Trust:
    """
    TLS contexts of a transport.

    Args:
        context: For the authorization server.
        proxy_context: For proxies, with the same authorities, but without the client certificate.
    """

    context: ssl.SSLContext
    proxy_context: ssl.SSLContext


def build_trust(*, ca_file: str | None, client_certificate: str | None) -> Trust:
    """
    Build the TLS contexts of a transport, for servers and for proxies.

    Args:
        ca_file: PEM file with the only authorities to trust; None trusts those of the system.
        client_certificate: PEM file with certificate chain and unencrypted key; None for none.

    Raises:
        InvalidSetting: A file cannot be used (`config.value`).
    """
    return Trust(
        build_context(ca_file=ca_file, client_certificate=client_certificate),
        build_context(ca_file=ca_file, client_certificate=None),
    )


def build_context(*, ca_file: str | None, client_certificate: str | None) -> ssl.SSLContext:
    """
    Build one TLS context of a transport.

    It does not use `ssl.create_default_context`, which lets the environment write the session keys
    to a file (SSLKEYLOGFILE). It sets the minimum version, which OpenSSL's own configuration may
    lower.

    Args:
        ca_file: PEM file with the only authorities to trust; None trusts those of the system.
        client_certificate: PEM file with certificate chain and unencrypted key; None for none.

    Raises:
        InvalidSetting: A file cannot be used (`config.value`).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = True
    context.verify_mode = ssl.CERT_REQUIRED
    context.hostname_checks_common_name = False
    _load_authorities(context, ca_file)
    _load_certificate(context, client_certificate)
    return context


def _load_authorities(context: ssl.SSLContext, ca_file: str | None) -> None:
    if ca_file is None:
        context.load_default_certs()
        return
    try:
        context.load_verify_locations(cafile=ca_file)
    except OSError:  # includes ssl.SSLError
        failed = True
    else:
        failed = False
    if failed:
        raise InvalidSetting(
            f"the file {ca_file!r} holds no certificate of an authority",
            hint="set `ca_file` to a readable PEM file with one certificate or more.",
        )


def _load_certificate(context: ssl.SSLContext, client_certificate: str | None) -> None:
    if client_certificate is None:
        return
    try:
        # The empty password keeps OpenSSL from asking for one on the terminal.
        context.load_cert_chain(client_certificate, password="")
    except OSError:
        failed = True
    else:
        failed = False
    if failed:
        raise InvalidSetting(
            f"the file {client_certificate!r} holds no certificate with its key",
            hint="set `client_certificate` to a PEM file: certificate chain, unencrypted key.",
        )
