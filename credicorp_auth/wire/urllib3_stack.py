"""urllib3 stack: the default, which the core depends on."""

from __future__ import annotations

from functools import partial
from http.client import HTTPException, InvalidURL
from typing import TYPE_CHECKING

from urllib3 import HTTPHeaderDict
from urllib3.exceptions import HTTPError

from credicorp_auth.wire.exchange import current
from credicorp_auth.wire.response import PIECE, OpenResponse
from credicorp_auth.wire.urllib3_pools import DeadlinePools, read_fields

if TYPE_CHECKING:
    from credicorp_auth.http.messages import HttpRequest
    from credicorp_auth.wire.tls import Trust


class Urllib3Stack:
    """
    Stack over urllib3.

    Args:
        trust: TLS contexts for servers and proxies.
    """

    failures = (HTTPError, HTTPException, OSError, ValueError)
    refusals = (InvalidURL, ValueError)

    def __init__(self, trust: Trust) -> None:
        self._pools = DeadlinePools(trust)

    def open(self, request: HttpRequest, headers: list[tuple[str, str]]) -> OpenResponse:
        """Send a request and read the response header."""
        response = self._pools.through(current.get().proxy).urlopen(
            request.method,
            request.url,
            redirect=False,
            body=request.wire_body(),
            headers=HTTPHeaderDict(headers),
            retries=False,
            preload_content=False,
            decode_content=False,
        )
        pieces = iter(partial(response.read1, PIECE, decode_content=False), b"")
        return OpenResponse(response.status, read_fields(response), pieces, response.close)

    def close(self) -> None:
        """Close the idle connections."""
        self._pools.clear()
