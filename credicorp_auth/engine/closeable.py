"""Mixin of closeable objects: context manager, plain and async, and no pickling."""

from __future__ import annotations

from typing import NoReturn, Self

from credicorp_auth.engine.single_flight.aside import run_aside


class Closeable:
    """Context manager, plain and async, around `close`."""

    def close(self) -> None:
        """Close the object; idempotent."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """Close the object without blocking the event loop."""
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
