"""Letters, and draws with given probabilities."""

from bisect import bisect_right

import numpy as np

CONSONANTS, VOWELS = "bdfghjklmnprstvwz", "aeiou"
ENDINGS = ("", "n", "r", "s", "l", "m", "th", "x")  # of names


def pick(edges, rng):
    """An index, drawn with the probabilities that sum up to ``edges`` (``rng.choice(p=)`` checks its input at every call and is slow)."""
    return min(bisect_right(edges, rng.random()), len(edges) - 1)


def draw(p, rng):
    """An index, drawn with the probabilities ``p``."""
    return pick(np.cumsum(p).tolist(), rng)


def letter(letters, rng):
    """One of ``letters``, all equally probable."""
    return letters[rng.integers(len(letters))]


def zipf(n, flat=0.0):
    """Probabilities of shape (n,) that fall as 1 / (rank + ``flat``)."""
    weights = 1.0 / (np.arange(1, n + 1) + flat)
    return weights / weights.sum()


def entropy(p):
    """Bits of a draw with the probabilities ``p``, none of them 0."""
    return float(-(p * np.log2(p)).sum())
