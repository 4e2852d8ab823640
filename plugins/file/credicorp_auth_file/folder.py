"""Private folder of the cache: ownership checks and file operations relative to it."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager, suppress
from functools import reduce
from operator import or_
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from credicorp_auth_file.failures import find_fault, refuse
from credicorp_auth_file.record import MAX_RECORD

if TYPE_CHECKING:
    from collections.abc import Generator

    from credicorp_auth_file.operations import Operations

_ROOT: Final = 0
TEMPORARY: Final = ".tmp"


def _combine(*names: str) -> int:
    return reduce(or_, (getattr(os, each, 0) for each in names))


# O_BINARY is for Windows, whose descriptors translate line ends and which has none of the others.
_SAFELY: Final = _combine("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY")
_FOLDER: Final = os.O_RDONLY | _combine("O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC")

# Seconds to wait before each retry: on Windows a file is not replaced while it is being read.
_PAUSES: Final = (0.01, 0.02, 0.04, 0.08, 0.08)


class Folder:
    """
    An open folder that was verified to be private; its files are reached through its descriptor.

    Without POSIX there is no such descriptor; files are then reached by their paths.

    Args:
        path: Its path.
        descriptor: Descriptor of the open folder; None without POSIX.
        system: The operating system calls.
    """

    def __init__(self, path: str, descriptor: int | None, system: Operations) -> None:
        self.path = path
        self.system = system
        self._descriptor = descriptor

    def names(self) -> list[str]:
        """List the names of all files in it."""
        place = self.path if self._descriptor is None else self._descriptor
        names: list[str] = self.system.listdir(place)
        return names

    def _locate(self, name: str) -> tuple[str, dict[str, Any]]:
        """Return the arguments that name a file to the calls of `os`."""
        if self._descriptor is None:
            return os.path.join(self.path, name), {}  # noqa: PTH118 # strings, as in `os`
        return name, {"dir_fd": self._descriptor}

    def find(self, name: str) -> os.stat_result | None:
        """Return the status of a name without following links; None if it does not exist."""
        path, place = self._locate(name)
        try:
            found: os.stat_result = self.system.stat(path, follow_symlinks=False, **place)
        except FileNotFoundError:
            return None
        return found

    def read(self, name: str) -> bytes | None:
        """
        Return the content of a file, up to one byte more than a record may have.

        None if the file does not exist.

        Raises:
            CacheUnavailable: The file is not a plain file of this user, or others can use it.
        """
        try:
            descriptor = self._open(name, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            self.check(name, descriptor)
            return self._read_all(descriptor)
        finally:
            self.system.close(descriptor)

    def _read_all(self, descriptor: int) -> bytes:
        content = bytearray()
        while len(content) <= MAX_RECORD:
            piece = self.system.read(descriptor, MAX_RECORD + 1 - len(content))
            if not piece:
                break
            content += piece
        return bytes(content)

    def check(self, name: str, descriptor: int, *, code: str = "cache.permissions") -> None:
        """Raise if an open file is not a plain private file of this user."""
        opened = self.system.fstat(descriptor)
        if self.system.posix:
            fault = find_fault(opened, user=self.system.user())
        else:
            found = self.find(name)  # opening it may have followed a link
            is_link = found is not None and _is_link(found)
            fault = "is a link" if is_link else find_fault(opened, user=None)
        if fault is not None:
            raise refuse(f"{self.path}/{name}", fault, code=code)

    @contextmanager
    def temporary(self, content: bytes) -> Generator[str]:
        """Write and sync a temporary file for the block to rename; remove it afterwards."""
        name = f"{self.system.name()}{TEMPORARY}"
        descriptor = self.create(name)
        try:
            try:
                rest = memoryview(content)
                while rest:
                    rest = rest[self.system.write(descriptor, rest) :]
                self.system.fsync(descriptor)
            finally:
                self.system.close(descriptor)
            yield name
        finally:
            self.remove(name)

    def create(self, name: str) -> int:
        """Create a file with mode 0600, independent of the umask, and return its descriptor."""
        descriptor = self._open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        try:
            if self.system.posix:
                self.system.fchmod(descriptor, 0o600)
        except OSError:
            self.system.close(descriptor)
            self.remove(name)
            raise
        return descriptor

    def open(self, name: str) -> int:
        """Open or create a file to lock, without following links or blocking."""
        with suppress(FileNotFoundError):
            return self._open(name, os.O_RDWR)
        with suppress(FileExistsError):
            return self.create(name)
        return self._open(name, os.O_RDWR)

    def _open(self, name: str, flags: int) -> int:
        path, place = self._locate(name)
        descriptor: int = self.system.open(path, flags | _SAFELY, 0o600, **place)
        return descriptor

    def rename(self, name: str, new_name: str) -> None:
        """Rename a file, and replace any file that has the new name."""
        folder = self._descriptor
        if folder is not None:
            self.system.rename(name, new_name, src_dir_fd=folder, dst_dir_fd=folder)
            return
        old, new = self._locate(name)[0], self._locate(new_name)[0]
        for pause in _PAUSES:
            with suppress(PermissionError):
                self.system.rename(old, new)
                return
            self.system.sleep(pause)
        self.system.rename(old, new)

    def remove(self, name: str) -> bool:
        """Remove a file, or a link but not its target; return whether it existed."""
        path, place = self._locate(name)
        try:
            self.system.unlink(path, **place)
        except FileNotFoundError:
            return False
        return True

    def sync(self) -> None:
        """Sync the folder's names to the disk, if the system can."""
        if self._descriptor is not None:
            self.system.fsync(self._descriptor)


@contextmanager
def open_folder(path: str, system: Operations) -> Generator[Folder]:
    """
    Open a folder for the duration of a block.

    Args:
        path: Absolute path.
        system: The operating system calls.

    Raises:
        CacheUnavailable: It belongs to another user, or others may write to it
            (`cache.permissions`).
        FileNotFoundError: It does not exist.
    """
    if not system.posix:
        # What a user's own folder inherits on Windows, its access control list, is not checked.
        found = system.stat(path, follow_symlinks=False)
        if _is_link(found) or not stat.S_ISDIR(found.st_mode):
            raise refuse(path, "is a link, or no folder")
        yield Folder(path, None, system)
        return
    _check_way(path, system)
    descriptor = system.open(path, _FOLDER)
    try:
        _check_folder(path, system.fstat(descriptor), user=system.user())
        yield Folder(path, descriptor, system)
    finally:
        system.close(descriptor)


def make_folder(path: str, system: Operations) -> None:
    """
    Create a folder and its missing parents with mode 0700, unless it exists.

    Args:
        path: Absolute path.
        system: The operating system calls.

    Raises:
        CacheUnavailable: The closest existing parent belongs to another user
            (`cache.permissions`).
    """
    missing = [each for each in (*_parents(path), path) if not _is_there(each, system)]
    for each in missing[:1] if system.posix else ():
        _check_parent(_parents(each)[-1], system)
    for each in missing:
        with suppress(FileExistsError):
            system.mkdir(each, 0o700)


def _check_folder(path: str, found: os.stat_result, *, user: int) -> None:
    if found.st_uid != user:
        raise refuse(path, f"belongs to user {found.st_uid}")
    if found.st_mode & 0o022:
        mode = stat.S_IMODE(found.st_mode)
        raise refuse(path, f"has mode {mode:04o}, so others can put files there")


def _check_way(path: str, system: Operations) -> None:
    # In a folder that many users may write to, a link in the path may be an attack.
    for parent in _parents(path):
        try:
            found = system.stat(parent, follow_symlinks=False)
        except FileNotFoundError:
            return
        if stat.S_ISLNK(found.st_mode) and found.st_uid not in {_ROOT, system.user()}:
            raise refuse(parent, f"is a symbolic link of user {found.st_uid}")


def _check_parent(parent: str, system: Operations) -> None:
    owner = system.stat(parent).st_uid
    if owner not in {_ROOT, system.user()}:
        # Such as root in a user's home: the user would then find files owned by root.
        raise refuse(parent, f"belongs to user {owner}, so no folder is made in it")


def _is_link(found: os.stat_result) -> bool:
    # On Windows there are more kinds than symbolic links, such as junctions: all reparse points.
    attributes = getattr(found, "st_file_attributes", 0)
    return stat.S_ISLNK(found.st_mode) or bool(attributes & stat.FILE_ATTRIBUTE_REPARSE_POINT)


def _is_there(path: str, system: Operations) -> bool:
    try:
        system.stat(path)
    except FileNotFoundError:
        return False
    return True


def _parents(path: str) -> list[str]:
    """List the parents of a path, the root first."""
    return [str(each) for each in reversed(PurePath(path).parents)]
