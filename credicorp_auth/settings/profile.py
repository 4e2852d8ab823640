"""Settings from a named profile in a TOML file."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from credicorp_auth.errors import InvalidSetting, MissingSetting
from credicorp_auth.http.secret import Secret
from credicorp_auth.plugin.api.options import unknown_key
from credicorp_auth.settings.environment import CONFIG_VARIABLE, OPAQUE_SETTINGS
from credicorp_auth.settings.schema import SETTING_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping


def profile_path(environ: Mapping[str, str]) -> Path:
    """
    Return the path of the profile file.

    It is `CREDICORP_CONFIG`, else `credicorp/credicorp.toml` in the user's config folder. That
    folder follows the XDG base directory specification, which ignores a relative `XDG_CONFIG_HOME`.

    Raises:
        MissingSetting: None of these is set, and this user has no home folder.
    """
    if given := environ.get(CONFIG_VARIABLE, "").strip():
        return Path(given)
    folder = Path(environ.get("XDG_CONFIG_HOME", ""))
    if not folder.is_absolute():
        folder = _home(environ) / ".config"
    return folder / "credicorp" / "credicorp.toml"


def _home(environ: Mapping[str, str]) -> Path:
    if home := environ.get("HOME"):
        return Path(home)
    with suppress(RuntimeError):  # a user id of a container that no user database knows
        return Path.home()
    raise MissingSetting(
        "there is no home folder in which the profile file could be",
        hint=f"set {CONFIG_VARIABLE} to the path of the file that holds your profiles.",
    )


def read_profile(name: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """
    Read one profile: the table of that name, with settings as keys.

    Args:
        name: The profile's name.
        environ: The environment variables, which determine the path of the file.

    Raises:
        MissingSetting: There is no such file or profile.
        InvalidSetting: The file is not TOML, a key is unknown (`config.unknown_key`), or the file
            holds a plaintext secret that others than its owner can read (`config.permissions`).
    """
    path = profile_path(environ)
    tables, private = _read_file(path)
    profile: dict[str, Any] = {}
    if isinstance(tables.get(name), dict):
        profile = tables[name]
    else:
        known = ", ".join(sorted(each for each in tables if isinstance(tables[each], dict)))
        raise MissingSetting(
            f"{path} has no profile {name!r}",
            hint=f"add a table [{name}], or choose one of: {known or 'none yet'}.",
        )
    for key in profile:
        if key not in SETTING_NAMES:
            raise unknown_key(key, list(SETTING_NAMES), where=f"profile {name!r} in {path}")
    if "client_secret" in profile and not private:
        raise InvalidSetting(
            f"{path} holds a client_secret and can be read by others than its owner",
            code="config.permissions",
            hint=f"run: chmod 600 {path}",
        )
    return {
        key: _hide(value) if key in OPAQUE_SETTINGS else value for key, value in profile.items()
    }


def _hide(value: Any) -> Any:  # noqa: ANN401 - any TOML value
    """Wrap all text, which may be secret; `Settings` rejects values of other types."""
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        return {name: _hide(each) for name, each in members.items()}
    return Secret(value) if isinstance(value, str) else value


def _read_file(path: Path) -> tuple[dict[str, Any], bool]:
    """Return the tables, and whether the opened file belongs to this user or root alone."""
    try:
        with open(path, "rb", opener=_open) as file:
            status = os.fstat(file.fileno())
            document = file.read() if stat.S_ISREG(status.st_mode) else None
    except OSError as fault:
        raise MissingSetting(
            f"{path} cannot be read: {fault.strerror}",
            hint=f"create it, or set {CONFIG_VARIABLE} to the file that holds your profiles.",
        ) from None
    if document is None:
        raise InvalidSetting(
            f"{path} is not a regular file",
            hint=f"set {CONFIG_VARIABLE} to a file; pipes and devices are not read.",
        )
    return _read_tables(path, document), _is_private(status)


def _is_private(status: os.stat_result) -> bool:
    if not hasattr(os, "geteuid"):  # Windows, where modes and owners are not told
        return True
    owner_alone = not status.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    return owner_alone and status.st_uid in {os.geteuid(), 0}


def _open(path: str, flags: int) -> int:
    # Do not wait for the writer of a FIFO. Windows has none.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _read_tables(path: Path, document: bytes) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - most programs have no profile

    with suppress(ValueError):
        return tomllib.loads(document.decode("utf-8-sig"))  # editors of Windows write the mark
    # Raised outside the handler: the parser's message may quote a line that holds a secret.
    raise InvalidSetting(f"{path} is not a TOML file in UTF-8", hint="correct its syntax.")
