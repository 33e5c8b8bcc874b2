"""Recognises RSA keys made by the flawed Infineon library (ROCA, CVE-2017-15361) by their public half."""

_GENERATOR = 65_537
# The primes of the published fingerprint; a random modulus passes all of them once in about 2**27.
_PRIMES = (11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157)


def _powers_of_generator(prime: int) -> frozenset[int]:
    powers, power = set(), 1
    while power not in powers:
        powers.add(power)
        power = power * _GENERATOR % prime
    return frozenset(powers)


def is_roca_modulus(modulus: int) -> bool:
    """Tell whether `modulus` is, modulo each of these primes, a power of 65537: such a key can be factored.

    From Nemec et al., "The Return of Coppersmith's Attack" (CCS 2017), section 5.
    """
    return all(modulus % prime in _powers_of_generator(prime) for prime in _PRIMES)
