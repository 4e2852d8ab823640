"""HTTP requests to Vault, with a deadline, and redirects only to allowed standbys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from credicorp_auth.errors import (
    InvalidSetting,
    MalformedResponse,
    SecretUnavailable,
    ServerUnreachable,
)
from credicorp_auth.http.messages import HttpRequest, origin_of
from credicorp_auth.plugin.api.clocks import monotonic
from credicorp_auth.wire.options import TransportOptions
from credicorp_auth.wire.tls import build_trust
from credicorp_auth.wire.transport import SocketTransport
from credicorp_auth.wire.urllib3_stack import Urllib3Stack
from credicorp_auth_vault.response import VaultResponse, read_response

if TYPE_CHECKING:
    from credicorp_auth.http.messages import HttpResponse
    from credicorp_auth.http.secret import Secret, SecretBytes
    from credicorp_auth_vault.options import VaultOptions

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_FOLLOWED: Final = frozenset({307, 308})  # a standby sends these: repeat the same request elsewhere


class VaultServer:
    """
    A Vault and its standbys.

    Args:
        url: Its URL.
        options: The options; namespace, standbys, TLS and timeout are used.

    Raises:
        InvalidSetting: A file cannot be used (`config.value`).
    """

    def __init__(self, url: str, options: VaultOptions) -> None:
        self.url = url
        self._namespace = options.namespace
        self._standby_hosts = options.standby_hosts
        transport_options = TransportOptions(
            options.ca_file,
            options.client_certificate,
            connect_timeout=options.timeout,
            client_key=options.client_key,
        )
        self._transport = SocketTransport(
            lambda: Urllib3Stack(build_trust(transport_options.tls_files())), transport_options
        )

    def __str__(self) -> str:
        where = f" namespace {self._namespace}" if self._namespace else ""
        return f"vault {self.url}{where}"

    def send(
        self,
        method: str,
        path: str,
        *,
        token: Secret | None,
        body: SecretBytes | None,
        until: float,
    ) -> VaultResponse:
        """
        Send a request, and follow one redirect to an allowed standby.

        Args:
            method: `GET` or `POST`.
            path: Path and query.
            token: Vault's token, or None.
            body: JSON, or None.
            until: Deadline for the response, in monotonic seconds.

        Raises:
            SecretUnavailable: There is no response (`secret.unavailable`), or it is a redirect
                that is not followed (`secret.redirect_refused`).
        """
        headers: dict[str, str | Secret] = {"X-Vault-Request": "true"}
        if token is not None:
            headers["X-Vault-Token"] = token
        if self._namespace is not None:
            headers["X-Vault-Namespace"] = self._namespace
        if body is not None:
            headers["Content-Type"] = "application/json"
        request = HttpRequest(method, self.url + path, headers, body)
        response = self._carry(request, until)
        if response.status in _FOLLOWED and self._is_standby(response):
            # Only the origin is taken from the response; path and query stay as requested.
            home = origin_of(response.header("location") or "")
            response = self._carry(HttpRequest(method, home + path, headers, body), until)
        if response.status in _REDIRECTS:
            raise self._build_refusal(response)
        return read_response(response)

    def close(self) -> None:
        """Close the idle connections."""
        self._transport.close()

    def after_fork(self) -> None:
        """Drop the parent's connections."""
        self._transport.after_fork()

    def _carry(self, request: HttpRequest, until: float) -> HttpResponse:
        try:
            return self._transport.send(request, timeout=until - monotonic())
        except ServerUnreachable as failure:
            message, hint, retryable = failure.message, failure.hint, failure.retryable
        except MalformedResponse as failure:
            message, hint, retryable = (
                failure.message,
                "check that `url` is that of a Vault.",
                False,
            )
        raise SecretUnavailable(
            f"{self}: {message}", code="secret.unavailable", hint=hint, retryable=retryable
        )

    def _is_standby(self, response: HttpResponse) -> bool:
        origin = _read_origin(response)
        return origin in self._standby_hosts and _scheme(origin) == _scheme(origin_of(self.url))

    def _build_refusal(self, response: HttpResponse) -> SecretUnavailable:
        return SecretUnavailable(
            f"{self} redirects to {_read_origin(response) or 'nowhere'}, where nothing was sent",
            code="secret.redirect_refused",
            hint="set `url` to the active node, or name its standbys' origins in `standby_hosts`.",
        )


def _read_origin(response: HttpResponse) -> str:
    try:
        return origin_of(response.header("location") or "")
    except InvalidSetting:
        return ""


def _scheme(origin: str) -> str:
    return origin.partition(":")[0]
