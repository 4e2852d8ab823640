"""urllib3-future, which niquests installs in the place of urllib3: tokens, and deadlines."""

from __future__ import annotations

import ssl
from contextlib import nullcontext
from importlib.util import find_spec

import pytest

from credicorp_auth import CredicorpAuth, errors
from credicorp_auth_testing.wire import Drip, Hold, Receive, Send, WireServer, response

pytestmark = [
    pytest.mark.slow,
    # requests leaves the closing of a broken connection to the collector there.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.skipif(not find_spec("urllib3_future"), reason="only in an environment of its own"),
]

TOKEN = response(
    b'{"access_token": "abc", "token_type": "Bearer", "expires_in": 3600}',
    headers=[("Content-Type", "application/json")],
)
ENDS = {
    "whole": ([Receive(), Send(TOKEN), Hold()], "abc"),
    "half body": ([Receive(), Send(TOKEN[:-5])], "transport.incomplete_body"),
    "drip": ([Receive(), Drip(TOKEN, every=0.3)], "transport.deadline"),
}


@pytest.mark.parametrize("transport", ["urllib3", "requests", "httpx"])
@pytest.mark.parametrize("is_tls", [False, True])
@pytest.mark.parametrize("end", ENDS)
def test_fault_425_the_core_life(authority, transport, is_tls, end):
    """425: a whole response is a token, half of one is none, and a slow one ends in time."""
    script, expected = ENDS[end]
    made, ca_file = authority
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.issue_cert("127.0.0.1").configure_cert(context)
    with WireServer(script, tls=context if is_tls else None) as server:
        auth = CredicorpAuth(
            base_url=server.url.removesuffix("/token"),
            client_id="id",
            client_secret="s",
            transport=transport,
            transport_options={"ca_file": ca_file},
            timeout=3,
        )
        with nullcontext() if end == "whole" else pytest.raises(errors.ServerUnreachable) as raised:
            assert expected == auth.get_token().value.reveal()

    if end != "whole":
        assert expected == raised.value.code
