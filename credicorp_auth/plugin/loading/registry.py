"""
Plugin registry: loads exactly the adapters that the settings name.

Adapters are chosen by name, never detected. The entry points of all installed distributions are
listed once, and only the named one is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pluggy
from attrs import evolve, frozen

from credicorp_auth.errors import (
    AdapterBlocked,
    AdapterBroken,
    AdapterConflict,
    AdapterNotFound,
    CredicorpAuthError,
)
from credicorp_auth.http.untrusted_text import escape_untrusted
from credicorp_auth.plugin.api import (
    BoundedCache,
    Cache,
    CacheCapabilities,
    LeasingCache,
    ListingCache,
    Provider,
    SecretSource,
    SecretSourceCapabilities,
    Transport,
    TransportCapabilities,
)
from credicorp_auth.plugin.api.adapter_failure import blame_adapter, describe_failure, keep_cause
from credicorp_auth.plugin.api.hookspecs import CREDICORP_API, HookSpecs
from credicorp_auth.plugin.loading.installed import installed_entry_points, owner_of, provider_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from importlib.metadata import EntryPoint

    from credicorp_auth.events import Event
    from credicorp_auth.plugin.api.options import AdapterOptions

CORE: Final = "credicorp-auth"

PLUGINS_VARIABLE: Final = "CREDICORP_PLUGINS"
"""Variable with the operator's allowlist of adapters."""


@frozen
class Kind:
    """
    A kind of adapter.

    Args:
        name: The user's word for it.
        group: The entry-point group that lists its adapters.
        hook: The hook that builds one.
        port: The interface that it must implement.
        capabilities: The class that declares its optional capabilities.
        built_in: Names that the core provides.
        published: Names of this project's other distributions, which may not be installed.
        beyond: The interface that each capability requires on top of the port.
    """

    name: str
    group: str
    hook: str
    port: type = object
    capabilities: type = object
    built_in: frozenset[str] = frozenset()
    published: frozenset[str] = frozenset()
    beyond: tuple[tuple[str, type], ...] = ()


TRANSPORT: Final = Kind(
    "transport",
    "credicorp_auth.transports",
    "credicorp_transport",
    Transport,
    TransportCapabilities,
    frozenset({"urllib3"}),
    frozenset({"requests", "httpx", "httpx2"}),
)
CACHE: Final = Kind(
    "cache",
    "credicorp_auth.caches",
    "credicorp_cache",
    Cache,
    CacheCapabilities,
    frozenset({"memory"}),
    frozenset({"file", "redis"}),
    (("bounded", BoundedCache), ("leases", LeasingCache), ("lists", ListingCache)),
)
SECRET_SOURCE: Final = Kind(
    "secret source",
    "credicorp_auth.secret_sources",
    "credicorp_secret_source",
    SecretSource,
    SecretSourceCapabilities,
    frozenset({"env"}),
    frozenset({"vault", "aws"}),
)
OBSERVER: Final = Kind("observer", "credicorp_auth.observers", "credicorp_event")
KINDS: Final = (TRANSPORT, CACHE, SECRET_SOURCE, OBSERVER)
_BUILT_IN: Final = frozenset(name for kind in KINDS for name in kind.built_in)


class Registry:
    """
    Finds and loads adapters.

    Args:
        found: The entry points to choose from; None, the default, takes those installed.
        allowed: Names that may be loaded, including built-in ones. Empty allows only the built-in
            adapters; None, the default, allows every adapter.
    """

    def __init__(
        self,
        found: Iterable[EntryPoint] | None = None,
        *,
        allowed: Iterable[str] | None = None,
    ) -> None:
        self._found = installed_entry_points() if found is None else tuple(found)
        self._allowed = None if allowed is None else frozenset(allowed) or _BUILT_IN

    def claims(self, kind: Kind) -> dict[str, list[EntryPoint]]:
        """Return the entry points that claim each name of a kind; one distribution counts once."""
        claims: dict[str, dict[tuple[str, str], EntryPoint]] = {}
        for each in self._found:
            if each.group == kind.group:
                # The same distribution may occur twice on the path.
                claims.setdefault(each.name, {})[owner_of(each), each.value] = each
        return {name: list(claims[name].values()) for name in sorted(claims)}

    def allows(self, kind: Kind, name: str) -> bool:
        """Return whether the operator's allowlist permits an adapter of that name."""
        if self._allowed is None:
            return True
        # An empty list permits the cache `memory`, but not an observer of the same name.
        return name in (kind.built_in if self._allowed is _BUILT_IN else self._allowed)

    def load(self, kind: Kind, name: str, options: AdapterOptions) -> tuple[Any, Provider]:
        """
        Load one adapter.

        Args:
            kind: The kind that it must be.
            name: The name that the settings choose.
            options: The user's options for it.

        Returns:
            The adapter, and its provenance.

        Raises:
            ConfigurationError: By subclass: the adapter is not installed, is blocked by the
                operator, is claimed by two distributions, or is broken.
        """
        entry_point = self._find(kind, name)
        provider = evolve(provider_of(entry_point), secrets=options.secrets)
        hook = _register(kind, entry_point, provider)
        return _build(kind, provider, lambda: hook(options=options)), provider

    def load_observer(self, name: str) -> Callable[[Event], object]:
        """Load an observer by name; return the function to call with each event."""
        entry_point = self._find(OBSERVER, name)
        provider = provider_of(entry_point)
        hook = _register(OBSERVER, entry_point, provider)

        def observe(event: Event) -> None:
            hook(event=event)

        observe.__qualname__ = str(provider)  # how `observer.failed` names it
        return observe

    def _find(self, kind: Kind, name: str) -> EntryPoint:
        if not self.allows(kind, name):
            allowed = ascii(" ".join(sorted(self._allowed or ())))[:200]
            message = f"{kind.name} {ascii(name)[:60]} is not allowed"
            raise AdapterBlocked(f"{message}: {PLUGINS_VARIABLE} allows {allowed}")
        claims = self.claims(kind)
        if name not in claims:
            raise _not_found(kind, name, sorted(claims))
        if is_disputed(kind, name, claims[name]):
            claimants = " and ".join(sorted(str(provider_of(each)) for each in claims[name]))
            raise AdapterConflict(f"{kind.name} {name!r} is claimed by {claimants}")
        return claims[name][0]


def is_disputed(kind: Kind, name: str, claims: Sequence[EntryPoint]) -> bool:
    """Return whether two distributions claim a name, or a third party claims a built-in one."""
    return len(claims) > 1 or (name in kind.built_in and owner_of(claims[0]) != CORE)


def install_line(name: str) -> str:
    """Return the command that installs one of this project's adapters."""
    return f"pip install 'credicorp-auth[{name}]'"


def _not_found(kind: Kind, name: str, installed: Sequence[str]) -> AdapterNotFound:
    others = ", ".join(escape_untrusted(each, ()) for each in installed) or "none"
    hint = (
        f"install it: {install_line(name)}"
        if name in kind.published
        else f"install its distribution, or choose one of: {others}."
    )
    return AdapterNotFound(f"no {kind.name} {ascii(name)[:60]} is installed", hint=hint)


def _register(kind: Kind, entry_point: EntryPoint, provider: Provider) -> Callable[..., Any]:
    """Import the plugin, check its hook and API version, and return its hook."""
    where = f"{kind.name} {provider}"
    try:
        plugin = entry_point.load()
        stated = getattr(plugin, "CREDICORP_API", None)
    except KeyboardInterrupt:
        raise  # the user interrupted
    except BaseException as fault:  # noqa: BLE001 - the boundary to third-party code
        missing = fault.name if isinstance(fault, ModuleNotFoundError) else None
        lacks = f": there is no module {ascii(missing)[:60]}" if missing else ""
        happened = f"{where} cannot be imported: {type(fault).__name__}{lacks}"
        cause = describe_failure(fault, provider.secrets())
        raise blame_adapter(happened, cause, code="plugin.load") from cause
    _check_version(where, stated)
    # A separate manager per plugin: only this plugin's implementation can be called through it, and
    # a failed registration leaves nothing behind.
    manager = pluggy.PluginManager("credicorp_auth")
    manager.add_hookspecs(HookSpecs)
    try:
        manager.register(plugin, name=provider.name)
        manager.check_pending()
    except Exception as fault:  # noqa: BLE001 - its own attributes may raise anything when read
        cause = describe_failure(fault, provider.secrets())
        raise blame_adapter(f"{where} breaks the hook specification") from cause
    hook = getattr(manager.hook, kind.hook)
    if len(hook.get_hookimpls()) != 1:
        times = f"{len(hook.get_hookimpls())} times" if hook.get_hookimpls() else "not at all"
        raise blame_adapter(f"{where} implements {kind.hook} {times}")
    return hook  # type: ignore[no-any-return] # pluggy's hooks are not typed


def _check_version(where: str, stated: object) -> None:
    if type(stated) is int and stated == CREDICORP_API:
        return
    hint = "ask its authors for a release that states the version it was written for."
    said = "states no CREDICORP_API"
    if type(stated) is int:
        said = f"states CREDICORP_API = {stated}"
        older = "that distribution" if stated < CREDICORP_API else "credicorp-auth"
        hint = f"update {older}, the older of the two."
    elif stated is not None:
        said = f"states a CREDICORP_API that is a {type(stated).__name__}, not a whole number"
    raise AdapterBroken(
        f"{where} {said}; this credicorp-auth speaks version {CREDICORP_API}",
        code="plugin.version",
        hint=hint,
    )


def _build(kind: Kind, provider: Provider, build: Callable[[], object]) -> object:
    try:
        adapter = build()
        flaw = _flaw_of(kind, adapter)
    except KeyboardInterrupt:
        raise  # the user interrupted
    except CredicorpAuthError as error:
        raised: CredicorpAuthError = keep_cause(error, provider.secrets())
    except BaseException as fault:  # noqa: BLE001 - the boundary to third-party code
        cause = describe_failure(fault, provider.secrets())
        happened = f"{kind.name} {provider} raised {type(fault).__name__} while it was built"
        raised = blame_adapter(happened, cause)
    else:
        if not flaw:
            return adapter
        raised = blame_adapter(f"{kind.name} {provider} {flaw}")
    raise raised  # outside the handlers, so that the original is not its context


def _flaw_of(kind: Kind, adapter: Any) -> str:  # noqa: ANN401 - a hook may return anything
    """Describe the defect of an object that a hook returned; empty if there is none."""
    if isinstance(adapter, type):
        return f"gave the class {adapter.__name__}, not an object of it"
    ports = {"": kind.port, **dict(kind.beyond)}
    for capability, port in ports.items():
        if capability and not getattr(adapter.capabilities, capability):
            continue
        names = [name for name in vars(port) if not name.startswith("_")]
        lacking = [name for name in names if not hasattr(adapter, name)]
        if lacking:
            claim = f" although it declares {capability!r}" if capability else ""
            lacks = ", ".join(lacking)
            return (
                f"gave {type(adapter).__name__}, which is no {kind.name}: it lacks {lacks}{claim}"
            )
        if not isinstance(adapter.capabilities, kind.capabilities):
            return f"declares capabilities that are no {kind.capabilities.__name__}"
    return ""
