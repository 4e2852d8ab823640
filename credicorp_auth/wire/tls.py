"""TLS settings of a transport: trusted authorities and client certificate."""

from __future__ import annotations

import os
import ssl
from typing import Final

from credicorp_auth.errors import InvalidSetting
from credicorp_auth.wire.tls_files import TlsFiles

_MOST: Final = 32  # contexts; a process has few sets of files

# Contexts by what they are made of: loading the system's authorities takes 25 ms. Single reads and
# writes of a dict are atomic; two threads that build the same context keep the later one.
_CONTEXTS: Final[dict[object, ssl.SSLContext]] = {}


class Trust:
    """
    TLS contexts of a transport, each made when a connection first needs it.

    Plain http needs none, and loading the system's authorities takes most of a program's start.

    Args:
        files: The PEM files of the transport's options.
    """

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._context: ssl.SSLContext | None = None
        self._proxy_context: ssl.SSLContext | None = None

    @property
    def context(self) -> ssl.SSLContext:
        """The context for the authorization server."""
        if self._context is None:
            self._context = build_context(self._files)
        return self._context

    @property
    def proxy_context(self) -> ssl.SSLContext:
        """The context for proxies: the same authorities, without the client certificate."""
        if self._proxy_context is None:
            self._proxy_context = build_context(TlsFiles(self._files.ca_file))
        return self._proxy_context


def build_trust(files: TlsFiles) -> Trust:
    """
    Build the TLS contexts of a transport, for servers and for proxies.

    Contexts of named files are made now, since such a file may be unusable.

    Args:
        files: The PEM files of the transport's options.

    Raises:
        InvalidSetting: A file cannot be used (`config.value`).
    """
    trust = Trust(files)
    if files != TlsFiles():
        _ = trust.context
    if files.ca_file is not None:
        _ = trust.proxy_context
    return trust


def build_context(files: TlsFiles) -> ssl.SSLContext:
    """
    Return the TLS context for files; transports whose files are the same share it.

    It does not use `ssl.create_default_context`, which lets the environment write the session keys
    to a file (SSLKEYLOGFILE). It sets the minimum version, which OpenSSL's own configuration may
    lower.

    Args:
        files: The PEM files.

    Raises:
        InvalidSetting: A file cannot be used (`config.value`).
    """
    variables = tuple(os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"))
    # Read before the files: if one changes meanwhile, the next look finds another signature.
    made_of = (ssl.SSLContext, variables, files.signature())
    context = _CONTEXTS.get(made_of)
    if context is None:
        context = _build_context(files)
        while len(_CONTEXTS) >= _MOST:
            _CONTEXTS.pop(next(iter(_CONTEXTS)), None)
        _CONTEXTS[made_of] = context
    return context


def _build_context(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = True
    context.verify_mode = ssl.CERT_REQUIRED
    context.hostname_checks_common_name = False
    _load_certificate(context, files)  # first: it fails sooner
    _load_authorities(context, files.ca_file)
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


def _load_certificate(context: ssl.SSLContext, files: TlsFiles) -> None:
    if files.certificate is None:
        return
    try:
        # The empty password keeps OpenSSL from asking for one on the terminal.
        context.load_cert_chain(files.certificate, files.key, password="")
    except OSError as error:
        reason: str | None = getattr(error, "reason", None) or error.strerror or ""
    else:
        reason = None
    if reason is not None:
        key = "" if files.key is None else f", with the key of {files.key!r}"
        raise InvalidSetting(
            f"the file {files.certificate!r} holds no certificate with its key{key} ({reason})",
            hint="set `client_certificate` to a PEM file: certificate chain, unencrypted key; or "
            "set `client_key` to the file of the key.",
        )
