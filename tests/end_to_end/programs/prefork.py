"""
Makes one object when it is imported, as preloading servers do, and lets worker processes use it.

The one argument is the start method of multiprocessing. Prints one line of JSON: what the workers'
tokens hash to, and the parent's.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import sys
from typing import Any

from credicorp_auth import CredicorpAuth

AUTH = CredicorpAuth.from_env(timeout=30)


def digest() -> str:
    """Hash the token that this process gets."""
    return hashlib.sha256(AUTH.header().encode()).hexdigest()


def work(responses: Any) -> None:
    """Be a worker."""
    responses.put(digest())


def main() -> None:
    """Get a token, then let four workers get theirs."""
    context = multiprocessing.get_context(sys.argv[1])
    own = digest()
    responses = context.SimpleQueue()
    workers = [context.Process(target=work, args=(responses,)) for _ in range(4)]
    for each in workers:
        each.start()
    digests = [responses.get() for _ in workers]
    for each in workers:
        each.join()
    print(json.dumps({"parent": own, "workers": digests}))
    AUTH.close()


if __name__ == "__main__":
    main()
