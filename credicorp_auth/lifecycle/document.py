"""Cached document of an authorization server, as values: copy, fetch result, unconfirmed result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from attrs import frozen

if TYPE_CHECKING:
    from credicorp_auth.errors import CredicorpAuthError

D = TypeVar("D")


@frozen(eq=False)
class CachedCopy(Generic[D]):
    """
    A document in memory.

    Args:
        document: The document.
        since: Boot-clock time at which its fetch began; the document is at least that old.
    """

    document: D
    since: float


@frozen(eq=False)
class FetchedDocument(Generic[D]):
    """
    The result of a fetch.

    Args:
        document: The document; the cached object itself if nothing changed.
        fresh: Seconds for which it is fresh.
        withdrawn: Names that the cached document holds and this one does not.
    """

    document: D
    fresh: float
    withdrawn: frozenset[str] = frozenset()

    def kept(self, since: float) -> CachedCopy[D]:
        """Return the document as a cached copy whose fetch began at `since`."""
        return CachedCopy(self.document, since)


@frozen(eq=False)
class Unconfirmed:
    """
    A response that withdraws everything; it counts only if the next fetch confirms it.

    Args:
        seconds: Seconds until that fetch.
        error: The error for callers without an earlier document.
    """

    seconds: float
    error: CredicorpAuthError
