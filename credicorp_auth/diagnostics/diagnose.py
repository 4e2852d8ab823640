"""Full diagnostics, from the settings to a token; each check needs those before it."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from credicorp_auth.diagnostics.adapters import check_cache, check_secret
from credicorp_auth.diagnostics.check import Check, Verdict, fail, ok
from credicorp_auth.diagnostics.server import check_mint, check_reach
from credicorp_auth.diagnostics.setting_origins import Origin, explain_settings
from credicorp_auth.engine.clock import Clock
from credicorp_auth.errors import CredicorpAuthError
from credicorp_auth.plugin.api import CacheCapabilities
from credicorp_auth.plugin.loading.kinds import CACHE, OBSERVER, SECRET_SOURCE, TRANSPORT
from credicorp_auth.wiring.adapters import adapters_of, operators_registry
from credicorp_auth.wiring.engines import settings_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from credicorp_auth.plugin.api import Provider
    from credicorp_auth.plugin.loading.kinds import Kind
    from credicorp_auth.plugin.loading.registry import Registry
    from credicorp_auth.settings.schema import Settings


@frozen
class Diagnosis:
    """
    Results of the diagnostics.

    Args:
        settings: Every setting with its origin; empty if the settings are invalid.
        checks: The results, in order.
    """

    settings: list[Origin] = field(factory=list[Origin])
    checks: list[Check] = field(factory=list[Check])

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of all checks."""
        met = {each.verdict for each in self.checks}
        return next(each for each in (Verdict.FAIL, Verdict.WARN, Verdict.OK) if each in met)


def examine(
    profile: str | None, environ: Mapping[str, str], *, registry: Registry | None = None
) -> Diagnosis:
    """
    Check every step from these settings to a token.

    It sends one request for the server's metadata and one for a token, and writes, reads and drops
    one entry of the cache.

    Args:
        profile: The profile, or None for the environment.
        environ: The environment variables.
        registry: The adapters; by default those that the operator allows.
    """
    found = Diagnosis()
    try:
        settings = settings_of(profile, environ)
        found.settings.extend(explain_settings(settings, profile, environ))
    except CredicorpAuthError as error:
        found.checks.append(fail("settings", error))
        return found
    found.checks.append(ok("settings", "they are valid"))
    registry = registry or operators_registry(environ)
    clock = Clock()
    with ExitStack() as stack:
        opened = _open(settings, registry, found, stack)
        _look(settings, opened, clock, found)
        if not [each for each in found.checks if _is_fatal(each)]:
            alone = settings_of(profile, environ, cache=NoCache(), cache_options={}, observers=())
            found.checks.extend(check_mint(alone, registry, clock))
    return found


def _open(
    settings: Settings, registry: Registry, found: Diagnosis, stack: ExitStack
) -> dict[Kind, tuple[Any, Provider]]:
    options = {
        TRANSPORT: settings.transport_options,
        CACHE: settings.cache_options,
        SECRET_SOURCE: settings.secrets_options,
    }
    opened: dict[Kind, tuple[Any, Provider]] = {}
    for kind, name in adapters_of(settings):
        try:
            if kind is OBSERVER:
                registry.load_observer(name)
                loaded = name
            else:
                opened[kind] = registry.load(kind, name, options[kind])
                stack.callback(_close, opened[kind][0])
                loaded = str(opened[kind][1])
        except CredicorpAuthError as error:
            found.checks.append(fail(kind.name, error))
        else:
            found.checks.append(ok(kind.name, f"{loaded} loads"))
    return opened


def _look(
    settings: Settings,
    opened: dict[Kind, tuple[Any, Provider]],
    clock: Clock,
    found: Diagnosis,
) -> None:
    if CACHE in opened:
        found.checks.append(check_cache(*opened[CACHE]))
    if SECRET_SOURCE in opened:
        found.checks.extend(check_secret(*opened[SECRET_SOURCE], settings.client_id, clock))
    elif settings.client_secret is not None:
        found.checks.append(ok("secret", "it is given in the settings"))
    if TRANSPORT in opened:
        found.checks.extend(check_reach(*opened[TRANSPORT], settings, clock))


def _close(adapter: Any) -> None:  # noqa: ANN401 - an adapter of any kind
    with suppress(Exception):  # report the results even if closing fails
        adapter.close()


def _is_fatal(check: Check) -> bool:
    """Return whether a failed check makes a token request pointless."""
    return check.verdict is Verdict.FAIL and check.subject not in {CACHE.name, OBSERVER.name}


class NoCache:
    """Null cache: stores nothing, so that the diagnostics always mint."""

    capabilities = CacheCapabilities(local=True)

    def read(self, key: str, *, timeout: float) -> None:
        """Return None: there is no entry."""

    def write(self, key: str, entry: bytes, *, lifetime: float, timeout: float) -> None:
        """Store nothing."""

    def discard(self, key: str, *, expected: bytes | None = None, timeout: float) -> bool:  # noqa: ARG002 - the port's
        """Return False: there is no entry to drop."""
        return False

    def close(self) -> None:
        """Do nothing."""

    def after_fork(self) -> None:
        """Do nothing."""
