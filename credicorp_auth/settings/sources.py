"""Sources of settings besides keywords, and their precedence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from credicorp_auth.settings.environment import PROFILE_VARIABLE, read_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

# Settings that an explicitly chosen profile must provide alone: mixed with those of the
# environment, they could send one client's secret to another client's server.
_IDENTITY: Final = (
    "base_url",
    "issuer",
    "discovery",
    "token_url",
    "jwks_url",
    "introspection_url",
    "revocation_url",
    "endpoint_origins",
    "client_id",
    "client_secret",
    "secrets",
    "secrets_options",
)


def _read_profile(name: str, environ: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    from credicorp_auth.settings.profile import read_profile  # noqa: PLC0415 - most programs have none

    return f"profile {name}", read_profile(name, environ)


def sources_of_env(environ: Mapping[str, str]) -> list[tuple[str, dict[str, Any]]]:
    """Return the sources besides keywords with their settings, in ascending precedence."""
    read = read_environment(environ)
    if read.get("secrets", "env") == "env":
        # The env source reads id and secret as one record when they are needed.
        read.pop("client_id", None)
    setting_sources = [("environment", read)]
    if name := environ.get(PROFILE_VARIABLE, "").strip():
        setting_sources.insert(0, _read_profile(name, environ))
    return setting_sources


def sources_of_profile(name: str, environ: Mapping[str, str]) -> list[tuple[str, dict[str, Any]]]:
    """Return a profile's settings, and those of the environment that may override them."""
    read = read_environment(environ)
    kept = {key: value for key, value in read.items() if key not in _IDENTITY}
    return [_read_profile(name, environ), ("environment", kept)]


def merge_sources(
    setting_sources: list[tuple[str, dict[str, Any]]], keywords: Mapping[str, Any]
) -> dict[str, Any]:
    """
    Return the effective settings: a later source overrides an earlier one, and keywords all.

    Args:
        setting_sources: The sources, in ascending precedence.
        keywords: The caller's settings; None is the same as leaving one out.
    """
    merged = {name: value for _, values in setting_sources for name, value in values.items()}
    return merged | {name: value for name, value in keywords.items() if value is not None}
