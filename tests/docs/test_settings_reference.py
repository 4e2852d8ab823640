"""The reference of settings lists every setting and every option of the adapters."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import attrs
import pytest

from credicorp_auth.settings.keywords import DEFAULTS
from credicorp_auth.settings.schema import SETTING_NAMES, Settings
from credicorp_auth_aws.options import SourceOptions as AwsOptions
from credicorp_auth_env.secrets import SourceOptions
from credicorp_auth_file.options import CacheOptions as FileCacheOptions
from credicorp_auth_memory.cache import CacheOptions
from credicorp_auth_redis.options import CacheOptions as RedisOptions
from credicorp_auth_urllib3.transport import TransportOptions
from credicorp_auth_vault.options import VaultOptions

PAGE: Final = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"
KINDS: Final = ("transport", "cache", "secrets")


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table under a heading, without its head."""
    section = PAGE.read_text("utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = re.findall(r"^\| `.*\|$", section, re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def shown(default: object) -> str:
    """Return how the page spells a default."""
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


def variable(name: str) -> str:
    """Return how the page spells the variable of a setting."""
    kind = name.removesuffix("_options")
    return f"`CREDICORP_{kind.upper()}_<OPTION>`" if kind != name else f"`CREDICORP_{name.upper()}`"


def test_every_setting_is_listed() -> None:
    """The settings on the page are those of `Settings`, in its order, each with its variable."""
    listed = [(cells[0], cells[1]) for cells in rows("Settings")]

    assert [(f"`{name}`", variable(name)) for name in SETTING_NAMES] == listed


def test_plain_defaults_are_stated() -> None:
    """Where a default is a text or a number, the page states that very value."""
    settings = Settings()
    plain = {
        name: shown(getattr(settings, name))
        for name, default in DEFAULTS.items()
        if isinstance(default, str | float | int)
    }
    listed = {cells[0].strip("`"): cells[3] for cells in rows("Settings")}

    assert plain == {name: listed[name] for name in plain}


@pytest.mark.parametrize(
    ("heading", "options"),
    [
        ("Options of the transports", TransportOptions),
        ("Options of the cache `memory`", CacheOptions),
        ("Options of the cache `file`", FileCacheOptions),
        ("Options of the cache `redis`", RedisOptions),
        ("Options of the secret source `env`", SourceOptions),
        ("Options of the secret source `aws`", AwsOptions),
        ("Options of the secret source `vault`", VaultOptions),
    ],
)
def test_every_option_is_listed(heading: str, options: type) -> None:
    """The options on the page are those that the adapter reads, with their defaults."""
    listed = {cells[0].strip("`"): cells[3] for cells in rows(heading)}
    fields = attrs.fields(options)
    plain = {
        each.name: shown(each.default)
        for each in fields
        if isinstance(each.default, str | float | int)
    }

    assert [each.name for each in fields] == list(listed)
    assert plain == {name: listed[name] for name in plain}
