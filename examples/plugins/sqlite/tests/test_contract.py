"""Contract tests of the cache `sqlite`, and its discovery by name."""

import pytest
from credicorp_auth_sqlite.cache import Options, SqliteCache

from credicorp_auth import CredicorpAuth
from credicorp_auth_testing.contracts.cache import CacheContract


class TestSqliteCache(CacheContract):
    """The contract of every cache."""

    def build_cache(self, place):
        return SqliteCache(Options(path=str(place)))

    def break_cache(self, cache, place):
        place.unlink(missing_ok=True)
        place.mkdir()


def test_it_is_found_by_its_name(tmp_path):
    """Settings select it by name."""
    CredicorpAuth(
        cache="sqlite",
        cache_options={"path": str(tmp_path / "tokens.sqlite")},
        client_id="c",
        client_secret="s",
    ).close()


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_the_file_is_its_users_alone(tmp_path, umask):
    """No other user can read the file, with any umask."""
    import os

    path = tmp_path / "tokens.sqlite"
    before = os.umask(umask)
    try:
        SqliteCache(Options(path=str(path))).write("a", b"x", lifetime=9, timeout=5)
    finally:
        os.umask(before)

    assert 0o600 == path.stat().st_mode & 0o777
