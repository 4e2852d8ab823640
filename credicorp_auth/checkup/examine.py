"""The whole check-up, from the settings to a token, each part as far as the one before allows."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from credicorp_auth.catalogue import adapters_of
from credicorp_auth.checkup.adapters import check_cache, check_secret
from credicorp_auth.checkup.finding import Finding, Verdict, failing, fine
from credicorp_auth.checkup.no_cache import NoCache
from credicorp_auth.checkup.origins import Origin, explain_settings
from credicorp_auth.checkup.server import check_mint, check_reach
from credicorp_auth.engine.clock import Clock
from credicorp_auth.errors import CredicorpAuthError
from credicorp_auth.registry import CACHE, OBSERVER, SECRET_SOURCE, TRANSPORT
from credicorp_auth.wiring import operators_registry, settings_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from credicorp_auth.ports import Provider
    from credicorp_auth.registry import Kind, Registry
    from credicorp_auth.settings import Settings


@frozen
class CheckUp:
    """
    What was found.

    Args:
        settings: Every setting with its origin; none where they cannot be read.
        findings: What was looked at, in order.
    """

    settings: list[Origin] = field(factory=list[Origin])
    findings: list[Finding] = field(factory=list[Finding])

    @property
    def verdict(self) -> Verdict:
        """The worst of what was found."""
        met = {each.verdict for each in self.findings}
        return next(each for each in (Verdict.FAIL, Verdict.WARN, Verdict.OK) if each in met)


def examine(
    profile: str | None,
    environ: Mapping[str, str],
    *,
    registry: Registry | None = None,
    clock: Clock | None = None,
) -> CheckUp:
    """
    Look at everything that stands between these settings and a token.

    It sends one request for the server's metadata and one for a token, and writes, reads and drops
    one entry of the cache.

    Args:
        profile: The profile, or None for the environment.
        environ: The variables.
        registry: Where adapters are found; those the operator allows when not given.
        clock: The clocks; a test may move them.
    """
    found = CheckUp()
    try:
        settings = settings_of(profile, environ)
        found.settings.extend(explain_settings(settings, profile, environ))
    except CredicorpAuthError as error:
        found.findings.append(failing("settings", error))
        return found
    found.findings.append(fine("settings", "they can be read, and make sense"))
    registry = registry or operators_registry(environ)
    clock = clock or Clock()
    with ExitStack() as stack:
        opened = _open(settings, registry, found, stack)
        _look(settings, opened, clock, found)
        if not [each for each in found.findings if _is_fatal(each)]:
            alone = settings_of(profile, environ, cache=NoCache(), cache_options={}, observers=())
            found.findings.extend(check_mint(alone, registry, clock))
    return found


def _open(
    settings: Settings, registry: Registry, found: CheckUp, stack: ExitStack
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
                told = name
            else:
                opened[kind] = registry.load(kind, name, options[kind])
                stack.callback(_close, opened[kind][0])
                told = str(opened[kind][1])
        except CredicorpAuthError as error:
            found.findings.append(failing(kind.name, error))
        else:
            found.findings.append(fine(kind.name, f"{told} loads"))
    return opened


def _look(
    settings: Settings,
    opened: dict[Kind, tuple[Any, Provider]],
    clock: Clock,
    found: CheckUp,
) -> None:
    if CACHE in opened:
        found.findings.append(check_cache(*opened[CACHE]))
    if SECRET_SOURCE in opened:
        found.findings.extend(check_secret(*opened[SECRET_SOURCE], settings.client_id, clock))
    elif settings.client_secret is not None:
        found.findings.append(fine("secret", "it is given in the settings"))
    if TRANSPORT in opened:
        found.findings.extend(check_reach(*opened[TRANSPORT], settings, clock))


def _close(adapter: Any) -> None:  # noqa: ANN401 - an adapter of any kind
    with suppress(Exception):  # what was found is told all the same
        adapter.close()


def _is_fatal(finding: Finding) -> bool:
    """Say whether a failure makes it pointless to ask for a token."""
    return finding.verdict is Verdict.FAIL and finding.subject not in {CACHE.name, OBSERVER.name}
