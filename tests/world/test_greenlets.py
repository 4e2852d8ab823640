"""
gevent and eventlet: one mint for two hundred greenlets, and none of them ever blocks the others.

Each server here waits for the beats of another greenlet before it goes on.
"""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import threading
from itertools import product
from pathlib import Path

import filelock
import pytest

from credicorp_auth_testing.wire import Receive, Send, StartTls, WireServer, response
from redis_server import RedisServer

pytestmark = pytest.mark.slow

PROGRAMS = Path(__file__).parent / "programs"
WORLDS = ["gevent", "eventlet"]
# What happens before the world is patched; preloading servers import and build everything.
ORDERS = ["patched", "built"]
STACKS = [
    *((order, "urllib3") for order in ("patched", "imported", "built")),
    *(("patched", transport) for transport in ("requests", "httpx", "httpx2")),
]
JSON = ("Content-Type", "application/json")
TOKEN = response(
    b'{"access_token": "abc", "token_type": "Bearer", "expires_in": 3600}', headers=[JSON]
)
LOOK_UP = {"ttl": 0, "renewable": False}
RECORD = {"data": {"client_secret": "s"}, "metadata": {"version": 1, "deletion_time": ""}}
MOUNT = {"path": "secret/", "type": "kv", "options": {"version": "2"}}
VAULT = [
    response(status="503 Service Unavailable"),
    *(
        response(json.dumps({"data": each}).encode(), headers=[JSON])
        for each in (LOOK_UP, MOUNT, RECORD)
    ),
]
BUSY = response(status="503 Service Unavailable", headers=[("Retry-After", "1")])


@pytest.fixture
def gaps():
    """The longest time between two beats of each program in milliseconds: by the clock, of the processor."""
    return []


@pytest.fixture
def run_greenlets(pulse, run_program, gaps):
    """Run the greenlets against a server; return their outcomes and the events."""

    def run(patched_by, server, *, order="patched", task="token", **settings):
        reported = run_program(
            "greenlets.py",
            patched_by,
            order,
            str(pulse.port),
            task,
            json.dumps(
                {
                    "base_url": server.url.removesuffix("/token"),
                    "client_id": "id",
                    "client_secret": "s",
                    "timeout": 60,
                    **settings,
                }
            ),
        )
        gaps.append((reported["longest_gap_ms"], reported["longest_gap_cpu_ms"]))
        return reported["outcomes"], reported["events"]

    return run


@pytest.mark.parametrize("patched_by", WORLDS)
@pytest.mark.parametrize(("order", "transport"), STACKS)
def test_fault_304_two_hundred_greenlets_need_one_mint(
    pulse, run_greenlets, patched_by, order, transport
):
    """304: each greenlet gets the token of one request, and others run while it is made."""
    with WireServer([Receive(), pulse.beats(), Send(TOKEN)]) as server:
        outcomes, _ = run_greenlets(patched_by, server, order=order, transport=transport)

    assert ({"abc": 200}, 1) == (outcomes, len(server.connections))


@pytest.mark.parametrize("patched_by", WORLDS)
@pytest.mark.parametrize(("order", "transport"), STACKS)
def test_fault_416_others_run_during_a_handshake(
    pulse, run_greenlets, authority, patched_by, order, transport
):
    """416: the same under TLS, whose handshake is made of several round trips."""
    made, ca_file = authority
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.issue_cert("127.0.0.1").configure_cert(context)
    script = [pulse.beats(), StartTls(context), Receive(), pulse.beats(), Send(TOKEN)]
    with WireServer(script) as server:
        outcomes, _ = run_greenlets(
            patched_by,
            server,
            order=order,
            transport=transport,
            base_url=server.url.removesuffix("/token").replace("http:", "https:"),
            transport_options={"ca_file": ca_file, "connect_timeout": 60},
        )

    assert ({"abc": 200}, 1) == (outcomes, len(server.connections))


@pytest.mark.parametrize("patched_by", WORLDS)
@pytest.mark.parametrize("order", ORDERS)
def test_fault_416_others_run_while_a_retry_waits(pulse, run_greenlets, patched_by, order):
    """416: beats arrive between two requests, the second of which waits for a pause."""
    counts = []
    scripts = [[Receive(), pulse.note(counts), Send(each)] for each in (BUSY, TOKEN)]
    with WireServer(*scripts) as server:
        outcomes, _ = run_greenlets(patched_by, server, order=order)

    assert ({"abc": 200}, 2) == (outcomes, len(server.connections))
    assert 5 <= counts[1] - counts[0]


@pytest.mark.parametrize("patched_by", WORLDS)
@pytest.mark.parametrize("bearer", ["urllib3", "requests", "httpx"])
def test_fault_416_bearers_of_each_library(pulse, run_greenlets, patched_by, bearer):
    """416: two hundred calls at once carry the token of one mint."""
    mints = [Receive(), pulse.beats(), Send(TOKEN)]
    yes = response(b"yes", headers=[("Connection", "close")])
    with WireServer(mints) as server, WireServer([Receive(), Send(yes)]) as api:
        origin = api.url.removesuffix("/token")
        outcomes, _ = run_greenlets(
            patched_by, server, task=f"{bearer} {api.url}", allowed_origins=[origin]
        )

    assert ({"yes": 200}, 1) == (outcomes, len(server.connections))
    assert {True} == {b"authorization: bearer abc" in each.received.lower() for each in api.connections}  # fmt: skip


@pytest.mark.parametrize("patched_by", WORLDS)
@pytest.mark.parametrize(("order", "host"), [("patched", "localhost"), ("built", "127.0.0.1")])
def test_fault_416_a_redis_cache(pulse, run_greenlets, patched_by, order, host):
    """416: others run while Redis does not answer; nothing is reported of the cache."""
    with (
        RedisServer() as redis,
        WireServer([pulse.relay(redis.port)]) as relay,
        WireServer([Receive(), pulse.beats(), Send(TOKEN)]) as server,
    ):
        outcomes, events = run_greenlets(
            patched_by,
            server,
            order=order,
            cache="redis",
            cache_options={"url": f"redis://{host}:{relay.port}/0"},
            cache_timeout=30,
        )

    assert ({"abc": 200}, 1) == (outcomes, len(server.connections))
    assert [] == [each for each in events if each.startswith("cache.")]


@pytest.mark.parametrize("patched_by", WORLDS)
@pytest.mark.parametrize("order", ORDERS)
def test_fault_416_a_file_cache_whose_lock_is_held(
    pulse, run_greenlets, tmp_path, patched_by, order
):
    """416: others run while another process holds the lock of the folder."""
    folder = tmp_path / "cache"
    folder.mkdir(mode=0o700)
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    assert filelock.lock_descriptor(lock, blocking=False)
    waiting = threading.Thread(target=lambda: [pulse.wait(20), os.close(lock)])
    waiting.start()
    with WireServer([Receive(), pulse.beats(), Send(TOKEN)]) as server:
        outcomes, events = run_greenlets(
            patched_by, server, order=order, cache="file", cache_options={"directory": str(folder)}
        )
    waiting.join()

    assert ({"abc": 200}, 1) == (outcomes, len(server.connections))
    assert [] == [each for each in events if each.startswith("cache.")]


@pytest.mark.parametrize("patched_by", WORLDS)
@pytest.mark.parametrize("order", ORDERS)
def test_fault_416_a_secret_in_vault(pulse, run_greenlets, patched_by, order):
    """416: others run while Vault is asked, again after a 503, and a second mint waits for that."""
    scripts = [[Receive(), pulse.beats(), Send(each)] for each in VAULT]
    with (
        WireServer(*scripts) as vault,
        WireServer([Receive(), pulse.beats(), Send(TOKEN)]) as server,
    ):
        outcomes, _ = run_greenlets(
            patched_by,
            server,
            order=order,
            task="scopes",
            client_secret=None,
            secrets="vault",
            secrets_options={
                "url": vault.url.removesuffix("/token"),
                "token": "t",
                "path": "app",
                "timeout": 60,
            },
        )

    assert ({"abc": 200}, 2) == (outcomes, len(server.connections))


@pytest.fixture
def secrets_manager(monkeypatch):
    """Start AWS in a process of its own, and name its user; return its port and the secret's name."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-real-key")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    arguments = [sys.executable, str(PROGRAMS / "secrets_manager.py"), '{"client_secret": "s"}']
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield json.loads(process.stdout.readline())
        process.stdin.close()


@pytest.fixture
def from_aws(secrets_manager, pulse, run_greenlets):
    """Run greenlets that need two tokens, with the secret from AWS; return what came of it."""

    def run(patched_by, **more):
        with (
            WireServer([pulse.relay(secrets_manager["port"])]) as aws,
            WireServer([Receive(), pulse.beats(), Send(TOKEN)]) as server,
        ):
            options = {
                "secret_id": secrets_manager["name"],
                "region": "eu-west-2",
                "endpoint_url": aws.url.removesuffix("/token"),
                "timeout": 60,
            }
            outcomes, _ = run_greenlets(
                patched_by, server, task="scopes", client_secret=None,
                secrets="aws", secrets_options=options, **more,
            )  # fmt: skip
        return outcomes, len(aws.connections), len(server.connections)

    return run


@pytest.mark.parametrize("patched_by", WORLDS)
def test_fault_416_a_secret_in_aws(from_aws, patched_by):
    """416: others run while AWS is asked, once for two mints."""
    assert ({"abc": 200}, 1, 2) == from_aws(patched_by)


@pytest.mark.parametrize("patched_by", WORLDS)
def test_aws_in_a_process_that_was_patched_late(from_aws, patched_by):
    """The libraries under boto3 cannot be patched once they are imported; the hint says so."""
    outcomes, *_ = from_aws(patched_by, order="built")

    (shown,) = outcomes
    assert "patch the standard library before boto3 is imported" in shown


@pytest.mark.parametrize("patched_by", WORLDS)
def test_fault_416_no_greenlet_waits_for_long(
    pulse, run_greenlets, evidence, gaps, scale, patched_by
):
    """416: while two hundred need a token, the time between two beats is at most 50 ms."""
    transports = ["urllib3", "requests", "httpx", "httpx2"][: max(1, int(4 * scale))]
    for transport, order in product(transports * max(1, int(5 * scale)), ["patched", "lazy"]):
        with WireServer([Receive(), pulse.beats(), Send(TOKEN)]) as server:
            outcomes, _ = run_greenlets(patched_by, server, order=order, transport=transport)
        assert {"abc": 200} == outcomes

    by_clock, of_processor = (sorted(each) for each in zip(*gaps, strict=True))
    evidence(
        f"greenlets_{patched_by}",
        runs=len(gaps),
        median_ms=by_clock[len(gaps) // 2],
        longest_ms=by_clock[-1],
        longest_cpu_ms=of_processor[-1],
    )
    assert of_processor[-1] <= 50
    if scale == 1:  # on a busy machine every process waits
        assert by_clock[-1] <= 50
