"""
Commands that installed distributions add to the command line.

A command is found like an adapter: by its name, in the one snapshot of entry points. Nothing is
imported before a command is called, and then only that command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from credicorp_auth.errors import AdapterBlocked, AdapterConflict, AdapterNotFound
from credicorp_auth.errors.install import CORE, install_command
from credicorp_auth.http.untrusted_text import escape_untrusted
from credicorp_auth.plugin.loading.installed import (
    PLUGINS_VARIABLE,
    claims_of,
    installed_entry_points,
    owner_of,
    provider_of,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from importlib.metadata import EntryPoint

COMMANDS: Final = "credicorp_auth.commands"
"""Entry-point group of the commands."""

_TESTING: Final = "credicorp-auth-testing"
OWNERS: Final = {"new": _TESTING, "sandbox": _TESTING}
"""Names of this project's own commands outside the core, with the distribution of each."""


class InstalledCommands:
    """
    Finds and loads the commands of installed distributions.

    Args:
        built_in: Names of the core's own commands.
        found: The entry points to choose from; None, the default, takes those installed.
        allowed: Names that may be loaded: the operator's allowlist, for this project's commands
            too. None, the default, allows every command. It does not apply to built-in ones.
    """

    def __init__(
        self,
        built_in: Collection[str],
        found: Iterable[EntryPoint] | None = None,
        *,
        allowed: Iterable[str] | None = None,
    ) -> None:
        self._built_in = built_in
        self._allowed = None if allowed is None else frozenset(allowed)
        self._claims = claims_of(installed_entry_points() if found is None else found, COMMANDS)

    def describe(self) -> list[tuple[str, str]]:
        """Return each installed command by name, with its distribution or why it is refused."""
        return [(_show(name), self._describe(name)) for name in self._claims]

    def check(self, name: str) -> None:
        """
        Refuse a name that is disputed, or that the operator does not allow.

        Args:
            name: The name of a command, built-in or not; one that no distribution provides passes.

        Raises:
            AdapterConflict: Two distributions claim it, or one claims a name that belongs to the
                core or to another of this project's distributions.
            AdapterBlocked: The allowlist leaves out a command that is not built in.
        """
        if dispute := self._describe_conflict(name):
            raise AdapterConflict(f"command {_show(name)!r} {dispute}")
        if self._is_blocked(name):
            allowed = ascii(" ".join(sorted(self._allowed or ())))[:200]
            raise AdapterBlocked(
                f"command {_show(name)!r} is not allowed: {PLUGINS_VARIABLE} allows {allowed}",
                hint=f"add the name to {PLUGINS_VARIABLE}, or unset that variable.",
            )

    def load(self, name: str) -> Any:  # noqa: ANN401 - an entry point may name anything
        """
        Import one command.

        Args:
            name: The name that the command line was called with.

        Returns:
            What the entry point names; None if no distribution provides the command.

        Raises:
            AdapterNotFound: It is a command of this project, whose distribution is not installed.
            ConfigurationError: By subclass, as in `check`, or because it cannot be imported or was
                written for another version of the interface.
        """
        self.check(name)
        if name in self._claims:
            from credicorp_auth.plugin.loading.entry_point import import_entry_point  # noqa: PLC0415 - `--help` needs none

            entry_point = self._claims[name][0]
            return import_entry_point(
                f"command {_show(str(provider_of(entry_point)))}", entry_point
            )
        if name in OWNERS:
            raise AdapterNotFound(
                f"command {name!r} is not installed: it is part of {OWNERS[name]}",
                hint=f"run: {install_command('./testing')}",
            )
        return None

    def _describe(self, name: str) -> str:
        if dispute := self._describe_conflict(name):
            return f"refused: it {dispute}"
        blocked = f"; {PLUGINS_VARIABLE} leaves it out" if self._is_blocked(name) else ""
        return f"{_claimant(self._claims[name][0])}{blocked}"

    def _is_blocked(self, name: str) -> bool:
        added = name in self._claims and name not in self._built_in
        return added and self._allowed is not None and name not in self._allowed

    def _describe_conflict(self, name: str) -> str:
        """Say who claims a name that only one may have; empty if it is not disputed."""
        claims = self._claims.get(name, [])
        owner = CORE if name in self._built_in else OWNERS.get(name)
        foreign = [each for each in claims if owner_of(each) != owner]
        if owner and foreign:
            return f"belongs to {owner}, but is claimed by {_claimants(foreign)}"
        return f"is claimed by {_claimants(claims)}" if len(claims) > 1 else ""


def _claimants(claims: Iterable[EntryPoint]) -> str:
    return " and ".join(sorted(map(_claimant, claims)))


def _claimant(entry_point: EntryPoint) -> str:
    provider = provider_of(entry_point)
    return _show(f"{provider.distribution} {provider.version}")


def _show(text: str) -> str:
    return escape_untrusted(text, ())
