"""A transport as one writes it in a hurry, and the contract it must fail."""

from __future__ import annotations

import urllib.request

from credicorp_auth.http.messages import HttpResponse
from credicorp_auth.http.secret import SecretBytes
from credicorp_auth.plugin.api import TransportCapabilities
from credicorp_auth_testing.contracts.transport import TransportContract


class HastyTransport:
    """It follows redirects, has no deadline, raises what comes, and puts the body into its errors."""

    capabilities = TransportCapabilities(total_deadline=False)

    def send(self, request, *, timeout):
        body = request.wire_body()
        asked = urllib.request.Request(
            request.url, body, request.wire_headers(), method=request.method
        )
        try:
            with urllib.request.urlopen(asked, timeout=timeout) as response:
                return HttpResponse(
                    response.status, response.getheaders(), SecretBytes(response.read())
                )
        except OSError as fault:
            raise RuntimeError(f"{body!r} could not be sent: {fault}") from fault

    def close(self):
        pass

    def after_fork(self):
        pass


class TestHastyTransport(TransportContract):
    def build_transport(self, **options):
        return HastyTransport()
