"""Kinds of adapters, and the adapters of this project, whose names no stranger may claim."""

from __future__ import annotations

from typing import Final, NamedTuple

from credicorp_auth.errors.install import CORE, install_command
from credicorp_auth.plugin.api import (
    BoundedCache,
    Cache,
    CacheCapabilities,
    LeasingCache,
    ListingCache,
    SecretSource,
    SecretSourceCapabilities,
    Transport,
    TransportCapabilities,
)


class OwnAdapter(NamedTuple):
    """
    An adapter of this project. What it is called follows from its name and folder.

    Args:
        name: The name that settings choose.
        folder: Its folder in `plugins/`, and the last part of its distribution's name.
        extra: The extra that brings its library, if one distribution serves several libraries.
    """

    name: str
    folder: str
    extra: str = ""

    @property
    def distribution(self) -> str:
        """The distribution that the name belongs to."""
        return f"{CORE}-{self.folder}"

    @property
    def package(self) -> str:
        """The package of the distribution."""
        return f"credicorp_auth_{self.folder}"

    @property
    def module(self) -> str:
        """The module of the entry point."""
        second = "" if self.name == self.folder else f"_{self.name}"
        return f"{self.package}.plugin{second}"

    @property
    def install_command(self) -> str:
        """The command that installs it."""
        return install_command(f"./plugins/{self.folder}", extra=self.extra)


class Kind(NamedTuple):
    """
    A kind of adapter.

    Args:
        name: The user's word for it.
        group: The entry-point group that lists its adapters.
        hook: The hook that builds one.
        port: The interface that it must implement.
        capabilities: The class that declares its optional capabilities.
        own: This project's adapters; their names belong to their distributions.
        standard: Those of them that the defaults of the settings name.
        beyond: The interface that each capability requires on top of the port.
    """

    name: str
    group: str
    hook: str
    port: type = object
    capabilities: type = object
    own: tuple[OwnAdapter, ...] = ()
    standard: frozenset[str] = frozenset()
    beyond: tuple[tuple[str, type], ...] = ()

    def own_adapter(self, name: str) -> OwnAdapter | None:
        """Return this project's adapter of that name; None if it has none."""
        return next((each for each in self.own if each.name == name), None)


def _own(*lines: str) -> tuple[OwnAdapter, ...]:
    """Read a line for each adapter: its folder, or `folder[name]` if the folder has several."""
    parts = [each.rstrip("]").partition("[") for each in lines]
    return tuple(OwnAdapter(extra or folder, folder, extra) for folder, _, extra in parts)


TRANSPORT: Final = Kind(
    "transport",
    "credicorp_auth.transports",
    "credicorp_transport",
    Transport,
    TransportCapabilities,
    _own("httpx[httpx]", "httpx[httpx2]", "requests", "urllib3"),
    frozenset({"urllib3"}),
)
CACHE: Final = Kind(
    "cache",
    "credicorp_auth.caches",
    "credicorp_cache",
    Cache,
    CacheCapabilities,
    _own("file", "memory", "redis"),
    frozenset({"memory"}),
    (("bounded", BoundedCache), ("leases", LeasingCache), ("lists", ListingCache)),
)
SECRET_SOURCE: Final = Kind(
    "secret source",
    "credicorp_auth.secret_sources",
    "credicorp_secret_source",
    SecretSource,
    SecretSourceCapabilities,
    _own("aws", "env", "exec", "files", "vault"),
    frozenset({"env"}),
)
OBSERVER: Final = Kind("observer", "credicorp_auth.observers", "credicorp_event")
KINDS: Final = (TRANSPORT, CACHE, SECRET_SOURCE, OBSERVER)
