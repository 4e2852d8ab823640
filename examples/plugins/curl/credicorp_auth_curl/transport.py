"""Transport for requests to the authorization server over libcurl, through curl_cffi."""

from __future__ import annotations

import ssl
from socket import gaierror

from curl_cffi import Curl, CurlError, CurlInfo, CurlOpt, ffi

from credicorp_auth.wire.options import TransportOptions as Options  # noqa: TC001 - for importers
from credicorp_auth.wire.tls import build_trust
from credicorp_auth.wire.transport import SocketTransport
from credicorp_auth_curl.handles import HandleStack, Incoming, Outgoing

_FIXED = {CurlOpt.HTTP_VERSION: 2, CurlOpt.PATH_AS_IS: 1, CurlOpt.SUPPRESS_CONNECT_HEADERS: 1}
_AUTHORITIES = (CurlOpt.CAINFO, CurlOpt.CAPATH, CurlOpt.PROXY_CAINFO, CurlOpt.PROXY_CAPATH)
# libcurl's error codes, and the exceptions that Python's sockets raise for the same failures.
_KINDS = dict.fromkeys((18, 52, 55, 56), ConnectionResetError)
_KINDS |= {6: gaierror, 28: TimeoutError, 35: ssl.SSLEOFError, 60: ssl.SSLError}


class CurlTransport(SocketTransport):
    """
    A transport on libcurl.

    Args:
        options: The options.
    """

    def __init__(self, options: Options) -> None:
        build_trust(files := options.tls_files())
        # With a CA file alone, libcurl would still trust the system's folder.
        trusted = (options.ca_file, None) if options.ca_file else ssl.get_default_verify_paths()[:2]
        self._fixed = _FIXED | dict(zip(_AUTHORITIES, trusted * 2, strict=True))
        self._fixed |= {CurlOpt.SSLCERT: files.certificate, CurlOpt.SSLKEY: files.key}
        super().__init__(lambda: HandleStack(Curl, self._perform), options)

    def _perform(self, curl: Curl, request: Outgoing, response: Incoming) -> None:
        settings = self._fixed | {
            CurlOpt.URL: request.url,
            CurlOpt.CUSTOMREQUEST: request.method,
            # libcurl adds these three by default; an empty value suppresses them.
            CurlOpt.HTTPHEADER: [*request.headers, b"Accept:", b"Content-Type:", b"Expect:"],
            CurlOpt.PROXY: request.proxy or "",
            CurlOpt.PROXYHEADER: request.proxy_headers,
            CurlOpt.NOPROXY: "",
            CurlOpt.TIMEOUT_MS: int(request.timeout * 1000) or 1,
            CurlOpt.CONNECTTIMEOUT_MS: int(request.connect_timeout * 1000) or 1,
            CurlOpt.HEADERFUNCTION: response.take_line,
            CurlOpt.WRITEFUNCTION: response.take_piece,
        }
        if request.body is not None:
            settings |= {CurlOpt.POSTFIELDSIZE: len(request.body), CurlOpt.POSTFIELDS: request.body}
        curl.reset()
        for option, value in settings.items():
            curl.setopt(option, ffi.NULL if value is None else value)
        try:
            curl.perform()
        except CurlError as failure:
            raise _read(failure, curl) from None
        finally:
            response.met(curl.getinfo(CurlInfo.PRIMARY_IP), curl.getinfo(CurlInfo.REQUEST_SIZE))


def _read(failure: CurlError, curl: Curl) -> Exception:
    said, number = str(failure), curl.getinfo(CurlInfo.OS_ERRNO)
    kind = _KINDS.get(failure.code) or type(OSError(number, said))  # a subclass by errno
    kind = ssl.SSLError if "SSL routines" in said else kind  # otherwise the peer just disconnected
    return kind(str(curl.getinfo(CurlInfo.HTTP_CONNECTCODE)))  # status of a proxy's refusal
