"""Calling an adapter: its errors are ours, whatever else it raises is a breach of contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from credicorp_auth.errors import AdapterBroken, CredicorpAuthError

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.plugin.api import Provider

T = TypeVar("T")


def call_adapter(
    provider: Provider, call: Callable[[], T], *, expected: type | tuple[type, ...]
) -> T:
    """
    Call an adapter.

    Args:
        provider: Whom to name when it fails.
        call: The call.
        expected: The type, or types, that the port says it returns.

    Raises:
        CredicorpAuthError: What the adapter raised, or `AdapterBroken` (`plugin.contract`) where
            it raised something else or returned what its port does not allow.
    """
    try:
        response = call()
    except (CredicorpAuthError, MemoryError):
        raise  # running out of memory is nobody's breach of contract
    except Exception as fault:  # noqa: BLE001 - the boundary to other people's code
        # Only the type's name: the exception, its text and its frames may hold the secret.
        happened = f"raised {type(fault).__name__}"
    else:
        if isinstance(response, expected):
            return response
        happened = f"returned {type(response).__name__}, which its port does not allow"
    raise AdapterBroken(f"adapter {provider} {happened}", code="plugin.contract")
