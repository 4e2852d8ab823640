"""Adapter call guard: turns contract breaches of adapters into `AdapterBroken`."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from credicorp_auth.engine.progress import waiting_for
from credicorp_auth.errors import CredicorpAuthError
from credicorp_auth.plugin.api.adapter_failure import (
    blame_adapter,
    describe_failure,
    keep_cause,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from credicorp_auth.http.secret import Secret
    from credicorp_auth.plugin.api import Provider

T = TypeVar("T")


def call_adapter(
    provider: Provider,
    call: Callable[[], T],
    *,
    expected: type | tuple[type, ...],
    stage: str,
    secrets: Callable[[], Iterable[Secret]] = tuple,
) -> T:
    """
    Call an adapter and check its result.

    Args:
        provider: The adapter's provider, named in the error.
        call: Calls the adapter.
        expected: The return type, or types, that the port allows.
        stage: The kind of adapter and its method, such as `cache.read`.
        secrets: Returns the secrets that the adapter was given, apart from its options.

    Raises:
        CredicorpAuthError: The adapter's own error, or `AdapterBroken` (`plugin.contract`) if it
            raised another exception or returned another type. What it raised, or the cause that it
            gave, is the `__cause__`, as an `AdapterFailure`.
    """
    try:
        with waiting_for(stage, provider):
            response = call()
    except MemoryError:
        raise  # running out of memory is no breach of contract
    except CredicorpAuthError as error:
        raised: CredicorpAuthError = keep_cause(error, (*provider.secrets(), *secrets()))
    except Exception as fault:  # noqa: BLE001 - the boundary to third-party code
        cause = describe_failure(fault, (*provider.secrets(), *secrets()))
        raised = blame_adapter(f"adapter {provider} raised {type(fault).__name__}", cause)
    else:
        if isinstance(response, expected):
            return response
        kind = type(response).__name__
        raised = blame_adapter(f"adapter {provider} returned {kind}, which its port does not allow")
    # Outside the handlers, so that the original is not the context.
    raise raised
