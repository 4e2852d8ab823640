"""Option for the token to inspect: a file or standard input, since users can read arguments."""

from __future__ import annotations

from typing import Final, TextIO

import click

from credicorp_auth.oauth.token import MAX_TOKEN

file_option: Final = click.option(
    "--file",
    "source",
    type=click.File(encoding="ascii", errors="replace"),
    default="-",
    help="Where the token is; standard input when not given.",
)


def read_shown(source: TextIO) -> str:
    """Return the token, without the one line end that `echo` adds."""
    # Read more than the limit, so that a longer text is rejected and not truncated.
    return source.read(MAX_TOKEN + 2).removesuffix("\n")
