"""Which path asks for what: a table of path prefixes, read so that no spelling slips past it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final, cast

from credicorp_auth.errors import InvalidSetting
from credicorp_auth.oauth.scope import Scope
from credicorp_auth.resource.access import CLOSED, Access, read_access

Required = Scope | Access
Path = tuple[str, ...]

# What some reader, in front of this one or behind it, may take for another path: segments that are
# empty or dots but for space and parameters, backslashes, controls, what could be decoded once
# more, and what could not be decoded. Possessive, so that it takes linear time.
_UNCLEAR: Final = re.compile(
    r"/\s*+\.{0,2}+\s*+(?:[;?#][^/]*+)?+/"
    r"|/\s*+\.{1,2}+\s*+(?:[;?#][^/]*+)?+\Z"
    r"|\\|[\x00-\x1f\x7f\ufffd]|%[0-9A-Fa-f]{2}"
)
_PARAMETERS: Final = re.compile(r"[;?#].*", re.DOTALL)
_METHOD: Final = re.compile(r"[A-Z]+(?:-[A-Z]+)*|\*")


class Routes:
    """
    Says what each path asks.

    Args:
        required_scope: One scope for every path; or a table from path to scope, OPEN, CLOSED, or
            a table from method to these. A path stands for all that lies below it, the longest
            counts, and what is not in the table is CLOSED. `*` is every other method; HEAD is GET
            where it is not named.

    Raises:
        InvalidSetting: A path or method cannot be read, or stands twice (`config.route`); or see
            `read_scope`.
    """

    def __init__(self, required_scope: object) -> None:
        self._table: dict[Path, Required | dict[str, Required]] = {}
        self._folded: dict[Path, Path] = {}
        self._everywhere: Required | None = None
        if not isinstance(required_scope, Mapping):
            self._everywhere = read_access(required_scope)
            return
        for path, asked in cast("Mapping[object, object]", required_scope).items():
            self._add(path, asked)
        self._depth = max(map(len, self._table), default=0)

    def _add(self, path: object, asked: object) -> None:
        read = _split(path) if isinstance(path, str) and path else None
        if read is None or _fold(read) in self._folded:
            raise InvalidSetting(
                f"the path {ascii(path)[:80]} cannot be read in one way, or stands twice",
                code="config.route",
                cure="spell each path once, from `/` on, as the application sees it.",
            )
        self._table[read] = _read_row(asked)
        self._folded[_fold(read)] = read

    def find(self, method: str, path: str | None) -> Required:
        """
        Say what a request is asked for.

        Args:
            method: Its method, in either case.
            path: Its path, decoded once, below the point where the application is mounted; None
                where it could not be decoded.
        """
        if self._everywhere is not None:
            return self._everywhere
        read = None if path is None else _split(path)
        if read is None:
            return Access.UNCLEAR
        read = read[: self._depth]
        found = _longest(self._table, read)
        folded = _longest(self._folded, _fold(read))
        if (None if folded is None else self._folded[folded]) != found:
            return Access.UNCLEAR  # it differs from another path in case or in form alone
        asked = CLOSED if found is None else self._table[found]
        return _of_method(asked, method.upper()) if isinstance(asked, dict) else asked


def _split(path: str) -> Path | None:
    """Return the segments of a path; None where it could be taken for another one."""
    path = path or "/"
    plain = unicodedata.normalize("NFKC", path)
    if not path.startswith("/") or plain.count("/") > path.count("/") or _UNCLEAR.search(plain):
        return None
    return tuple(path.removesuffix("/").split("/")[1:])


def _fold(path: Path) -> Path:
    """Return what a lenient reader takes a path for: without case, parameters and forms."""
    plain = (unicodedata.normalize("NFKC", _PARAMETERS.sub("", each)) for each in path)
    return tuple(each.strip().casefold() for each in plain)


def _longest(table: Mapping[Path, object], path: Path) -> Path | None:
    beginnings = (path[:length] for length in range(len(path), -1, -1))
    return next((each for each in beginnings if each in table), None)


def _of_method(methods: Mapping[str, Required], method: str) -> Required:
    if method == "HEAD" and method not in methods:
        method = "GET"
    return methods.get(method, methods.get("*", CLOSED))


def _read_row(asked: object) -> Required | dict[str, Required]:
    if not isinstance(asked, Mapping):
        return read_access(asked)
    methods = cast("Mapping[Any, object]", asked)
    for method in methods:
        if not isinstance(method, str) or not _METHOD.fullmatch(method):
            raise InvalidSetting(
                f"{ascii(method)[:80]} is no HTTP method",
                code="config.route",
                cure="spell methods in capitals, or `*` for every other one.",
            )
    return {method: read_access(each) for method, each in methods.items()}
