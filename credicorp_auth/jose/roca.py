"""
ROCA test: detects RSA moduli of a library whose keys can be factored (CVE-2017-15361).

The library made primes of the form `k * M + (65537 ** a mod M)`, with M the product of the first
primes. So its moduli are powers of 65537 modulo M; a random modulus is one with a probability
below 2 ** -150. The test is that of the finders (Nemec et al., CCS 2017). It takes the discrete
logarithm of the modulus to the base 65537, modulo each small prime, and looks for one exponent
that agrees with all of them. Longer keys were made with a longer M, of which this M is a divisor.
"""

from __future__ import annotations

from math import gcd
from typing import Final

_GENERATOR: Final = 65537
_PRIMES: Final = (
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
)  # fmt: skip


def is_roca_modulus(modulus: int) -> bool:
    """
    Say whether an RSA modulus has the structure of CVE-2017-15361.

    The cost is a few hundred multiplications of small numbers for a weak modulus, and a few for any
    other. Call it once for each key.
    """
    exponent, order = 0, 1
    for prime in _PRIMES:
        found = _logarithm(modulus % prime, prime)
        if found is None:
            return False
        remainder, period = found
        common = gcd(order, period)
        if exponent % common != remainder % common:
            return False
        # The Chinese remainder theorem, for two moduli that need not be coprime.
        step = (remainder - exponent) // common * pow(order // common, -1, period // common)
        exponent += order * (step % (period // common))
        order *= period // common
    return True


def _logarithm(value: int, prime: int) -> tuple[int, int] | None:
    """Return the discrete logarithm of `value`, and the order of the generator."""
    powers = [1]
    while (power := powers[-1] * _GENERATOR % prime) != 1:
        powers.append(power)
    return (powers.index(value), len(powers)) if value in powers else None
