"""ROCA: keys of the weak generator are told from all others, and dropped (CVE-2017-15361)."""

from __future__ import annotations

import math
import random
import secrets

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from credicorp_auth.jose.roca import is_roca_modulus

PRIMES = [n for n in range(2, 1500) if all(n % d for d in range(2, math.isqrt(n) + 1))]
PRODUCTS = {
    512: math.prod(PRIMES[:39]),
    1024: math.prod(PRIMES[:71]),
    2048: math.prod(PRIMES[:126]),
}
"""What the generator made its primes with, by the size of the key."""


# A key of the weak generator that its finders publish (github.com/crocs-muni/roca, mod01).
PUBLISHED = int(
    "944e13208a280c37efc31c3114485e590192adbb8e11c87cad60cdef0037ce99"
    "278330d3f471a2538fa667802ed2a3c44a8b7dea826e888d0aa341fd664f7fa7",
    16,
)


def weak_factor(bits, size):
    """Make a factor as the weak generator did, k * M + (65537 ** a mod M), prime or not."""
    product = PRODUCTS[size]
    while True:
        residue = pow(65537, secrets.randbits(bits), product)
        number = secrets.randbelow(2**bits // product) * product + residue
        if number >> (bits - 2) == 3:  # so that two of them make a full length
            return number


def weak_modulus(size):
    """Make a modulus as the weak generator did; the fingerprint does not ask for primes."""
    return weak_factor(size // 2, size) * weak_factor(size // 2, size)


def test_fault_374_the_published_weak_key_is_known():
    """The example that the finders of the weakness publish is told."""
    assert is_roca_modulus(PUBLISHED)
    assert not is_roca_modulus(PUBLISHED + 2)


@pytest.mark.parametrize("size", PRODUCTS)
def test_fault_374_a_modulus_of_the_weak_generator_is_known_by_its_structure(size):
    """Moduli of every size that the generator made have the fingerprint."""
    assert all(is_roca_modulus(weak_modulus(size)) for _ in range(20))


def test_fault_374_a_random_modulus_is_not_taken_for_a_weak_one():
    """Neither keys of OpenSSL nor random odd numbers have it, nor half of a weak key."""
    keys = [rsa.generate_private_key(65537, 2048).public_key() for _ in range(5)]
    numbers = [secrets.randbits(2048) | 1 for _ in range(2000)]

    assert not any(is_roca_modulus(each.public_numbers().n) for each in keys)
    assert not any(is_roca_modulus(each) for each in numbers)
    strong = keys[0].public_numbers().n
    assert not is_roca_modulus(weak_factor(1024, 2048) * strong)


@given(st.integers(min_value=0, max_value=2**80), st.integers(min_value=1, max_value=2**900))
def test_fault_374_powers_of_the_generator_are_all_that_is_found(exponent, k):
    """Any power of 65537 modulo M is found; times 3 or 4, it is not."""
    product = PRODUCTS[2048]
    power = pow(65537, exponent, product)

    assert is_roca_modulus(k * product + power)
    assert not is_roca_modulus(k * product + power * 3)
    assert not is_roca_modulus(k * product + power * 4)


def test_fault_374_residues_that_agree_with_no_one_exponent_are_not_weak():
    """Residues that are powers of 65537 modulo each prime, each of its own, are no fingerprint."""
    found = random.Random(7)
    product, number = math.prod(PRIMES[:39]), 0
    for prime in PRIMES[:39]:
        residue = pow(65537, found.randrange(prime), prime)
        rest = product // prime
        number += residue * rest * pow(rest, -1, prime)

    assert not is_roca_modulus(number % product)


def test_fault_374_a_weak_key_is_dropped_with_its_reason(stage, forge):
    """A key of the weak generator is told as such and verifies nothing; the others go on."""
    scene = stage()
    weak = {
        "kty": "RSA",
        "kid": "weak",
        "alg": "RS256",
        "n": forge.b64(weak_modulus(2048).to_bytes(256)),
        "e": "AQAB",
    }
    scene.publisher.publish(forge.published(forge.KEYS["ES256"], weak))
    forged = forge.issued(key=forge.KEYS["RS256"], kid="weak")

    assert "client" == scene.verify(forge.issued("ES256")).subject
    assert "verify.key_mismatch" == scene.verify(forged)
    assert [{"kid": "weak", "code": "jwks.roca_key"}] == scene.emitted("jwks.key_dropped")
