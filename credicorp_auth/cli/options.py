"""Options that several commands share: the client, the issuer, the token to look at, the format."""

from __future__ import annotations

import os
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, TextIO

import click

from credicorp_auth.cli.output import note
from credicorp_auth.errors import MalformedToken

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.settings.schema import Settings

profile_option: Final = click.option(
    "--profile", help="Take the settings from this profile of the TOML file."
)
_base_url: Final = click.option("--base-url", help="Base URL of the API.")
_timeout: Final = click.option("--timeout", type=float, help="Longest wait, in seconds.")
_CLIENT: Final = (
    profile_option,
    click.option("--scope", help="Scope tokens, separated by spaces."),
    _timeout,
    _base_url,
    click.option("--token-url", help="The token endpoint, if it is not below the base URL."),
    click.option("--client-id", help="The client's id."),
)
_CLIENT_SETTINGS: Final = ("scope", "timeout", "base_url", "token_url", "client_id")
_ISSUER: Final = (
    profile_option,
    click.option("--issuer", help="The issuer of the tokens."),
    click.option("--jwks-url", help="URL of its keys, if they are not discovered."),
    click.option(
        "--discovery",
        type=click.Choice(["off", "on", "oidc"]),
        help="Whether to discover endpoints, and by which document.",
    ),
    _base_url,
    _timeout,
)
_ISSUER_SETTINGS: Final = ("issuer", "jwks_url", "discovery", "base_url", "timeout")


def _format(first: str, *, shown: str) -> Callable[[Any], Any]:
    return click.option(
        "--format",
        "output",
        type=click.Choice([first, "json"]),
        default=first,
        show_default=True,
        help=f"How to show {shown}.",
    )


format_option: Final = _format("summary", shown="it")
table_option: Final = _format("table", shown="them")
file_option: Final = click.option(
    "--file",
    "source",
    # What is not ASCII is no token; it must reach the check that says so.
    type=click.File(encoding="ascii", errors="replace"),
    default="-",
    help="File that contains the token; default: standard input.",
)


def with_client(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that select a client, and pass the command its `CredicorpAuth`."""

    @wraps(command)
    def call(profile: str | None, **options: Any) -> Any:  # noqa: ANN401 - any command
        from credicorp_auth.auth import CredicorpAuth  # noqa: PLC0415 - `--help` needs no client

        settings = _given(_CLIENT_SETTINGS, options)
        build = (
            CredicorpAuth.from_env(**settings)
            if profile is None
            else CredicorpAuth.from_profile(profile, **settings)
        )
        with build as auth:
            return command(auth, **options)

    return _with_options(_CLIENT, call)


def with_issuer(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that select an issuer, and pass the command what builds its `Settings`."""

    @wraps(command)
    def call(profile: str | None, **options: Any) -> Any:  # noqa: ANN401 - any command
        from credicorp_auth.wiring import engines  # noqa: PLC0415 - `--help` needs no settings

        given = _given(_ISSUER_SETTINGS, options)

        def build(**further: str | None) -> Settings:
            keywords = given | {name: value for name, value in further.items() if value is not None}
            if profile is None:
                return engines.settings_from_env(os.environ, keywords, needs_secret=False)
            return engines.settings_from_profile(profile, os.environ, keywords, needs_secret=False)

        return command(build, **options)

    return _with_options(_ISSUER, call)


def _given(names: tuple[str, ...], options: dict[str, Any]) -> dict[str, Any]:
    """Take the settings out of the options, and return those that have a value."""
    taken = {name: options.pop(name) for name in names}
    return {name: value for name, value in taken.items() if value is not None}


def _with_options(
    options: tuple[Callable[..., Any], ...], call: Callable[..., Any]
) -> Callable[..., Any]:
    for option in reversed(options):
        call = option(call)
    return call


def read_token(source: TextIO, *, limit: int, code: str) -> str:
    """
    Read a token that is given to a command, without the one line end that `echo` adds.

    Args:
        source: The file or standard input. On a terminal, a line says what is expected.
        limit: The longest token, in characters; of a longer text, more than that is returned, so
            that it is refused and not truncated.
        code: The code of the error for an empty text.

    Raises:
        MalformedToken: There is nothing to read.
    """
    if source.isatty():
        note(
            "waiting for a token on standard input: paste it, press Enter, then Ctrl-D "
            "(Windows: Ctrl-Z and Enter); `--file` reads it from a file"
        )
    text = source.read(limit + 2).removesuffix("\n")
    if not text:
        where = "standard input" if source.name == "<stdin>" else source.name
        raise MalformedToken(
            f"{where} is empty; the command reads a token from it",
            code=code,
            hint="pipe a token into the command, as in `credicorp-auth token --format token | "
            "credicorp-auth verify`, or name a file with `--file`.",
        )
    return text
