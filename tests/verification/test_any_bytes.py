"""No matter what strangers write, every reader refuses it in our words or reads it; see fuzz/targets.py."""

from __future__ import annotations

import json
import os
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytestmark = pytest.mark.slow

CHECKOUT = Path(os.environ.get("CREDICORP_CHECKOUT") or Path(__file__).parents[2])
spec = spec_from_file_location("fuzz_targets", CHECKOUT / "fuzz" / "targets.py")
targets = module_from_spec(spec)
spec.loader.exec_module(targets)

words = st.sampled_from(
    [
        "alg", "RS256", "typ", "at+jwt", "kid", "iss", "https://as.example", "exp", "aud", "sub", "keys",
        "kty", "RSA", "EC", "OKP", "n", "e", "AQAB", "crv", "P-256", "x", "y", "use", "sig", "key_ops", "issuer",
        "jwks_uri", "token_endpoint", "https://127.1/", "access_token", "token_type", "Bearer", "expires_in",
        "scope", "error", "invalid_client", "token_endpoint_auth_methods_supported",
    ]
)  # fmt: skip
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=6),
    max_leaves=12,
)
documents = st.dictionaries(words, values, max_size=8).map(lambda each: json.dumps(each).encode())
lines = st.lists(documents | st.binary(max_size=40), min_size=1, max_size=3).map(b"\n".join)


@pytest.mark.parametrize("name", sorted(targets.TARGETS))
@given(data=documents | lines | st.binary(max_size=200))
def test_a_reader_reads_or_refuses(name, data):
    """Neither bytes nor documents made of the right words bring anything but our own errors."""
    targets.TARGETS[name](data)
