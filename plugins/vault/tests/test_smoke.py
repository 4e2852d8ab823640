"""One secret from a Vault on loopback: a start, before the contract says more."""

from __future__ import annotations


def test_a_secret_is_read(vault, connect):
    """Id and secret come from the record, from an old Vault and from a newer one."""
    found = connect(vault).fetch({"client_id", "client_secret"}, timeout=5).fields

    assert ("app", "canary-v1") == tuple(
        found[name].reveal() for name in ("client_id", "client_secret")
    )
