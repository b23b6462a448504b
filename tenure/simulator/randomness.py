"""Child random generators, one per purpose, so that adding a draw in one place leaves all the others as they were."""

import zlib

import numpy as np


def child(seed: int, purpose: str, month_index: int = 0) -> np.random.Generator:
    """Generator for one purpose in one month; the same (seed, purpose, month_index) always draws the same numbers.

    `month_index` 0 is the first simulated month. Nothing depends on how many months will follow, which is what makes
    a long simulation begin with exactly the extracts of a short one.
    """
    return np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(purpose.encode()), month_index]))
