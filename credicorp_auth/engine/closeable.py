"""Mixin of objects that are closed once: context managers of both kinds, and no pickling."""

from __future__ import annotations

from typing import NoReturn, Self

from credicorp_auth.engine.single_flight.aside import run_aside


class Closeable:
    """Context manager, plain and async, around `close`."""

    def close(self) -> None:
        """Close what is open; once, however often it is called."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """Close, without holding up the event loop."""
        await run_aside(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        name = type(self).__name__
        message = f"a {name} cannot be pickled; build one in each process from its settings"
        raise TypeError(message)
