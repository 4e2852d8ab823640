"""Paths of a wrapped application that need no token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from credicorp_auth.errors import InvalidSetting

if TYPE_CHECKING:
    from collections.abc import Iterable

_METHODS: Final = frozenset({"GET", "HEAD"})


class OpenPaths:
    """
    Decides which requests need no token, even if the application reads only part of the path.

    Args:
        paths: Full paths that begin with `/`, decoded once.

    Raises:
        InvalidSetting: A path is no text that begins with `/` (`config.open_path`).
    """

    def __init__(self, paths: Iterable[str]) -> None:
        if isinstance(paths, str | bytes):
            raise _invalid(f"`open_paths` is the text {ascii(paths)[:80]} and not a list")
        listed: list[object] = list(paths)
        for path in listed:
            if not isinstance(path, str) or not path.startswith("/"):
                raise _invalid(f"the open path {ascii(path)[:80]} does not begin with `/`")
        self._paths = frozenset(listed)

    def covers(self, method: str, path: str, mounted: str) -> bool:
        """
        Return whether a request needs no token.

        Args:
            method: Its method.
            path: Its full path, decoded once.
            mounted: `root_path` or `SCRIPT_NAME`. If it is not empty, the path must be below it,
                and the rest of the path must be listed as well. The caller may control this prefix,
                and the application may read the path with or without it.
        """
        if method not in _METHODS or path not in self._paths:
            return False
        return not mounted or (
            path.startswith(mounted) and path.removeprefix(mounted) in self._paths
        )


def _invalid(message: str) -> InvalidSetting:
    return InvalidSetting(
        message,
        code="config.open_path",
        hint='list full paths, for example `open_paths=("/health",)`.',
    )
