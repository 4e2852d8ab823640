"""What a faulty or hostile writer leaves in the folder: it costs one mint at most, and no call."""

from __future__ import annotations

import itertools
import json
import os
import re
import time
from base64 import b64decode, b64encode

import pytest
from attrs import asdict
from hypothesis import given, settings
from hypothesis import strategies as st

from credicorp_auth import CredicorpAuth
from credicorp_auth.engine.cooldowns import COOLDOWNS
from credicorp_auth.lifecycle.client import endpoint_key
from credicorp_auth_file.process import identify
from credicorp_auth_testing.fakes import ScriptedTransport, wait_idle

pytestmark = pytest.mark.slow

CLEAN = 1
"""Mints of five processes, one after another, whose folder nobody has meddled with."""

DAY = 86_400.0
_CLIENTS = itertools.count()


class Fleet:
    """Processes of one client that share a folder, and the hand that meddles with it."""

    def __init__(self, place):
        self.place = place
        self.client_id = f"poisoned-files-{next(_CLIENTS)}"
        self.transport = ScriptedTransport()
        self.call()
        (self.record,) = place.glob("*.json")
        self.key = self.record.stem
        self.lease, self.lock = self.record.with_suffix(".lease"), place / "lock"
        quiet = endpoint_key("https://as.example/oauth/token", self.client_id)
        self.quiet = place / f"{quiet}.json"
        self.members = json.loads(self.record.read_text())
        self.clear()

    def clear(self):
        for path in self.place.iterdir():
            path.unlink()
        self.transport.calls.clear()

    def call(self):
        """Start a process, which knows nothing but what is in the folder, and let it have a token."""
        COOLDOWNS._until.clear()
        auth = CredicorpAuth(
            base_url="https://as.example",
            client_id=self.client_id,
            client_secret="dummy",
            transport=self.transport,
            cache="file",
            cache_options={"directory": str(self.place)},
        )
        try:
            return auth.get_token().value.reveal()
        finally:
            auth.close()
            wait_idle()

    def mints(self):
        return len(self.transport.calls)

    def put(self, path, content):
        """Write a file that is private, as the cache's own are."""
        path.write_bytes(content)
        path.chmod(0o600)

    def build(self, key=None, **members):
        """Build a record with a living frame, and members of the poisoner's choice."""
        frame = {
            "credicorp_auth_file": 1,
            "key": key or self.key,
            "number": 1,
            "written": time.time(),
            "ends": time.time() + 3600,
            "entry": b64encode(b"garbage").decode(),
        }
        return json.dumps({**frame, **members}).encode()


@pytest.fixture
def fleet(tmp_path):
    return Fleet(tmp_path / "tokens")


def assert_costs_nothing(fleet, *, mints=CLEAN):
    """Five processes have one token, and one of them mints."""
    assert 1 == len({fleet.call() for _ in range(5)})
    assert mints == fleet.mints()


NUMBERS = [2**52 - 1, 2**52, 2**53 - 2, 2**53 - 1, 2**53, 2**63 - 2, 2**63 - 1, 2**63, 10**40]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("entry", ["garbage", "ended"])
def test_fault_383_a_record_with_a_number_that_nobody_outranks(fleet, number, entry):
    """383: it counts as absent, or is outranked, and later tokens are written over it."""
    content = b"garbage"
    if entry == "ended":
        sound = b64decode(fleet.members["entry"])
        content = re.sub(rb'"issued_at":[\d.]+', b'"issued_at":1.0', sound)
    fleet.put(fleet.record, fleet.build(number=number, entry=b64encode(content).decode()))

    assert_costs_nothing(fleet)
    # Later ones, too: with the number of the first token, or of its lease, nothing has come to an end.
    fleet.record.unlink()
    assert_costs_nothing(fleet, mints=CLEAN + 1)


@pytest.mark.parametrize(
    "content",
    [
        *[pytest.param({"number": each}, id=f"{each}") for each in [*NUMBERS, -1, 1.5, None]],
        *[pytest.param({"renewed": each}, id=f"renewed {each}") for each in [0, 1e300, -1, "now"]],
        pytest.param({"renewed": time.time() - 3600}, id="renewed an hour ago"),
        pytest.param({"renewed": time.time() + 7200}, id="renewed in two hours"),
        pytest.param({"owner": None}, id="no owner"),
        pytest.param({"holder": {"pid": 2**22 + 1}}, id="a process that never was"),
        pytest.param(b"garbage", id="garbage"),
        pytest.param(b"9" * 1_000_000, id="a megabyte"),
        pytest.param("\N{FULLWIDTH DIGIT NINE}".encode() * 7, id="digits of another script"),
    ],
)
def test_fault_383_a_lease_with_any_content(fleet, content):
    """383: it is waited for no longer than a lease lasts, and numbers start over, or go on."""
    if isinstance(content, dict):
        here = identify(os.getpid())
        holder = {**asdict(here), **content.pop("holder", {})}
        lease = {"number": 1, "owner": "x", "renewed": time.time(), "holder": holder}
        content = json.dumps({**lease, **content}).encode()
    fleet.put(fleet.lease, content)
    fleet.put(fleet.lock, content)

    assert_costs_nothing(fleet)
    fleet.record.unlink()
    assert_costs_nothing(fleet, mints=CLEAN + 1)


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"ends": 1e12}, id="an end in thousands of years"),
        pytest.param({"ends": 1e300}, id="an end beyond all time"),
        pytest.param({"ends": float("inf")}, id="no end"),
        pytest.param({"written": -1}, id="written before time began"),
        pytest.param({"number": True}, id="a number that is true"),
        pytest.param({"credicorp_auth_file": 2**60}, id="a schema beyond bounds"),
        pytest.param({"entry": b64encode(b"x" * 300_000).decode()}, id="a long entry"),
        pytest.param({"entry": "x" * 1_000_000}, id="a long file"),
    ],
)
def test_fault_383_a_record_out_of_bounds(fleet, members):
    """383: it counts as absent, and the first token takes its place."""
    fleet.put(fleet.record, fleet.build(**{"number": 2**52 - 1, **members}))

    assert_costs_nothing(fleet)


def test_fault_383_a_record_of_a_later_version_that_nobody_renews(fleet):
    """133, 383: for a day it is left to later versions; after that, there are none."""
    content = fleet.build(credicorp_auth_file=2)
    fleet.put(fleet.record, content)
    fleet.call()
    assert content == fleet.record.read_bytes()

    old = time.time() - DAY - 60
    os.utime(fleet.record, (old, old))
    fleet.transport.calls.clear()
    assert_costs_nothing(fleet)


_NUMBERS = st.one_of(st.integers(-1, 2**70), st.sampled_from(NUMBERS), st.floats())
# Past, or an hour ahead: a record that ends between two calls is right to end.
_START = time.time()
_MOMENTS = st.one_of(
    _NUMBERS,
    st.integers(-5000, 0).map(lambda ahead: _START + ahead),
    st.integers(3600, 9000).map(lambda ahead: _START + ahead),
)
_CONTENTS = st.one_of(
    st.binary(max_size=60),
    st.fixed_dictionaries(
        {},
        optional={
            "number": _NUMBERS,
            "written": _MOMENTS,
            "ends": _MOMENTS,
            "entry": st.binary(max_size=30).map(lambda each: b64encode(each).decode()),
        },
    ),
)
_LEASES = st.fixed_dictionaries(
    {},
    optional={
        "number": _NUMBERS,
        "owner": st.text(max_size=5),
        # Not of this very moment: others would wait for it, as for any living holder.
        "renewed": st.one_of(st.integers(-(2**70), 5), st.floats(max_value=5)),
        "holder": st.dictionaries(
            st.sampled_from(["pid", "started", "boot", "namespace"]),
            st.one_of(st.integers(), st.text(max_size=5)),
        ),
    },
).map(lambda members: json.dumps(members).encode())


def test_fault_383_any_content_of_our_files_costs_one_mint_at_most(fleet, scale):
    """383: a token comes, and the second process reads the first one's."""

    @settings(max_examples=max(15, int(200 * scale)), deadline=None)
    @given(
        poison=st.fixed_dictionaries({}, optional={"record": _CONTENTS, "quiet": _CONTENTS}),
        lease=st.one_of(st.none(), st.binary(max_size=60), _LEASES),
    )
    def check(poison, lease):
        fleet.clear()
        for name, members in poison.items():
            path = getattr(fleet, name)
            content = members if isinstance(members, bytes) else fleet.build(path.stem, **members)
            fleet.put(path, content)
        if lease is not None:
            fleet.put(fleet.lease, lease)
        tokens = {fleet.call(), fleet.call()}

        assert 1 == len(tokens)
        assert fleet.mints() <= CLEAN

    check()
