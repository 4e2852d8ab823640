"""
Opaque wrappers for secrets: usable, but not shown by accident.

Only the closure of `reveal` holds the value. There is no attribute and no `__dict__` that
`attrs.asdict`, `vars`, `pprint`, a debugger's list of locals or a walk over `dir()` could find.
"""

from __future__ import annotations

import hmac
from secrets import token_bytes
from typing import TYPE_CHECKING, Any, Final, Generic, NoReturn, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T", str, bytes)

# One salt per process: the same secret has another fingerprint in another process, so guesses of a
# weak secret cannot be tested against a fingerprint in a log.
_SALT: Final = token_bytes(16)


class _Opaque(Generic[T]):
    """Base class of the two kinds of secret."""

    __slots__ = ("__weakref__", "reveal")

    reveal: Callable[[], T]

    def __init__(self, value: T) -> None:
        if not isinstance(value, (str, bytes, bytearray)):
            message = f"a secret is text or bytes, not {type(value).__name__}"
            raise TypeError(message)

        def reveal() -> T:
            return value

        object.__setattr__(self, "reveal", reveal)

    @property
    def fingerprint(self) -> str:
        """Eight hexadecimal digits that tell secrets apart, computed when they are shown."""
        return self._digest().hex()[:8]

    def __setattr__(self, name: str, _value: object) -> NoReturn:
        message = f"a secret cannot be changed: {name}"
        raise AttributeError(message)

    def __delattr__(self, name: str) -> NoReturn:
        message = f"a secret cannot be changed: {name}"
        raise AttributeError(message)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} *** {self.fingerprint}>"

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return hmac.compare_digest(self._digest(), other._digest())

    def __hash__(self) -> int:
        return hash(self._digest())

    def _digest(self) -> bytes:
        value = self.reveal()
        raw = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
        return hmac.digest(_SALT, raw, "sha256")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _cache: dict[int, Any]) -> Self:
        return self

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        message = "a secret cannot be pickled; hand over the name of its source instead"
        raise TypeError(message)


class Secret(_Opaque[str]):
    """
    A text that is usable but not shown: a client secret, a token, a header.

    `str`, `repr` and `format` show a fingerprint that is stable within this process only. Copying
    returns the same object. Pickling is refused. Comparison takes constant time.

    Args:
        value: The text. `secret.reveal()` returns it.

    .. versionadded:: 1.0.0
    """

    __slots__ = ()


class SecretBytes(_Opaque[bytes]):
    """
    Bytes that are usable but not shown: a request or response body that holds a credential.

    Args:
        value: The bytes. `secret.reveal()` returns them.
    """

    __slots__ = ()
