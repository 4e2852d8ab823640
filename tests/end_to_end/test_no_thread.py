"""Where no thread can start, the caller's own does the work."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("when", ["exhausted", "at_exit"])
def test_fault_297_377_everything_can_be_had_without_another_thread(
    open_sandbox, start_program, monkeypatch, when
):
    """377: tokens, keys, metadata and introspections are fetched inline; nothing hangs."""
    sandbox = open_sandbox()
    monkeypatch.setenv("CREDICORP_ISSUER", sandbox.issuer)
    monkeypatch.setenv("CREDICORP_AUDIENCE", sandbox.settings.audience)
    monkeypatch.setenv("CREDICORP_SCOPE", "decisions:read")
    program = start_program("no_thread.py", sandbox, when)
    out, err = program.communicate(timeout=60)

    assert ("", 0) == (err, program.returncode)
    assert {
        "get_token": "AccessToken",
        "verify": "Claims",
        "introspect": "Introspection",
        "revoke": "NoneType",
        "invalidate": "bool",
        "aget_token": "AccessToken",
        "averify": "Claims",
        "aintrospect": "Introspection",
        "arevoke": "NoneType",
        "aclose": "str",
        "threads": 0,
    } == json.loads(out)
    assert 2 == sandbox.counters["jwks_requests"]
    assert 2 == sandbox.counters["introspections"]
