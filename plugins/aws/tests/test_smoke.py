"""One secret from an AWS on loopback: a start, before the contract says more."""

from __future__ import annotations


def test_a_secret_is_read(aws, open_source):
    """Id and secret come from one JSON object in Secrets Manager."""
    name = aws.create({"client_id": "app", "client_secret": "canary-v1"})
    found = (
        open_source(aws.url, secret_id=name).fetch({"client_id", "client_secret"}, timeout=5).fields
    )

    assert ("app", "canary-v1") == tuple(
        found[name].reveal() for name in ("client_id", "client_secret")
    )
