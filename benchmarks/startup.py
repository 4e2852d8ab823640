"""
Start and memory: the smallest program beside the same on bare urllib3, and what an object costs.

    python startup.py [rounds]

Each program runs in a process of its own, by turns; processor time and peak memory are what the
kernel counted for it. Machines are noisy in one direction only, so the smallest of all rounds
is reported, as user time and as all processor time. The other lines are of this process: building
one `CredicorpAuth`, and the header on a fresh request of requests, on its way out and back.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
import urllib3
from evidence import record

from credicorp_auth import CredicorpAuth
from credicorp_auth_requests import BearerAuth
from credicorp_auth_testing.fakes import ScriptedTransport
from credicorp_auth_testing.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BARE = """
import sys, urllib3
from urllib.parse import urlencode
url, client_id, client_secret = sys.argv[1:]
form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
response = urllib3.PoolManager().request(
    "POST", f"{url}/oauth/token", body=urlencode(form),
    headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
)
header = "Bearer " + response.json()["access_token"]
"""
BARE_HTTPX = """
import sys, httpx
url, client_id, client_secret = sys.argv[1:]
form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
response = httpx.Client(trust_env=False).post(f"{url}/oauth/token", data=form)
header = "Bearer " + response.json()["access_token"]
"""
OURS = """
import sys
from credicorp_auth import CredicorpAuth
url, client_id, client_secret = sys.argv[1:]
auth = CredicorpAuth(
    base_url=url, client_id=client_id, client_secret=client_secret, transport="TRANSPORT"
)
header = auth.header()
"""
PROGRAMS = {
    "bare urllib3": BARE,
    "bare httpx": BARE_HTTPX,
    "urllib3": OURS.replace("TRANSPORT", "urllib3"),
    "httpx": OURS.replace("TRANSPORT", "httpx"),
}
# Linux's; the peak of `getrusage` begins with that of the process that started the program.
PEAK = """
with open("/proc/self/status") as status:
    print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
"""
TARGETS = {"urllib3": (1.5, 1.15), "httpx": (1.7, float("inf"))}
BUILD_MS, BUILD_KIB = 2.0, 25.0
OUT_US, BACK_US = 2.2, 0.6
REQUESTS = 500


def spent(path: Path, arguments: list[str], environ: Mapping[str, str]) -> tuple[float, float, int]:
    """Run a program; return its user and its whole processor seconds, and its peak KiB."""
    process = subprocess.Popen(
        [sys.executable, str(path), *arguments], env=environ, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout:
        peak = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        message = f"{path.stem} ended with {process.returncode}"
        raise SystemExit(message)
    return used.ru_utime, used.ru_utime + used.ru_stime, int(peak)


def measure_programs(rounds: int) -> dict[str, dict[str, float]]:
    """Return the least user time, processor time and peak memory of each program."""
    samples: dict[str, list[tuple[float, float, int]]] = {name: [] for name in PROGRAMS}
    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        server = [sandbox.base_url, sandbox.client_id, sandbox.client_secret]
        # Compiled once, wherever the packages lie; and no tool that runs in every process.
        environ = {
            **{name: each for name, each in os.environ.items() if not name.startswith("COVERAGE_")},
            "PYTHONPYCACHEPREFIX": folder,
        }
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        paths = {name: Path(folder, f"with_{name.replace(' ', '_')}.py") for name in PROGRAMS}
        for name, path in paths.items():
            path.write_text(PROGRAMS[name] + PEAK, "utf-8")
            spent(path, server, environ)  # compiles
        for _ in range(rounds):
            for name, path in paths.items():
                samples[name].append(spent(path, server, environ))
    return {
        name: dict(
            zip(("user", "processor", "peak_kib"), map(min, zip(*each, strict=True)), strict=True)
        )
        for name, each in samples.items()
    }


def least(work: Callable[[], object], rounds: int) -> float:
    """Return the least user seconds of a piece of work."""
    found = []
    for _ in range(rounds):
        begun = os.times().user
        times = 0
        while os.times().user - begun < 0.05:  # noqa: PLR2004 - five ticks of the kernel's clock
            work()
            times += 1
        found.append((os.times().user - begun) / times)
    return min(found)


def measure_building(rounds: int) -> tuple[float, float]:
    """Return the milliseconds that building one object takes, and the KiB that it keeps."""

    def build() -> CredicorpAuth:
        return CredicorpAuth(client_id="a", client_secret="b")

    kept = [build()]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept += [build() for _ in range(20)]
    gc.collect()
    kib = (tracemalloc.get_traced_memory()[0] - before) / 20 / 1024
    tracemalloc.stop()
    return least(build, rounds) * 1e3, kib


def measure_bearer(rounds: int) -> tuple[float, float]:
    """Return the microseconds of a header on a fresh request, and of the response to it."""
    auth = CredicorpAuth(client_id="a", client_secret="b", transport=ScriptedTransport())
    bearer, session = BearerAuth(auth), requests.Session()
    asked = requests.Request("GET", "https://hub.credicorp.co.uk/x")
    response = requests.Response()
    response.status_code, response.raw = 200, urllib3.HTTPResponse(status=200)
    auth.header()
    out, back = [], []
    for _ in range(rounds):
        fresh = [session.prepare_request(asked) for _ in range(REQUESTS)]
        begun = time.process_time()
        for each in fresh:
            bearer(each)
        out.append(time.process_time() - begun)
        hooks = [(each, each.hooks["response"][0]) for each in fresh]
        begun = time.process_time()
        for response.request, hook in hooks:
            hook(response)
        back.append(time.process_time() - begun)
    return min(out) / REQUESTS * 1e6, min(back) / REQUESTS * 1e6


def floor(rounds: int) -> float:
    """Return the nanoseconds of a dict and one clock, beside which other machines compare."""
    held, clock, calls = {"scope": ("token", time.monotonic() + 3600)}, time.monotonic, 20_000
    found = []
    for _ in range(rounds):
        begun = time.process_time()
        for _ in range(calls):
            _token, expiry = held["scope"]
            clock() < expiry  # noqa: B015 - the comparison is what is measured
        found.append(time.process_time() - begun)
    return min(found) / calls * 1e9


def report(line: str, measured: float, target: float) -> bool:
    """Print one line; return whether it meets its target."""
    met = measured <= target
    print(f"{line:<46} {measured:8.2f}   <= {target:g}{'' if met else '   NOT MET'}")
    return met


def main() -> int:
    """Measure, print, record; return 1 if a target was missed."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    programs = measure_programs(rounds)
    bare, met = programs["bare urllib3"], []
    figures: dict[str, Any] = {"rounds": rounds, "programs": programs}
    against_httpx = programs["httpx"]["user"] / programs["bare httpx"]["user"]
    figures["httpx, x bare httpx"] = against_httpx
    print(f"smallest program, httpx: user time, x bare httpx {against_httpx:6.2f}")
    for name, (processor, peak) in TARGETS.items():
        ratios = {each: programs[name][each] / bare[each] for each in bare}
        figures[f"{name}, x bare"] = ratios
        met.append(
            report(f"smallest program, {name}: user time, x bare", ratios["user"], processor)
        )
        met.append(report(f"smallest program, {name}: peak RSS, x bare", ratios["peak_kib"], peak))
    milliseconds, kib = measure_building(rounds)
    out, back = measure_bearer(rounds)
    figures |= {"building": {"ms": milliseconds, "kib": kib}, "floor_ns": floor(rounds)}
    figures["requests"] = {"out_us": out, "back_us": back}
    met.append(report("building one CredicorpAuth, ms", milliseconds, BUILD_MS))
    met.append(report("building one CredicorpAuth, KiB", kib, BUILD_KIB))
    met.append(report("header on a fresh requests call, out, us", out, OUT_US))
    met.append(report("header on a fresh requests call, back, us", back, BACK_US))
    print(f"a dict and one clock: {figures['floor_ns']:.0f} ns")
    record("startup", json.loads(json.dumps(figures)))
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
