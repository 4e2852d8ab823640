"""A document of the authorization server that is fetched, kept and refreshed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from attrs import frozen

if TYPE_CHECKING:
    from credicorp_auth.errors import CredicorpAuthError

D = TypeVar("D")


@frozen(eq=False)
class CachedCopy(Generic[D]):
    """
    A document at hand.

    Args:
        document: What was read.
        since: Moment of the boot clock at which its fetch began: it is at least that old.
    """

    document: D
    since: float


@frozen(eq=False)
class FetchedDocument(Generic[D]):
    """
    A document that a fetch brought.

    Args:
        document: What was read; the very object at hand if it says the same.
        fresh: Seconds for which it is taken for current.
        withdrawn: Names that the document at hand holds, and this one no longer.
    """

    document: D
    fresh: float
    withdrawn: frozenset[str] = frozenset()

    def kept(self, since: float) -> CachedCopy[D]:
        """Keep it."""
        return CachedCopy(self.document, since)


@frozen(eq=False)
class Unconfirmed:
    """
    A response that withdraws everything, and counts only if the next fetch says so again.

    Args:
        seconds: Seconds until that fetch.
        error: What is wrong with it, for callers who have no earlier document.
    """

    seconds: float
    error: CredicorpAuthError
