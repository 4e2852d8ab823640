"""Commands that install a missing part of this project, as hints show them."""

from __future__ import annotations

from typing import Final

RELEASED: Final = False
"""
Whether our distributions are on an index.

Until the first release no hint may say to install one of our names from an index, because a
stranger may own it there. Then this becomes True, and hints no longer name folders of a checkout.
"""

CORE: Final = "credicorp-auth"
"""The distribution of the core."""

STANDARD_COMMAND: Final = "pip install -r standard.txt"
"""Installs, in a checkout, the core and what the defaults of the settings name."""


def install_command(folder: str, *, extra: str = "", released: bool = RELEASED) -> str:
    """
    Return the command that installs one of our distributions.

    Args:
        folder: Its folder in a checkout, from the root: `.` for the core, `./plugins/NAME`.
        extra: The extra to install with it; empty for none.
        released: Whether it is on an index.
    """
    name = CORE if folder == "." else f"{CORE}-{folder.rpartition('/')[2]}"
    wanted = name if released else folder
    wanted = f"'{wanted}[{extra}]'" if extra else wanted
    return f"pip install {wanted}" + ("" if released else f" in a checkout of {CORE}")
