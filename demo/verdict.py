"""Promises of the demo, and their results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from journal import Journal
    from load import Load


@frozen
class Expectation:
    """
    A promise and its result.

    Args:
        message: The quantity that is counted.
        seen: The measured value.
        promised: The promised value, in words.
        kept: If true, the promise was kept.
    """

    message: str
    seen: int
    promised: str
    kept: bool


def waits(journal: Journal) -> tuple[int, int]:
    """Count the calls that waited for a mint: after the revocation, and all others."""
    (revoked,) = journal.named("all tokens revoked")
    cured = min(
        (each.now for each in journal.named("token.minted") if each.now > revoked.now),
        default=revoked.now,
    )
    times = [each.now for each in journal.named("token.waited") if each.now > journal.began]
    # Calls that waited for the mint after the revocation report it right after that mint.
    of_revocation = [each for each in times if revoked.now <= each <= cured + 1.0]
    return len(of_revocation), len(times) - len(of_revocation)


def during_cool_down(journal: Journal, counters: dict[str, Any]) -> int:
    """Count the token requests between the first 429 and the end of the burst."""
    (begins,) = journal.named("429 begins")
    (ends,) = journal.named("429 ends")
    times = counters["token_request_times"]
    return sum(begins.now <= each <= ends.now for each in times)


def expectations(journal: Journal, load: Load, counters: dict[str, Any]) -> list[Expectation]:
    """Return every promise with its result."""
    of_revocation, others = waits(journal)
    mints, refused = counters["mints"], load.statuses[401]
    asked = during_cool_down(journal, counters)
    good = load.statuses[200] + load.statuses[201]
    expired, limited = counters.get("expired_seen", 0), counters.get("token_429", 0)
    return [
        Expectation("calls", load.calls, "at least 1,000", load.calls >= 1000),  # noqa: PLR2004 - see the words
        Expectation("calls that failed", load.calls - good, "0", load.calls == good),
        Expectation("mints", mints, "6 to 12", 6 <= mints <= 12),  # noqa: PLR2004 - see the words
        Expectation("waited for the first mint after the revocation", of_revocation, "any", True),  # noqa: FBT003 - nothing is promised
        Expectation("other calls that waited for a mint after the first", others, "0", not others),
        Expectation("401 seen by callers", refused, "0", not refused),
        Expectation("expired tokens seen by the API", expired, "0", not expired),
        Expectation("answers of 429", limited, "1 or 2", 1 <= limited <= 2),  # noqa: PLR2004 - see the words
        Expectation("token requests during the cool-down", asked, "at most 2", asked <= 2),  # noqa: PLR2004 - see the words
    ]


def show(kept: list[Expectation]) -> None:
    """Print the table."""
    table = Table("what", "seen", "promised", "")
    for each in kept:
        mark = "[green]ok[/green]" if each.kept else "[red]FAIL[/red]"
        table.add_row(each.message, f"{each.seen:,}", each.promised, mark)
    Console().print(table)
