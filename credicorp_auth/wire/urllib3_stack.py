"""urllib3 as a stack: the one that the core depends on, for whoever brings no other."""

from __future__ import annotations

from functools import partial
from http.client import HTTPException, InvalidURL
from typing import TYPE_CHECKING

from urllib3 import HTTPHeaderDict
from urllib3.exceptions import HTTPError

from credicorp_auth.wire.exchange import current
from credicorp_auth.wire.response import PIECE, OpenResponse
from credicorp_auth.wire.urllib3_pools import DeadlinePools

if TYPE_CHECKING:
    from credicorp_auth.http.messages import HttpRequest
    from credicorp_auth.wire.tls import Trust


class Urllib3Stack:
    """
    urllib3 as `credicorp_auth.wire` asks for it.

    Args:
        trust: Whom it trusts.
    """

    failures = (HTTPError, HTTPException, OSError, ValueError)
    refusals = (InvalidURL, ValueError)

    def __init__(self, trust: Trust) -> None:
        self._pools = DeadlinePools(trust)

    def open(self, request: HttpRequest, headers: list[tuple[str, str]]) -> OpenResponse:
        """Send a request and return the answer's head."""
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
        return OpenResponse(
            response.status, list(response.headers.iteritems()), pieces, response.close
        )

    def close(self) -> None:
        """Close the connections that wait."""
        self._pools.clear()
