"""The contracts themselves: what they say to anyone who forgets to name what is tested."""

from __future__ import annotations

import pytest

from credicorp_auth_testing.contracts.bearer import BearerContract
from credicorp_auth_testing.contracts.cache import CacheContract
from credicorp_auth_testing.contracts.transport import TransportContract


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda path: CacheContract().build_cache(path), id="cache"),
        pytest.param(lambda _: TransportContract().build_transport(), id="transport"),
        pytest.param(
            lambda _: BearerContract().request(
                None, "GET", "", headers={}, body=None, scope=None, existing="replace"
            ),
            id="bearer",
        ),
    ],
)
def test_a_contract_needs_something_to_test(call, tmp_path):
    """A contract whose one method is not overridden fails; it does not pass over nothing."""
    with pytest.raises(NotImplementedError):
        call(tmp_path)


def test_a_bearer_without_requests_to_send_again_is_excused():
    """A client that has no request objects skips what is about them, for a reason that is given."""
    with pytest.raises(pytest.skip.Exception, match="sent again"):
        BearerContract()._send_again(None, "", "replace")
