"""Cache of entries in an SQLite file, shared by all processes of this user."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from threading import Lock

from attrs import frozen

from credicorp_auth.errors import CacheUnavailable
from credicorp_auth.http.secret import SecretBytes
from credicorp_auth.plugin.api import CacheCapabilities

_TABLE = "CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, entry BLOB, ends REAL)"
_SELECT = "SELECT entry FROM entries WHERE key = ? AND ends > ?"
_INSERT = "INSERT OR REPLACE INTO entries VALUES (?, ?, ?)"


@frozen
class Options:
    """
    Options of the cache.

    Args:
        path: Path of the file. Anyone who can read it has its tokens.
    """

    path: str


class SqliteCache:
    """A cache in one file; each call opens its own connection, so a fork inherits none."""

    capabilities = CacheCapabilities(shared=True, spans_processes=True)

    def __init__(self, options: Options) -> None:
        self._path = options.path
        self._lock = Lock()  # SQLite raises an error if threads wait for each other

    def read(self, key: str, *, timeout: float) -> bytes | None:
        """Return the entry, or None if there is none."""
        row, _ = self._run(timeout, _SELECT, key, time.time())
        return row[0] if row is not None and isinstance(row[0], bytes) else None

    def write(self, key: str, entry: bytes, *, lifetime: float, timeout: float) -> None:
        """Store an entry for `lifetime` seconds, and drop expired ones."""
        held, now = SecretBytes(entry), time.time()
        del entry  # so that no traceback holds it
        self._run(timeout, _INSERT, key, held, now + lifetime)
        self._run(timeout, "DELETE FROM entries WHERE ends <= ?", now)

    def discard(self, key: str, *, expected: bytes | None = None, timeout: float) -> bool:
        """Drop an entry that contains the expected bytes; return whether there was one."""
        statement = "DELETE FROM entries WHERE key = ? AND ends > ? AND instr(entry, ?)"
        return self._run(timeout, statement, key, time.time(), expected or b"")[1] > 0

    def close(self) -> None:
        """Do nothing: nothing is open between calls."""

    def after_fork(self) -> None:
        """Replace the lock, which a thread of the parent may hold."""
        self._lock = Lock()

    def _run(self, limit: float, sql: str, *values: object) -> tuple[tuple[object] | None, int]:
        try:
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))  # private to this user
            with self._lock, closing(sqlite3.connect(self._path, timeout=limit)) as base, base:
                base.execute("PRAGMA synchronous = OFF")  # a token may be lost in a crash
                base.execute(_TABLE)
                cursor = base.execute(sql, tuple(map(_bare, values)))
                return cursor.fetchone(), cursor.rowcount
        except (sqlite3.Error, OSError) as fault:
            trouble = type(fault).__name__
        raise CacheUnavailable(f"{self._path}: {trouble}", code="cache.unavailable")


def _bare(value: object) -> object:
    return value.reveal() if isinstance(value, SecretBytes) else value
