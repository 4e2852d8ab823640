"""Options that select the client and its settings."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from credicorp_auth.auth import CredicorpAuth

if TYPE_CHECKING:
    from collections.abc import Callable

_OPTIONS = (
    click.option("--profile", help="Take the settings from this profile of the TOML file."),
    click.option("--scope", help="Scope tokens, separated by spaces."),
    click.option("--timeout", type=float, help="Seconds to wait at most."),
    click.option("--base-url", help="Where the API begins."),
    click.option("--token-url", help="The token endpoint, if not below the base URL."),
    click.option("--client-id", help="The client's id."),
)


def with_identity(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of `_OPTIONS` to a command, and pass it the `CredicorpAuth` they describe."""

    @wraps(command)
    def call(profile: str | None, **options: Any) -> Any:  # noqa: ANN401 - any command
        names = ("scope", "timeout", "base_url", "token_url", "client_id")
        given: Any = {name: options.pop(name) for name in names}
        settings = {name: value for name, value in given.items() if value is not None}
        build = (
            CredicorpAuth.from_env(**settings)
            if profile is None
            else CredicorpAuth.from_profile(profile, **settings)
        )
        with build as auth:
            return command(auth, **options)

    for option in reversed(_OPTIONS):
        call = option(call)
    return call
