"""The option by which a command is shown a token; never an argument, which anybody could read."""

from __future__ import annotations

from typing import Final, TextIO

import click

from credicorp_auth.oauth.token_text import MAX_TOKEN

file_option: Final = click.option(
    "--file",
    "source",
    type=click.File(encoding="ascii", errors="replace"),
    default="-",
    help="Where the token is; standard input when not given.",
)


def read_shown(source: TextIO) -> str:
    """Return the token, less the one line end that `echo` leaves behind it."""
    # More characters than may be, so that a longer text is found out and not cut to size.
    return source.read(MAX_TOKEN + 2).removesuffix("\n")
