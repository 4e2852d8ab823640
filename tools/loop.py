"""
Cost of the test tiers: time, processor time and lines of output, written to docs/evidence/.

    python tools/loop.py [quick] [path] [command] [loaded] [matrix]

Each is run in existing environments, so run the commands once before. `loaded` runs the test
command three times, beside two processes that each keep a processor busy. Figures of a part that is
not run stay unchanged.
"""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from evidence import FOLDER, write_evidence

if TYPE_CHECKING:
    from collections.abc import Sequence

TOX = (sys.executable, "-m", "tox", "run")
PARTS = {
    "quick": ["-e", "quick"],
    "path": ["-e", "py311", "--", "tests/engine"],
    "command": [],
    "matrix": ["-m", "matrix"],
}


def run(*arguments: str) -> dict[str, Any]:
    """Run tox; return its cost and its result."""
    begun, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    ran = subprocess.run(
        [*TOX, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if ran.returncode:
        print(ran.stdout)
    return {
        "exit_code": ran.returncode,
        "seconds": round(time.monotonic() - begun),
        "processor_seconds": round(spent),
        "lines": ran.stdout.count("\n"),
        "closing_lines": re.findall(r"\d+ passed[^=\n]*(?= in )", ran.stdout),
    }


def run_loaded() -> list[dict[str, Any]]:
    """Run the test command three times, beside two busy loops."""
    with ExitStack() as stack:
        for _ in range(2):
            busy = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            stack.callback(busy.kill)
        return [run() for _ in range(3)]


def main(chosen: Sequence[str]) -> int:
    """Run the parts; return how many runs failed."""
    path = FOLDER / "loop.json"
    figures = json.loads(path.read_text("utf-8"))["figures"] if path.is_file() else {}
    failed = 0
    for part in chosen or ["quick", "path", "command", "loaded"]:
        runs = run_loaded() if part == "loaded" else [run(*PARTS[part])]
        figures[part] = runs if part == "loaded" else runs[0]
        failed += sum(each["exit_code"] != 0 for each in runs)
        print(part, json.dumps(figures[part]), flush=True)
        write_evidence("loop", figures)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
