"""Random numbers by name: the same words, the same numbers, on any machine and in any order.

Each thing of the world draws from a source of its own, named by what it is
(seed, "riders", route, ...), so that one more bus or another day asked for
first changes nothing else.

Guarantees: sources depend on their words alone, never on hash(), the clock or
what was drawn before. Does not: hide last-bit differences between machines'
logarithms; what is drawn from a normal distribution is rounded before use.
"""

from __future__ import annotations

import hashlib
import random

import numpy as np


def number(*words: object) -> int:
    """64 bits named by these words."""
    text = "\x1f".join(map(str, words))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])


def source(*words: object) -> random.Random:
    """For a few draws."""
    return random.Random(number(*words))


def columns(*words: object) -> np.random.Generator:
    """For many draws at once."""
    return np.random.Generator(np.random.PCG64(number(*words)))
