"""Callers of the partner API, as threads and as tasks, that share one CredicorpAuth."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections import Counter
from typing import TYPE_CHECKING

import httpx

from credicorp_auth_httpx import BearerAuth
from credicorp_auth_urllib3 import BearerPoolManager

if TYPE_CHECKING:
    from credicorp_auth import CredicorpAuth

PAUSE = 0.02  # seconds between two calls of one caller


class Load:
    """
    The callers and the responses that they received.

    Args:
        auth: The source of tokens.
        base_url: The base URL of the API.
        end: Epoch seconds at which the callers stop.
    """

    def __init__(self, auth: CredicorpAuth, base_url: str, end: float) -> None:
        self._auth = auth
        self._decision = f"{base_url}/decisions/dec_1"
        self._applications = f"{base_url}/applications"
        self._end = end
        self._lock = threading.Lock()
        self.statuses: Counter[int] = Counter()

    @property
    def calls(self) -> int:
        """The number of calls that received a response."""
        return sum(self.statuses.values())

    def _count(self, status: int) -> None:
        with self._lock:
            self.statuses[status] += 1

    def in_thread(self) -> None:
        """Call through urllib3: mostly read decisions, sometimes create an application."""
        number = 0
        with BearerPoolManager(self._auth) as pool:
            while time.time() < self._end:
                number += 1
                if number % 10 == 0:
                    headers = {"Idempotency-Key": str(uuid.uuid4())}
                    response = pool.request(
                        "POST", self._applications, json={"amount": 1}, headers=headers
                    )
                else:
                    response = pool.request("GET", self._decision)
                self._count(response.status)
                time.sleep(PAUSE)

    async def in_tasks(self, count: int) -> None:
        """Call through one asynchronous httpx client, from `count` tasks."""
        async with httpx.AsyncClient(auth=BearerAuth(self._auth)) as client:
            await asyncio.gather(*(self._task(client) for _ in range(count)))

    async def _task(self, client: httpx.AsyncClient) -> None:
        while time.time() < self._end:
            self._count((await client.get(self._decision)).status_code)
            await asyncio.sleep(PAUSE)
