"""Adapter call guard: turns contract breaches of adapters into `AdapterBroken`."""

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
    Call an adapter and check its result.

    Args:
        provider: The adapter's provider, named in the error.
        call: Calls the adapter.
        expected: The return type, or types, that the port allows.

    Raises:
        CredicorpAuthError: The adapter's own error, or `AdapterBroken` (`plugin.contract`) if it
            raised another exception or returned another type.
    """
    try:
        response = call()
    except (CredicorpAuthError, MemoryError):
        raise  # running out of memory is no breach of contract
    except Exception as fault:  # noqa: BLE001 - the boundary to third-party code
        # Only the type's name: the exception, its text and its frames may hold the secret.
        happened = f"raised {type(fault).__name__}"
    else:
        if isinstance(response, expected):
            return response
        happened = f"returned {type(response).__name__}, which its port does not allow"
    raise AdapterBroken(f"adapter {provider} {happened}", code="plugin.contract")
