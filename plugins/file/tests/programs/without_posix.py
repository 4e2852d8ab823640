"""
The file cache in a Python without the names that Windows lacks: it says what it promises there.

    python without_posix.py VANISH FOLDER KEY PART

`VANISH` is the folder of the module that takes the names away. PART is `use`, `hang` or
`meet`. The results of its steps are printed in JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.append(sys.argv[1])
from vanish import take_away

take_away("windows")

from credicorp_auth.errors import CacheUnavailable  # noqa: E402 # when the names are gone
from credicorp_auth_file import CacheOptions, FileCache  # noqa: E402

FOLDER, KEY = Path(sys.argv[2]), sys.argv[3]


def build():
    return FileCache(CacheOptions(directory=FOLDER))


def use():
    """Use all of it: entries, numbers, listing, and a lease that one holds."""
    one, other = build(), build()
    yield one.read(KEY, timeout=5)
    first = one.lease(KEY, seconds=60, timeout=5)
    yield [first.state.name, other.lease(KEY, seconds=60, timeout=5).state.name]
    one.write(KEY, b"a", lifetime=60, number=first.number, timeout=5)
    one.write(KEY, b"early", lifetime=60, number=1, timeout=5)
    yield other.read(KEY, timeout=5).decode()
    yield [first.renew(timeout=5), [each.key for each in other.entries(timeout=5)] == [KEY]]
    first.release(timeout=5)
    FOLDER.chmod(0o777)
    (FOLDER / f"{KEY}.json").chmod(0o666)
    yield other.read(KEY, timeout=5).decode()
    yield [other.discard(KEY, expected=b"a", timeout=5), other.clear(timeout=5)]
    yield sorted(each.name for each in FOLDER.iterdir())


def hang():
    """Hold a lease, and do not renew it."""
    held = build().lease(KEY, seconds=60, timeout=5)
    later = build().lease(KEY, seconds=0, timeout=5)  # its time is over
    yield [later.state.name, later.number > held.number]
    yield [held.renew(timeout=5), later.renew(timeout=5)]


def refused(call):
    try:
        return call()
    except CacheUnavailable as error:
        return f"{error.code}: {error}"


def meet():
    """Meet links in the places of the folder, the lock and the record."""
    one = build()
    yield refused(lambda: one.write(KEY, b"x", lifetime=60, timeout=5))
    yield refused(lambda: one.read(KEY, timeout=5))


print(json.dumps(list({"use": use, "hang": hang, "meet": meet}[sys.argv[4]]())))
