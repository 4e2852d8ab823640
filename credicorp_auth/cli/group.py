"""Command group: the built-in commands, and those that installed distributions add."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from credicorp_auth.errors import AdapterBroken
from credicorp_auth.plugin.loading.commands import InstalledCommands
from credicorp_auth.plugin.loading.registry import read_allowlist

if TYPE_CHECKING:
    from click import Command, Context, HelpFormatter


class CommandGroup(click.Group):
    """A group that imports a command of another distribution only when it is called."""

    def resolve_command(
        self, ctx: Context, args: list[str]
    ) -> tuple[str | None, Command | None, list[str]]:
        """Refuse a name that is disputed, even if it is the name of a built-in command."""
        self._installed.check(args[0])
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        """Return a built-in command, or import an installed one."""
        command = super().get_command(ctx, cmd_name) or self._installed.load(cmd_name)
        if command is None or isinstance(command, click.Command):
            return command
        raise AdapterBroken(
            f"command {cmd_name!r} is a {type(command).__name__}, not a command of click",
            code="plugin.contract",
        )

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write the built-in commands, then the installed ones without importing them."""
        super().format_commands(ctx, formatter)
        if installed := self._installed.describe():
            with formatter.section("Commands of installed distributions"):
                formatter.write_dl(installed)

    @property
    def _installed(self) -> InstalledCommands:
        return InstalledCommands(self.commands, allowed=read_allowlist(os.environ))
