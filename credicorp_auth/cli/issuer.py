"""Options that select an issuer; none of them is a secret."""

from __future__ import annotations

import os
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from credicorp_auth.wiring.engines import settings_from_env, settings_from_profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.settings.schema import Settings

_OPTIONS = (
    click.option("--profile", help="Take the settings from this profile of the TOML file."),
    click.option("--issuer", help="Who issues the tokens."),
    click.option("--jwks-url", help="Where its keys are, if they are not to be discovered."),
    click.option(
        "--discovery",
        type=click.Choice(["off", "on", "oidc"]),
        help="Whether to discover endpoints, and by which document.",
    ),
    click.option("--base-url", help="Where the API begins."),
    click.option("--timeout", type=float, help="Seconds to wait at most."),
)
_NAMES = ("issuer", "jwks_url", "discovery", "base_url", "timeout")

format_option = click.option(
    "--format",
    "output",
    type=click.Choice(["summary", "json"]),
    default="summary",
    show_default=True,
    help="How to show it.",
)


def with_issuer(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of `_OPTIONS` to a command, and pass it a function that builds `Settings`."""

    @wraps(command)
    def call(profile: str | None, **options: Any) -> Any:  # noqa: ANN401 - any command
        given: Any = {name: options.pop(name) for name in _NAMES}

        def build(**further: str | None) -> Settings:
            asked = {**given, **further}
            keywords = {name: value for name, value in asked.items() if value is not None}
            if profile is None:
                return settings_from_env(os.environ, keywords, needs_secret=False)
            return settings_from_profile(profile, os.environ, keywords, needs_secret=False)

        return command(build, **options)

    for option in reversed(_OPTIONS):
        call = option(call)
    return call
