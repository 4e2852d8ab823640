"""Plot of the runs: token requests in each second, with and without the lease."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ledger import Ledger
    from scenario import Scenario

TIERS: Final = (10, 25, 100)
WIDTH, LEFT, TOP, PANEL, GAP = 900, 56, 66, 150, 46
COLUMNS: Final = 300
MOST: Final = 10_000  # requests a second at the upper edge of a panel
WITH, WITHOUT = "#2f3e46", "#e29578"
INK, PALE = "#2f3e46", "#8d99a0"
TROUBLE: Final = ("Redis down", "429 storm")


def draw(runs: Sequence[tuple[Scenario, Ledger]]) -> str:
    """
    Draw one panel for each lifetime.

    Args:
        runs: The scenarios and their counters.

    Returns:
        An SVG document.
    """
    lifetimes = sorted({scenario.lifetime for scenario, _ in runs})
    height = TOP + len(lifetimes) * (PANEL + GAP)
    parts = [*heading(runs[0][0], height)]
    for index, lifetime in enumerate(lifetimes):
        chosen = [each for each in runs if each[0].lifetime == lifetime]
        # Runs with the lease are drawn last, so that the smaller bars stay visible.
        chosen.sort(key=lambda each: each[0].lease)
        parts += panel(chosen, TOP + index * (PANEL + GAP))
    return "\n".join([*parts, "</svg>\n"])


def heading(scenario: Scenario, height: int) -> Iterator[str]:
    """Return the start of the document, with the legend."""
    served = "any number" if scenario.tier is None else f"{scenario.tier:g}"
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="sans-serif" font-size="11" fill="{INK}">'
    )
    yield f'<rect width="{WIDTH}" height="{height}" fill="white"/>'
    title = f"Token requests a second of {scenario.hosts:,} hosts; {served} are served"
    yield text(LEFT, 22, title, 15)
    for x, colour, name in ((LEFT, WITHOUT, "without"), (LEFT + 130, WITH, "with")):
        yield f'<rect x="{x}" y="32" width="14" height="10" fill="{colour}"/>'
        yield text(x + 20, 41, f"{name} the lease")


def text(x: float, y: float, words: str, size: int = 11, anchor: str = "start") -> str:
    """Return a line of text."""
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" text-anchor="{anchor}">{words}</text>'


def level(count: float) -> float:
    """Return the height of a count in a panel, on a logarithmic scale that starts at 0.5."""
    return PANEL * math.log(max(min(count, MOST), 0.5) / 0.5) / math.log(MOST / 0.5)


def panel(runs: Sequence[tuple[Scenario, Ledger]], top: float) -> Iterator[str]:
    """Draw the runs of one lifetime on top of each other."""
    scenario, ledger = runs[0]
    end = ledger.phases[-1].end
    scale = (WIDTH - LEFT - 16) / end
    bottom = top + PANEL
    for phase in ledger.phases:
        x, width = LEFT + phase.begin * scale, (phase.end - phase.begin) * scale
        if phase.name in TROUBLE:
            yield (
                f'<rect x="{x:.1f}" y="{top}" width="{width:.1f}" height="{PANEL}" fill="#eef1f3"/>'
            )
        yield text(x + 3, bottom + 13, phase.name, 10)
    yield text(LEFT, top - 5, f"tokens live {scenario.lifetime:g} s")
    for tier in TIERS:
        y = bottom - level(tier)
        yield (
            f'<path d="M{LEFT} {y:.1f}H{WIDTH - 16}" stroke="{PALE}" stroke-width="0.7" '
            'stroke-dasharray="4 3"/>'
        )
        yield text(LEFT - 4, y + 4, f"{tier}", 10, "end")
    for count in (1, 1000, MOST):
        yield text(LEFT - 4, bottom - level(count) + 4, f"{count}", 10, "end")
    for each, counted in runs:
        colour = WITH if each.lease else WITHOUT
        yield bars(counted, scale, bottom, colour)
    yield f'<path d="M{LEFT} {top}V{bottom}H{WIDTH - 16}" stroke="{INK}" fill="none"/>'


def bars(ledger: Ledger, scale: float, bottom: float, colour: str) -> str:
    """Draw the busiest second of each column."""
    end = ledger.phases[-1].end
    tallest: dict[int, int] = {}
    for second, count in ledger.per_second.items():
        column = int(second / end * COLUMNS)
        tallest[column] = max(tallest.get(column, 0), count)
    width = end * scale / COLUMNS
    strokes = "".join(
        f"M{LEFT + (column + 0.5) * width:.1f} {bottom}v-{level(count):.1f}"
        for column, count in sorted(tallest.items())
    )
    return f'<path d="{strokes}" stroke="{colour}" stroke-width="{width * 0.9:.1f}"/>'
