"""
Demo of the token lifecycle over real HTTP, in half a minute.

Starts the sandbox with 5-second tokens and lets 8 threads and 8 asyncio tasks call the partner API
through one CredicorpAuth. Meanwhile it rotates the signing keys, revokes every token and lets the
token endpoint return 429. Ends with a table and a timeline; exits with 1 if a promise was broken.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import threading
import time
from pathlib import Path

from journal import Journal
from load import Load
from sandbox_process import SandboxProcess
from timeline import draw
from verdict import expectations, show

from credicorp_auth import CredicorpAuth, errors

SCOPE = "applications:write decisions:read"
SECONDS = 20.0


def ask_in_vain(auth: CredicorpAuth, until: float) -> None:
    """Request a token of another scope repeatedly, during the endpoint's cooldown."""
    while time.time() < until:
        try:
            auth.get_token("decisions:read", timeout=0.2)
        except (errors.TokenEndpointBusy, errors.DeadlinePassed):
            time.sleep(0.02)


def disturb(sandbox: SandboxProcess, auth: CredicorpAuth, journal: Journal) -> None:
    """Rotate keys at 4 s, revoke at 8 s, return 429 after the first mint from 12 s on."""
    journal.sleep_until(4)
    sandbox.command("rotate-keys")
    journal.note("signing keys rotated")
    journal.sleep_until(8)
    journal.note("all tokens revoked")
    sandbox.command("revoke")
    journal.sleep_until(12)
    # Right after a mint, so that the burst happens while a fresh token is valid.
    journal.await_mint()
    journal.note("429 begins")
    sandbox.command("refuse", seconds=1.8, retry_after=2)
    end = time.time() + 1.8
    callers = [threading.Thread(target=ask_in_vain, args=(auth, end)) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    journal.note("429 ends")


def report_progress(journal: Journal, load: Load) -> None:
    """Print the progress once a second, until the demo ends."""
    for second in range(1, int(SECONDS) + 1):
        journal.sleep_until(second)
        seen = ", ".join(journal.news())
        print(
            f"{second:3d} s  {load.calls:6d} calls  {journal.mints:2d} mints  {seen}".rstrip(),
            flush=True,
        )


def run_guarded(sandbox: SandboxProcess, journal: Journal) -> Load:
    """Run all callers for twenty seconds, and disturb them."""
    with CredicorpAuth(
        base_url=sandbox.ready["base_url"],
        client_id=sandbox.ready["client_id"],
        client_secret=sandbox.ready["client_secret"],
        scope=SCOPE,
        observers=[journal.observe],
    ) as auth:
        auth.get_token()
        journal.begin()
        load = Load(auth, sandbox.ready["base_url"], time.time() + SECONDS)
        others = [
            *(threading.Thread(target=load.in_thread) for _ in range(8)),
            threading.Thread(target=lambda: asyncio.run(load.in_tasks(8))),
            threading.Thread(target=disturb, args=(sandbox, auth, journal)),
        ]
        for each in others:
            each.start()
        report_progress(journal, load)
        for each in others:
            each.join()
    return load


def main() -> int:
    """Run the demo; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--picture", type=Path, default=Path("credicorp-auth-demo.svg"))
    picture: Path = parser.parse_args().picture
    journal = Journal(SCOPE)
    with SandboxProcess("--expires-in", "5", "--token-latency", "0.3") as sandbox:
        print(f"sandbox at {sandbox.ready['base_url']}, tokens live 5 s, minting takes 0.3 s")
        load = run_guarded(sandbox, journal)
        counters = sandbox.counters()
    kept = expectations(journal, load, counters)
    show(kept)
    picture.write_text(draw(journal, SECONDS), encoding="utf-8")
    print(f"timeline: {picture.resolve()}")
    return 0 if all(each.kept for each in kept) else 1


if __name__ == "__main__":
    sys.exit(main())
