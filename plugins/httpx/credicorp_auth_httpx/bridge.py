"""Client transport over an httpcore pool, as httpx's own but with our network backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def build_bridge(library: Any, core: Any, pool: Any) -> Any:
    """
    Build the transport of a client.

    httpcore's pools accept a network backend, but httpx's own transport has no way to pass one.

    Args:
        library: The module httpx or httpx2.
        core: The httpcore module that belongs to it.
        pool: A pool of that httpcore.
    """

    class Body(library.SyncByteStream):  # type: ignore[misc] # its base is one of two
        def __init__(self, stream: Any) -> None:
            self._stream = stream

        def __iter__(self) -> Iterator[bytes]:
            yield from self._stream

        def close(self) -> None:
            self._stream.close()

    class Bridge(library.BaseTransport):  # type: ignore[misc] # its base is one of two
        def handle_request(self, request: Any) -> Any:
            url = core.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            )
            sent = core.Request(
                request.method, url, headers=request.headers.raw, content=request.stream
            )
            response = pool.handle_request(sent)
            return library.Response(
                response.status, headers=response.headers, stream=Body(response.stream)
            )

        def close(self) -> None:
            pool.close()

    return Bridge()
