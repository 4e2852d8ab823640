"""Settings from `CREDICORP_*` variables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from credicorp_auth.errors import InvalidSetting
from credicorp_auth.http.secret import Secret
from credicorp_auth.settings.schema import SETTING_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX: Final = "CREDICORP_"
CONFIG_VARIABLE: Final = "CREDICORP_CONFIG"
PROFILE_VARIABLE: Final = "CREDICORP_PROFILE"

OPAQUE_SETTINGS: Final = frozenset({"client_secret", "extra_parameters"})
"""Settings whose values may be secrets; they are wrapped as soon as they are read."""

_KINDS: Final = ("transport", "cache", "secrets")
# What Kubernetes sets in every pod of a namespace that has a Service named credicorp, or
# credicorp-cache: CREDICORP_CACHE_SERVICE_HOST, CREDICORP_CACHE_PORT_6379_TCP_ADDR and others.
_SERVICE_LINK: Final = (
    r"(\w+_)?(service_host|service_port(_\w+)?|port(_\d+_(tcp|udp|sctp)(_(proto|port|addr))?)?)"
)
# Variables that the secret source reads later, and switches that are no settings.
_OTHERS: Final = frozenset(
    {"client_secret", "client_secret_file", "client_id_file", "config", "profile", "plugins"}
)


def read_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """
    Read settings from environment variables.

    `CREDICORP_<SETTING>` is a setting. `CREDICORP_<KIND>_<OPTION>`, with TRANSPORT, CACHE or
    SECRETS as the kind, is an option of that adapter. The client secret is left out: the secret
    source reads it when it is needed. A variable that is set and empty counts as not set.

    Args:
        environ: The variables, as `os.environ` holds them.

    Returns:
        Setting names to values. Each value is text, a mapping of text, or a `Secret` if it may hold
        a secret.

    Raises:
        InvalidSetting: A variable looks like a misspelt setting (`config.unknown_key`). Other
            variables are ignored, and those that Kubernetes sets for a Service always are.
    """
    read: dict[str, Any] = {}
    for variable, value in environ.items():
        name = variable.removeprefix(PREFIX).lower()
        is_ours = variable.startswith(PREFIX) and not re.fullmatch(_SERVICE_LINK, name)
        if not is_ours or not value.strip():
            continue
        kind, _, option = name.partition("_")
        if name in SETTING_NAMES and not name.endswith("_options") and name != "client_secret":
            read[name] = Secret(value) if name in OPAQUE_SETTINGS else value
        elif kind in _KINDS and option and option != "options":
            read.setdefault(f"{kind}_options", {})[option] = value
        elif name not in _OTHERS:
            _check_spelling(variable, name)
    return read


def _check_spelling(variable: str, name: str) -> None:
    from difflib import get_close_matches  # noqa: PLC0415 - for a variable that is no setting

    near = get_close_matches(name, [*SETTING_NAMES, *_OTHERS], n=1, cutoff=0.85)
    if near:
        raise InvalidSetting(
            f"the variable {variable} is not a setting",
            code="config.unknown_key",
            hint=f"did you mean {PREFIX}{near[0].upper()}?",
        )
