"""Requests to the authorization server, over urllib3."""

from __future__ import annotations

from functools import partial
from http.client import HTTPException, InvalidURL
from typing import TYPE_CHECKING

from urllib3 import HTTPHeaderDict
from urllib3.exceptions import HTTPError

from credicorp_auth.wire.answer import PIECE, OpenAnswer
from credicorp_auth.wire.exchange import current
from credicorp_auth.wire.options import TransportOptions
from credicorp_auth.wire.tls import build_trust
from credicorp_auth.wire.transport import SocketTransport
from credicorp_auth.wire.urllib3_pools import DeadlinePools

if TYPE_CHECKING:
    from credicorp_auth.oauth.http import HttpRequest
    from credicorp_auth.wire.tls import Trust

__all__ = ["TransportOptions", "Urllib3Transport"]


class _Urllib3:
    """urllib3 as `credicorp_auth.wire` asks for it."""

    failures = (HTTPError, HTTPException, OSError, ValueError)
    refusals = (InvalidURL, ValueError)

    def __init__(self, trust: Trust) -> None:
        self._pools = DeadlinePools(trust)

    def open(self, request: HttpRequest, headers: list[tuple[str, str]]) -> OpenAnswer:
        answer = self._pools.through(current.get().proxy).urlopen(
            request.method,
            request.url,
            redirect=False,
            body=request.wire_body(),
            headers=HTTPHeaderDict(headers),
            retries=False,
            preload_content=False,
            decode_content=False,
        )
        pieces = iter(partial(answer.read1, PIECE, decode_content=False), b"")
        return OpenAnswer(answer.status, list(answer.headers.iteritems()), pieces, answer.close)

    def close(self) -> None:
        self._pools.clear()


class Urllib3Transport(SocketTransport):
    """
    A transport on urllib3, the one that is in the box.

    Args:
        options: What was set; the defaults when not given.

    Raises:
        InvalidSetting: A file named in the options cannot be used (`config.value`).

    .. versionadded:: 1.0.0
    """

    def __init__(self, options: TransportOptions | None = None) -> None:
        options = options or TransportOptions()
        trust = build_trust(ca_file=options.ca_file, client_certificate=options.client_certificate)
        super().__init__(lambda: _Urllib3(trust), options)
