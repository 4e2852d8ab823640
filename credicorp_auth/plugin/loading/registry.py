"""
Plugin registry: loads exactly the adapters that the settings name.

Adapters are chosen by name, never detected. The entry points of all installed distributions are
listed once, and only the named one is imported.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pluggy
from attrs import evolve

from credicorp_auth.errors import (
    AdapterBlocked,
    AdapterConflict,
    AdapterNotFound,
    CredicorpAuthError,
)
from credicorp_auth.errors.install import STANDARD_COMMAND
from credicorp_auth.http.untrusted_text import escape_untrusted
from credicorp_auth.plugin.api.adapter_failure import blame_adapter, describe_failure, keep_cause
from credicorp_auth.plugin.api.hookspecs import HookSpecs
from credicorp_auth.plugin.loading.entry_point import import_entry_point
from credicorp_auth.plugin.loading.installed import (
    PLUGINS_VARIABLE,
    claims_of,
    installed_entry_points,
    is_metadata_missing,
    owner_of,
    provider_of,
)
from credicorp_auth.plugin.loading.kinds import KINDS, OBSERVER
from credicorp_auth.plugin.loading.missing_library import missing_library

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from importlib.metadata import EntryPoint

    from credicorp_auth.events import Event
    from credicorp_auth.plugin.api import Provider
    from credicorp_auth.plugin.api.options import AdapterOptions
    from credicorp_auth.plugin.loading.kinds import Kind

_WITHOUT_METADATA: Final = (
    "the metadata (*.dist-info) of the distributions is missing here, so only the adapters of "
    "credicorp-auth are found by name: pass the adapter itself, or deploy its metadata."
)

_STANDARD: Final = frozenset(name for kind in KINDS for name in kind.standard)


class Registry:
    """
    Finds and loads adapters.

    Args:
        found: The entry points to choose from; None, the default, takes those installed.
        allowed: Names that may be loaded, including our own. Empty allows only what the defaults of
            the settings name; None, the default, allows every adapter.
    """

    def __init__(
        self,
        found: Iterable[EntryPoint] | None = None,
        *,
        allowed: Iterable[str] | None = None,
    ) -> None:
        self._found = installed_entry_points() if found is None else tuple(found)
        self._allowed = None if allowed is None else frozenset(allowed) or _STANDARD

    def claims(self, kind: Kind) -> dict[str, list[EntryPoint]]:
        """Return the entry points that claim each name of a kind; one distribution counts once."""
        return claims_of(self._found, kind.group)

    def allows(self, kind: Kind, name: str) -> bool:
        """Return whether the operator's allowlist permits an adapter of that name."""
        if self._allowed is None:
            return True
        # An empty list permits the cache `memory`, but not an observer of the same name.
        return name in (kind.standard if self._allowed is _STANDARD else self._allowed)

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
        return _build(kind, entry_point, provider, lambda: hook(options=options)), provider

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
            raise AdapterConflict(f"{kind.name} {name!r} {dispute_of(kind, name, claims[name])}")
        return claims[name][0]


def is_disputed(kind: Kind, name: str, claims: Sequence[EntryPoint]) -> bool:
    """Return whether two distributions claim a name, or a third party claims one of ours."""
    own = kind.own_adapter(name)
    return len(claims) > 1 or (own is not None and owner_of(claims[0]) != own.distribution)


def dispute_of(kind: Kind, name: str, claims: Iterable[EntryPoint]) -> str:
    """Say who claims a name, and whose it is if it is one of ours."""
    claimants = " and ".join(sorted(str(provider_of(each)) for each in claims))
    own = kind.own_adapter(name)
    return f"is claimed by {claimants}" + (f"; it belongs to {own.distribution}" if own else "")


def install_hint(kind: Kind, name: str) -> str:
    """Return the command that installs one of this project's adapters; empty for any other."""
    own = kind.own_adapter(name)
    return own.install_command if own else ""


def _not_found(kind: Kind, name: str, installed: Sequence[str]) -> AdapterNotFound:
    others = ", ".join(escape_untrusted(each, ()) for each in installed) or "none"
    command = install_hint(kind, name)
    if command:
        hint = f"install it: {command}."
        if name in kind.standard:
            hint = f"install it: {command}; or all that the defaults need: {STANDARD_COMMAND}."
    else:
        hint = f"install its distribution, or choose one of: {others}."
        hint = _WITHOUT_METADATA if is_metadata_missing() else hint
    return AdapterNotFound(f"the {kind.name} {ascii(name)[:60]} is not installed", hint=hint)


def _register(kind: Kind, entry_point: EntryPoint, provider: Provider) -> Callable[..., Any]:
    """Import the plugin, check its hook and API version, and return its hook."""
    where = f"{kind.name} {provider}"
    plugin = import_entry_point(
        where,
        entry_point,
        secrets=provider.secrets(),
        explain=partial(missing_library, kind, entry_point),
    )
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


def _build(
    kind: Kind, entry_point: EntryPoint, provider: Provider, build: Callable[[], object]
) -> object:
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
        raised = missing_library(kind, entry_point, fault) or blame_adapter(happened, cause)
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
