"""Bad air: seconds in which nothing is answered, however strong the signal. Pure.

The Gilbert-Elliott model: the air is good or bad for runs of seconds whose lengths
are geometric (E. N. Gilbert, Bell System Technical Journal 39, 1960; E. O. Elliott,
42, 1963). Bad air is a handover that fails, or a crowded cell.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MEAN_GOOD_S, MEAN_BAD_S = 400.0, 6.0
"""Mean lengths of good and of bad air. Assumed: 1.5% of the time, three or four in a drive."""


def bad_air(rng: np.random.Generator, size: int) -> NDArray[np.bool_]:
    """So many seconds of it, begun in good air: True where nothing gets through."""
    bad = np.zeros(size, dtype=bool)
    second = 0
    while (second := second + int(rng.geometric(1.0 / MEAN_GOOD_S))) < size:
        run = int(rng.geometric(1.0 / MEAN_BAD_S))
        bad[second : second + run] = True
        second += run
    return bad
