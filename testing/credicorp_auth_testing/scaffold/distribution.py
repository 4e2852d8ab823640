"""Generator of a distribution for a custom adapter that passes its contract unchanged."""

from __future__ import annotations

import re
from importlib.metadata import version
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Final

from attrs import frozen

from credicorp_auth.errors import InvalidSetting
from credicorp_auth.plugin.loading.kinds import CACHE, KINDS, SECRET_SOURCE, TRANSPORT, Kind

if TYPE_CHECKING:
    from pathlib import Path

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST: Final = 64  # keeps a valid file name after `credicorp_auth_`


@frozen
class Shape:
    """
    The template parameters of one adapter kind.

    Args:
        kind: The kind of adapter.
        setting: The setting that selects the adapter.
        module: The module that holds the adapter.
        suffix: The suffix of the adapter's class name.
        options: Options as the README shows them.
    """

    kind: Kind
    setting: str
    module: str
    suffix: str
    options: str


SHAPES: Final = {
    "transport": Shape(TRANSPORT, "transport", "transport", "Transport", '{"connect_timeout": 3}'),
    "cache": Shape(CACHE, "cache", "cache", "Cache", '{"max_lifetime": 3600}'),
    "secret-source": Shape(
        SECRET_SOURCE, "secrets", "secrets", "Source", '{"path": "/run/secrets/client.json"}'
    ),
}


def write_distribution(kind: str, name: str, folder: Path) -> Path:
    """
    Write a distribution.

    Args:
        kind: One of `SHAPES`.
        name: The name by which settings select the adapter.
        folder: The parent of the new folder.

    Returns:
        The new folder.

    Raises:
        InvalidSetting: The name cannot be used, or the folder exists already.
    """
    _check(name)
    shape = SHAPES[kind]
    package = f"credicorp_auth_{name.replace('-', '_')}"
    words = "".join(map(str.capitalize, name.split("-")))
    parameters = {
        "name": name,
        "distribution": f"credicorp-auth-{name}",
        "package": package,
        "adapter": (words.removesuffix(shape.suffix) or words) + shape.suffix,
        "kind": shape.kind.name,
        "group": shape.kind.group,
        "hook": shape.kind.hook,
        "port": shape.kind.port.__name__,
        "setting": shape.setting,
        "variable": shape.setting.upper(),
        "module": shape.module,
        "options": shape.options,
        "core": ".".join(version("credicorp-auth").split(".")[:2]),
    }
    made = folder / parameters["distribution"]
    if made.exists():
        raise InvalidSetting(f"{made} is there already", hint="choose another name or folder.")
    texts = {
        path: _render(template, parameters) if template else ""
        for path, template in _layout(shape, package).items()
    }
    try:
        for path, text in texts.items():
            (made / path).parent.mkdir(parents=True, exist_ok=True)
            (made / path).write_text(text, "utf-8")
    except OSError as fault:
        reason = fault.strerror
        raise InvalidSetting(
            f"{made} cannot be written: {reason}", hint="choose another folder with --into."
        ) from None
    return made


def _layout(shape: Shape, package: str) -> dict[str, str]:
    return {
        "pyproject.toml": "pyproject.toml",
        "setup.cfg": "setup.cfg",
        "tox.ini": "tox.ini",
        "README.md": "README.md",
        f"{package}/__init__.py": "__init__.py",
        f"{package}/plugin.py": "plugin.py",
        f"{package}/{shape.module}.py": f"{shape.module}.py",
        f"{package}/py.typed": "",
        "tests/test_contract.py": f"test_{shape.module}.py",
    }


def _render(template: str, parameters: dict[str, str]) -> str:
    home = files("credicorp_auth_testing.scaffold") / "templates"
    text = home.joinpath(f"{template}.txt").read_text("utf-8")
    return Template(text).substitute(parameters)


def _check(name: str) -> None:
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise InvalidSetting(
            f"{ascii(name)[:60]} cannot be the name of an adapter",
            hint=f"use lower-case letters, digits and single hyphens, {_LONGEST} at most.",
        )
    if any(kind.own_adapter(name) for kind in KINDS):
        raise InvalidSetting(
            f"{name!r} is the name of an adapter of credicorp-auth's own", hint="choose another."
        )
