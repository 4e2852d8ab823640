"""Converters and validators of the Vault options, which are strings in the environment."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from credicorp_auth.errors import InvalidSetting
from credicorp_auth.http.messages import origin_of, read_url
from credicorp_auth.http.secret import Secret
from credicorp_auth.plugin.api.option_values import read_count, read_seconds, read_switch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from attrs import Attribute


_PATH: Final = re.compile(r"[^\x00-\x1f\x7f?#%\\]{1,512}")


def read_secret(value: str | Secret) -> Secret:
    """Wrap a value in a `Secret`, unless it is one."""
    return value if isinstance(value, Secret) else Secret(value)


def read_address(value: str) -> str:
    """
    Read the URL of a Vault.

    Raises:
        InvalidSetting: It is not a URL (`config.url`), or not https (`config.insecure_url`).
    """
    if urlsplit(str(value)).query:
        raise InvalidSetting(
            "`url` has a query",
            code="config.url",
            hint="set `url` to the address alone, such as https://vault.example:8200.",
        )
    return read_url(str(value), name="url")


def read_file_name(value: str | os.PathLike[str]) -> str:
    """Read the path of a file; reject a number, which `open` would use as a descriptor."""
    return os.fspath(value)


def trim_slashes(value: str) -> str:
    """Strip the slashes at both ends of a path; `check_path` rejects what cannot be one."""
    if isinstance(value, str | int):  # pyright: ignore[reportUnnecessaryIsInstance] # users may err
        return str(value).strip("/")
    return value


def check_path(_options: object, attribute: Attribute[Any], value: object) -> None:
    """Check that an option is a path inside Vault, if it is set."""
    if value is None:
        return
    # HTTP libraries resolve dot segments, which could lead out of the configured path.
    is_path = isinstance(value, str) and _PATH.fullmatch(value)
    if is_path and not {"", ".", ".."}.intersection(is_path.string.split("/")):
        return
    raise InvalidSetting(
        f"`{attribute.name}` is not a path inside Vault",
        hint=f"set `{attribute.name}` to names with single slashes between them.",
    )


def check_ascii(_options: object, attribute: Attribute[Any], value: str | None) -> None:
    """Check that an option can be sent in a header, if it is set."""
    if value is not None and not value.isascii():
        raise InvalidSetting(
            f"`{attribute.name}` has characters that HTTP headers do not carry",
            hint=f"set `{attribute.name}` to ASCII characters.",
        )


def read_version(value: int | str) -> int:
    """Read the number of a version, 1 or above."""
    return read_count("version", value, least=1)


def read_timeout(value: float | str) -> float:
    """Read the timeout of a fetch, in seconds."""
    return read_seconds("timeout", value)


def read_wrapped(value: str | bool) -> bool:  # noqa: FBT001 # a converter
    """Read whether the secret id is wrapped."""
    return read_switch("secret_id_wrapped", value)


def read_origins(value: str | Iterable[str]) -> tuple[str, ...]:
    """
    Read the origins that a standby may redirect to, such as `https://vault-2.example:8200`.

    Raises:
        InvalidSetting: One is not an origin (`config.url`) or not https (`config.insecure_url`).
    """
    each = value.split(",") if isinstance(value, str) else value
    names = [name for name in (str(one).strip() for one in each) if name]
    return tuple(origin_of(read_url(name, name="standby_hosts")) for name in names)
