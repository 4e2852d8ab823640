"""Client of the servers that the options name: built when used, and again after a failure."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from credicorp_auth.http.secret import SecretBytes
from credicorp_auth.wire.tls import build_context
from credicorp_auth.wire.tls_files import Renewed
from credicorp_auth_redis.address import Address
from credicorp_auth_redis.topologies import Cluster, Pools, build_client

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from credicorp_auth_redis.options import CacheOptions

Word = str | int | SecretBytes

_KNOWN: Final = 16  # nodes of a cluster to try for the next client
_STEP: Final = 1000  # keys that the server scans in one step


class Client:
    """
    Sends commands to the server that has a key.

    Args:
        options: The options.

    Raises:
        InvalidSetting: A file named in the options cannot be used (`config.value`).
    """

    _redis: Any  # redis-py's clients have no common type
    _pools: Pools

    def __init__(self, options: CacheOptions) -> None:
        self._options = options
        self._context: Renewed[ssl.SSLContext] | None = None
        if options.read_url().scheme == "rediss":
            files = options.tls_files()
            build = partial(build_context, files)
            self._context = Renewed(files, build, lambda _old: self.drop())
        self._nodes: list[Address] = []
        self._is_closed = False
        self.after_fork()

    def ask(self, *command: Word) -> Any:  # noqa: ANN401 # of any type
        """Send a command to the server that has its key, and return the response."""
        try:
            # The entry is plain text here only, in no frame that outlives the call.
            return self._current().execute_command(
                *(word.reveal() if isinstance(word, SecretBytes) else word for word in command)
            )
        finally:
            if self._is_closed:
                self.drop()

    def names(self, pattern: str) -> Iterator[str]:
        """Find the names of Redis keys that match a pattern, on all masters."""
        for name in self._current().scan_iter(match=pattern, count=_STEP):
            yield name.decode()

    def drop(self) -> None:
        """Close idle connections; the next command finds the servers again, and connects."""
        redis, pools = self._redis, self._pools
        self._redis, self._pools = None, []
        if isinstance(redis, Cluster):
            nodes: list[Any] = redis.get_nodes()  # type: ignore[no-untyped-call]
            self._nodes = [Address(each.host, each.port) for each in nodes][:_KNOWN]
        for pool in pools:
            pool.disconnect(inuse_connections=False)

    def close(self) -> None:
        """Close idle connections, and those in use after their response."""
        self._is_closed = True
        self.drop()

    def after_fork(self) -> None:
        """Drop the parent's connections: redis-py closes only our descriptors."""
        self._redis, self._pools = None, []

    def _current(self) -> Any:  # noqa: ANN401 # redis-py's clients have no common type
        context = None if self._context is None else self._context.current()
        # No lock, since a signal handler may ask, too. Of two clients built at once, one is lost.
        redis = self._redis
        if redis is None:
            pools = self._pools = Pools()
            redis = build_client(self._options, context, pools=pools, nodes=self._nodes)
            self._redis = redis
        return redis
