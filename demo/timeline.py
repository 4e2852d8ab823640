"""Plot of the timeline: the validity of each token, and the demo's actions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from journal import Entry, Journal

WIDTH, LEFT, TOP, LANE = 1100, 30, 90, 22
FRESH, ADVISORY, MANDATORY = "#7fb685", "#e8c468", "#d9785f"
INK, PALE = "#2f3e46", "#8d99a0"


def draw(journal: Journal, seconds: float) -> str:
    """
    Draw the timeline.

    Args:
        journal: The log of the demo.
        seconds: The length of the demo.

    Returns:
        An SVG document.
    """
    mints = journal.named("token.minted")
    scale = (WIDTH - 2 * LEFT) / seconds
    lanes = len(mints)
    height = TOP + lanes * LANE + 60

    def x(now: float) -> float:
        return LEFT + min(max(now - journal.began, 0.0), seconds) * scale

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="sans-serif" font-size="12" fill="{INK}">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{LEFT}" y="26" font-size="17">One CredicorpAuth, 8 threads and 8 tasks: '
        "each bar is the life of one token</text>",
        *legend(),
    ]
    bottom = TOP + lanes * LANE
    for second in range(0, int(seconds) + 1, 2):
        at = LEFT + second * scale
        parts.append(line(at, TOP - 6, bottom + 6, PALE, "0.4"))
        parts.append(f'<text x="{at:.1f}" y="{bottom + 24}" text-anchor="middle">{second} s</text>')
    parts += band(journal, x, bottom)
    for lane, mint in enumerate(mints):
        parts += bar(mint, TOP + lane * LANE, x)
    for name in ("signing keys rotated", "all tokens revoked"):
        for each in journal.named(name):
            parts.append(line(x(each.now), TOP - 12, bottom + 6, INK, "1.4"))
            parts.append(f'<text x="{x(each.now) + 4:.1f}" y="{TOP - 10}">{name}</text>')
    return "\n".join([*parts, "</svg>\n"])


def legend() -> list[str]:
    """Return the legend."""
    names = {
        FRESH: "fresh",
        ADVISORY: "advisory: refreshed behind the scenes",
        MANDATORY: "mandatory",
    }
    parts: list[str] = []
    at = LEFT
    for colour, name in names.items():
        parts.append(f'<rect x="{at}" y="40" width="14" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{at + 20}" y="51">{name}</text>')
        at += 60 + 6 * len(name)
    parts.append(f'<circle cx="{at + 6}" cy="46" r="4" fill="{INK}"/>')
    parts.append(f'<text x="{at + 16}" y="51">minted</text>')
    return parts


def line(x: float, top: float, bottom: float, colour: str, width: str) -> str:
    """Return a vertical line."""
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}" '
        f'stroke="{colour}" stroke-width="{width}"/>'
    )


def band(journal: Journal, x: Callable[[float], float], bottom: float) -> list[str]:
    """Return a band for the time in which the token endpoint returned 429."""
    begins, ends = journal.named("429 begins"), journal.named("429 ends")
    if not begins or not ends:
        return []
    left, right = x(begins[0].now), x(ends[0].now)
    return [
        f'<rect x="{left:.1f}" y="{TOP - 6}" width="{right - left:.1f}" '
        f'height="{bottom - TOP + 12}" fill="#c9d6df" opacity="0.6"/>',
        f'<text x="{left + 4:.1f}" y="{TOP - 10}">429</text>',
    ]


def bar(mint: Entry, top: float, x: Callable[[float], float]) -> list[str]:
    """Return the validity of one token: its windows, and its mint."""
    issued = mint.now - mint.seconds
    # The windows as the library sets them, before jitter extends the lead by up to a fifth.
    edges = [
        issued,
        issued + mint.lifetime * 0.75,
        issued + mint.lifetime * 0.9,
        issued + mint.lifetime,
    ]
    parts = [
        f'<rect x="{x(begin):.1f}" y="{top + 3}" width="{x(end) - x(begin):.1f}" '
        f'height="{LANE - 6}" fill="{colour}"/>'
        for begin, end, colour in zip(edges, edges[1:], (FRESH, ADVISORY, MANDATORY), strict=False)
    ]
    middle = top + LANE / 2
    return [*parts, f'<circle cx="{x(mint.now):.1f}" cy="{middle}" r="4" fill="{INK}"/>']
