"""Settings with their values and origins; secrets are masked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from attrs import frozen

from credicorp_auth.http.secret import Secret
from credicorp_auth.plugin.api.options import AdapterOptions
from credicorp_auth.settings.environment import PREFIX
from credicorp_auth.settings.schema import SETTING_NAMES
from credicorp_auth.settings.sources import sources_of_env, sources_of_profile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from credicorp_auth.settings.schema import Settings


@frozen
class Origin:
    """
    Effective setting.

    Args:
        name: The setting.
        value: Its value as text. A secret is masked; of options only the names are shown.
        origin: The place that set it.
    """

    name: str
    value: str
    origin: str


def explain_settings(
    settings: Settings, profile: str | None, environ: Mapping[str, str]
) -> list[Origin]:
    """
    Return the value and the origin of each setting.

    Args:
        settings: The effective settings.
        profile: The chosen profile, or None.
        environ: The environment variables that were read.
    """
    setting_sources = (
        sources_of_env(environ) if profile is None else sources_of_profile(profile, environ)
    )
    origins = {name: place for place, setting_values in setting_sources for name in setting_values}
    return [
        Origin(name, _shown(name, getattr(settings, name)), _place(name, origins.get(name)))
        for name in SETTING_NAMES
    ]


def _place(name: str, place: str | None) -> str:
    if place != "environment":
        return place or "default"
    if name.endswith("_options"):
        return f"variables {PREFIX}{name.removesuffix('options').upper()}*"
    return f"variable {PREFIX}{name.upper()}"


def _shown(name: str, value: Any) -> str:  # noqa: ANN401 - a setting of any kind
    if value is None:
        left_to_source = name in {"client_id", "client_secret"}
        return "(left to the secret source)" if left_to_source else "(none)"
    if isinstance(value, AdapterOptions):
        return ", ".join(value.names) or "(none)"
    if name == "extra_parameters":
        return ", ".join(key for key, _ in value) or "(none)"
    if isinstance(value, (tuple, frozenset)):
        return ", ".join(sorted(str(each) for each in cast("tuple[object]", value))) or "(none)"
    if isinstance(value, (str, int, float, bool, Secret)) or name == "scope":
        return str(value) or "(none)"
    return type(value).__name__
