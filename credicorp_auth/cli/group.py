"""Command group: the built-in commands, and those that installed distributions add."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Final

import click

from credicorp_auth.errors import AdapterBroken
from credicorp_auth.plugin.loading.commands import InstalledCommands
from credicorp_auth.plugin.loading.installed import read_allowlist

if TYPE_CHECKING:
    from click import Command, Context, HelpFormatter

# Module of the command, and its line in `--help`: the first sentence of its own help.
COMMANDS: Final = {
    "adapters": ("adapters", "List installed and installable adapters, without importing any."),
    "cache": ("cache", "List or clear the cache that the settings name; tokens are not shown."),
    "discover": ("issuer", "Read the metadata of the issuer, else of the server at the base URL."),
    "doctor": ("doctor", "Check everything that is needed to get a token."),
    "header": ("token", "Print the Authorization header, which contains the token."),
    "introspect": (
        "verify",
        "Ask the server about the token on standard input, and show its response.",
    ),
    "jwks": (
        "issuer",
        "List the keys that the issuer publishes, and why some of them are not used.",
    ),
    "revoke": (
        "verify",
        "Revoke the token on standard input, and drop it from the cache that the settings name.",
    ),
    "token": (
        "token",
        "Obtain a token and show what it is; the token itself only if you request it.",
    ),
    "verify": ("verify", "Verify the token on standard input, and show its claims."),
}


class CommandGroup(click.Group):
    """A group that imports a command's module only when that command is called."""

    def list_commands(self, ctx: Context) -> list[str]:
        """Return the names of the built-in commands."""
        return sorted({*COMMANDS, *super().list_commands(ctx)})

    def resolve_command(
        self, ctx: Context, args: list[str]
    ) -> tuple[str | None, Command | None, list[str]]:
        """Refuse a name that is disputed, even if it is the name of a built-in command."""
        self._installed.check(args[0])
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        """Import a built-in or an installed command, and return it; None if there is none."""
        if cmd_name in COMMANDS and cmd_name not in self.commands:
            module = import_module(f"credicorp_auth.cli.{COMMANDS[cmd_name][0]}")
            self.add_command(getattr(module, cmd_name))
        command = super().get_command(ctx, cmd_name) or self._installed.load(cmd_name)
        if command is None or isinstance(command, click.Command):
            return command
        raise AdapterBroken(
            f"command {cmd_name!r} is a {type(command).__name__}, not a command of click",
            code="plugin.contract",
        )

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write the built-in commands, then the installed ones, without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])
        if installed := self._installed.describe():
            with formatter.section("Commands of installed distributions"):
                formatter.write_dl(installed)

    @property
    def _installed(self) -> InstalledCommands:
        return InstalledCommands({*COMMANDS, *self.commands}, allowed=read_allowlist(os.environ))
