"""
Celery tasks that need a token.

    celery -A tasks worker -P gevent -c 200
    python tasks.py        sends two hundred tasks, and prints their outcomes with counts
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections import Counter

from celery import Celery, group

from credicorp_auth import CredicorpAuth

broker = os.environ["WORLD_REDIS"]
app = Celery("tasks", broker=f"{broker}/0", backend=f"{broker}/1")
auth = CredicorpAuth(
    base_url=os.environ["WORLD_SERVER"], client_id="id", client_secret="s", timeout=60
)
has_begun = []


def send_beats() -> None:
    """Send a beat every few milliseconds."""
    with socket.create_connection(("127.0.0.1", int(os.environ["WORLD_PULSE"]))) as pulse:
        while True:
            time.sleep(0.002)
            pulse.sendall(b".")


@app.task
def call() -> str:
    """Return a token."""
    if not has_begun:
        has_begun.append(True)
        threading.Thread(target=send_beats, daemon=True).start()
    return auth.get_token().value.reveal()


if __name__ == "__main__":
    results = group(call.s() for _ in range(200))()
    print(json.dumps(Counter(results.get(timeout=100))))
