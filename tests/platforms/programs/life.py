"""
A token's whole life where names of the system are missing.

    python life.py SYSTEM CLIENT

SYSTEM is windows or macos, CLIENT the HTTP library that calls the API. Settings come from the
environment, and API is the URL to call. It prints JSON: what came of each step.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

# Under PYTHONSAFEPATH the folder of a program is not on the path.
sys.path.append(str(Path(__file__).parent))
from vanish import take_away

SYSTEM, CLIENT = sys.argv[1:]
RUNNER = take_away(SYSTEM)

import json  # noqa: E402 - the names must be gone first

from credicorp_auth import CredicorpAuth  # noqa: E402 - as above

API = os.environ["API"]


def call_with_urllib3(auth: CredicorpAuth) -> list[int]:
    """Call the API by urllib3."""
    from credicorp_auth_urllib3 import BearerPoolManager

    with BearerPoolManager(auth) as http:
        return [http.request("GET", API).status]


def call_with_requests(auth: CredicorpAuth) -> list[int]:
    """Call the API by requests."""
    import requests

    from credicorp_auth_requests import BearerAuth

    return [requests.get(API, auth=BearerAuth(auth), timeout=30).status_code]


def call_with_httpx(auth: CredicorpAuth) -> list[int]:
    """Call the API by httpx, blocking and from tasks."""
    import httpx

    from credicorp_auth_httpx import BearerAuth

    async def call() -> int:
        async with httpx.AsyncClient(auth=BearerAuth(auth), timeout=30) as client:
            return (await client.get(API)).status_code

    with httpx.Client(auth=BearerAuth(auth), timeout=30) as client:
        return [client.get(API).status_code, RUNNER.run(call())]


def run_life() -> dict[str, object]:
    """Mint, cache, verify, introspect, call, refresh, and mint again from tasks."""
    with CredicorpAuth.from_env(timeout=60) as auth:
        token = auth.get_token()
        is_reused = auth.get_token().value == token.value
        claims = auth.verify(token.value.reveal())
        introspection = auth.introspect(token)
        statuses = globals()[f"call_with_{CLIENT}"](auth)
        is_dropped = auth.invalidate(token)
        refreshed = auth.get_token()
        return {
            "from": [token.provenance.source, token.provenance.adapter],
            "reused": is_reused,
            "verified": claims["client_id"],
            "active": introspection.active,
            "statuses": statuses,
            "refreshed": is_dropped and refreshed.value != token.value,
            "reused by tasks": RUNNER.run(auth.aget_token()).value == refreshed.value,
        }


def main() -> None:
    """Run the life, and print what came of it."""
    with RUNNER:
        print(json.dumps(run_life()))


main()
