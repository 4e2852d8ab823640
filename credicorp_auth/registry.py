"""
Loads exactly the adapters that settings name, and explains when it cannot.

Names are chosen, never detected: the entry points of all installed distributions are listed once,
and only the one that is named is imported.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final

import pluggy
from attrs import frozen

from credicorp_auth.errors import (
    AdapterBlocked,
    AdapterBroken,
    AdapterConflict,
    AdapterNotFound,
    CredicorpAuthError,
)
from credicorp_auth.hookspecs import CREDICORP_API, HookSpecs
from credicorp_auth.ports import Cache, Provider, SecretSource, Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from importlib.metadata import EntryPoint

    from credicorp_auth.events import Event
    from credicorp_auth.options import AdapterOptions

CORE: Final = "credicorp-auth"
BOXED_ONLY: Final = "boxed"


@frozen
class Kind:
    """
    A kind of adapter.

    Args:
        name: What users call it.
        group: The entry-point group that lists its adapters.
        hook: The hook that builds one.
        port: What it must be able to do.
        boxed: Names that come with the core.
        published: Names of our own distributions that may not be installed.
    """

    name: str
    group: str
    hook: str
    port: type | None
    boxed: frozenset[str] = frozenset()
    published: frozenset[str] = frozenset()


TRANSPORT: Final = Kind(
    "transport",
    "credicorp_auth.transports",
    "credicorp_transport",
    Transport,
    frozenset({"urllib3"}),
    frozenset({"requests", "httpx"}),
)
CACHE: Final = Kind(
    "cache",
    "credicorp_auth.caches",
    "credicorp_cache",
    Cache,
    frozenset({"memory"}),
    frozenset({"file", "redis"}),
)
SECRET_SOURCE: Final = Kind(
    "secret source",
    "credicorp_auth.secret_sources",
    "credicorp_secret_source",
    SecretSource,
    frozenset({"env"}),
    frozenset({"vault", "aws"}),
)
OBSERVER: Final = Kind("observer", "credicorp_auth.observers", "credicorp_event", None)
KINDS: Final = (TRANSPORT, CACHE, SECRET_SOURCE, OBSERVER)


@cache
def installed_entry_points() -> tuple[EntryPoint, ...]:
    """List the entry points of every kind, once in a process: a scan takes some 50 ms."""
    return tuple(each for kind in KINDS for each in entry_points(group=kind.group))


@frozen
class Listed:
    """
    An adapter as its entry point announces it, without having been imported.

    Args:
        kind: What it is.
        provider: Its name, distribution and version.
        boxed: Whether it came with the core.
    """

    kind: Kind
    provider: Provider
    boxed: bool


class Registry:
    """
    Finds and loads adapters.

    Args:
        found: The entry points to choose from; those installed when not given.
        allowed: Names the operator allows beyond the boxed ones; None allows every name.
    """

    def __init__(
        self,
        found: Iterable[EntryPoint] | None = None,
        *,
        allowed: Iterable[str] | None = None,
    ) -> None:
        self._found = installed_entry_points() if found is None else tuple(found)
        self._allowed = None if allowed is None else frozenset(allowed)

    def listed(self) -> list[Listed]:
        """List every adapter that is installed, by kind and name, importing none."""
        known = [
            Listed(kind, _provider(each), _is_boxed(kind, each))
            for kind in KINDS
            for each in self._found
            if each.group == kind.group
        ]
        return sorted(known, key=lambda each: (each.kind.name, each.provider.name))

    def load(self, kind: Kind, name: str, options: AdapterOptions) -> tuple[Any, Provider]:
        """
        Load one adapter.

        Args:
            kind: What it must be.
            name: The name that settings chose.
            options: What the user set for it.

        Returns:
            The adapter, and where it came from.

        Raises:
            ConfigurationError: By subclass: not installed, blocked by the operator, claimed by two
                distributions, or broken inside.
        """
        entry_point = self._find(kind, name)
        provider = _provider(entry_point)
        hook = _register(kind, entry_point, provider)
        return _build(kind, provider, lambda: hook(options=options)), provider

    def load_observer(self, name: str) -> Callable[[Event], object]:
        """Load an observer by name; return what is called with each event."""
        entry_point = self._find(OBSERVER, name)
        hook = _register(OBSERVER, entry_point, _provider(entry_point))
        return lambda event: hook(event=event)

    def _find(self, kind: Kind, name: str) -> EntryPoint:
        if self._allowed is not None and name not in kind.boxed | self._allowed:
            raise AdapterBlocked(f"{kind.name} {name!r} is not among the plugins allowed")
        matching = [each for each in self._found if each.group == kind.group and each.name == name]
        # One distribution met twice on the path is one distribution.
        claims = {(_canonical(each), each.value): each for each in matching}
        if not claims:
            raise _not_found(kind, name, self._found)
        squatted = name in kind.boxed and any(owner != CORE for owner, _ in claims)
        if len(claims) > 1 or squatted:
            claimants = " and ".join(sorted(str(_provider(each)) for each in claims.values()))
            raise AdapterConflict(f"{kind.name} {name!r} is claimed by {claimants}")
        return next(iter(claims.values()))


def _canonical(entry_point: EntryPoint) -> str:
    owner = entry_point.dist.name if entry_point.dist else ""
    return re.sub(r"[-_.]+", "-", owner).lower()


def _provider(entry_point: EntryPoint) -> Provider:
    version = entry_point.dist.version if entry_point.dist else ""
    return Provider(entry_point.name, _canonical(entry_point), version)


def _is_boxed(kind: Kind, entry_point: EntryPoint) -> bool:
    return entry_point.name in kind.boxed and _canonical(entry_point) == CORE


def _not_found(kind: Kind, name: str, found: Iterable[EntryPoint]) -> AdapterNotFound:
    installed = ", ".join(sorted({each.name for each in found if each.group == kind.group}))
    cure = (
        f"install it: pip install 'credicorp-auth[{name}]'"
        if name in kind.published
        else f"install its distribution, or choose one of: {installed or 'none'}."
    )
    return AdapterNotFound(f"no {kind.name} {ascii(name)[:60]} is installed", cure=cure)


def _register(kind: Kind, entry_point: EntryPoint, provider: Provider) -> Callable[..., Any]:
    """Import the plugin, check what it promises, and return its hook."""
    where = f"{kind.name} {provider}"
    try:
        plugin = entry_point.load()
    except Exception as fault:
        raise AdapterBroken(f"{where} cannot be imported: {type(fault).__name__}") from fault
    version = getattr(plugin, "CREDICORP_API", None)
    if version != CREDICORP_API:
        stated = f"states CREDICORP_API = {version!r}" if version else "states no CREDICORP_API"
        raise AdapterBroken(
            f"{where} {stated}; this credicorp-auth speaks version {CREDICORP_API}",
            code="plugin.version",
            cure="update the older of the two distributions.",
        )
    # A manager of its own: only this plugin's implementation can ever be called through it, and
    # nothing stays behind where registering fails.
    manager = pluggy.PluginManager("credicorp_auth")
    manager.add_hookspecs(HookSpecs)
    try:
        manager.register(plugin, name=provider.name)
        manager.check_pending()
    except pluggy.PluginValidationError as fault:
        raise AdapterBroken(
            f"{where} breaks the hook specification", code="plugin.contract"
        ) from fault
    hook = getattr(manager.hook, kind.hook)
    if not hook.get_hookimpls():
        raise AdapterBroken(f"{where} does not implement {kind.hook}", code="plugin.contract")
    return hook  # type: ignore[no-any-return] # pluggy's hooks are not typed


def _build(kind: Kind, provider: Provider, build: Callable[[], object]) -> object:
    try:
        adapter = build()
    except CredicorpAuthError:
        raise
    except Exception as fault:  # noqa: BLE001 - the boundary to other people's code
        # Not chained: its text or its frames may hold an option, and options may be secrets.
        happened = f"raised {type(fault).__name__} while it was built"
    else:
        if kind.port is not None and isinstance(adapter, kind.port):
            return adapter
        happened = f"gave {type(adapter).__name__}, which is not a {kind.name}"
    raise AdapterBroken(f"{kind.name} {provider} {happened}", code="plugin.contract")
