"""Loopback server that responds at once, so that only the client's own work is measured."""

from __future__ import annotations

import asyncio
import sys

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class ResponseTests(asyncio.Protocol):
    """Responds to each request in the same way."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Respond; the measured requests have no body and arrive in one piece."""
        assert isinstance(self.transport, asyncio.Transport)
        self.transport.write(ANSWER * data.count(b"\r\n\r\n"))


async def main() -> None:
    """Serve until standard input ends; print the port first."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(ResponseTests, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
