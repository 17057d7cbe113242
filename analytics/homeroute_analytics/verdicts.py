"""What a segment is, judged from its passes: dead, mixed, good, or not known yet. Pure.

A pass is one trip of one day over one segment of 250 m: two or three samples. It
*counts* when it was located by positions and at least half of its time was reported: a
pass that says little must not weigh as one that says much. It contributes the share of
its reported time that was usable, from 0 to 1, so that n passes make a number of usable
passes that need not be whole. Not a yes or no: with three samples a pass that was really
usable half the time comes out as either by chance, and of a segment half in a hollow the
verdict would be the coin's. A mean of shares is as right with few samples as with many,
and Wilson's interval, made for yes and no, is then rather too wide than too narrow.

Guarantees: n = 16 clean passes make a segment good and 15 do not (DESIGN section 7);
fewer than 5 passes, or of fewer than 3 days, say nothing. Does not: weigh a pass by its
clients; that is the worklist's ranking.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["insufficient", "dead", "mixed", "good"]

COUNTS_SHARE = 0.5
"""A pass counts when so much of its time was reported."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a verdict takes, as the district sets it (``[verdicts]``).

    ``bar``: the share of passes that should be usable. DESIGN section 7's by default.
    """

    fewest_passes: int = 5
    fewest_days: int = 3
    bar: float = 0.8


LIMITS = Limits()

Z95 = 1.959964
"""Two-sided 95% of the normal distribution."""


def wilson(successes: float, n: int, z: float = Z95) -> tuple[float, float]:
    """Wilson's score interval of a proportion; (0, 1) of nothing.

    ``successes`` may be a sum of shares.

    Wilson, "Probable inference, the law of succession, and statistical inference",
    Journal of the American Statistical Association 22 (1927).
    """
    if n == 0:
        return 0.0, 1.0
    p = successes / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def fewest_clean(limits: Limits = LIMITS) -> int:
    """So many wholly usable passes are the fewest of which a segment is called good."""
    # Wilson's lower end of n of n is n / (n + z^2); rounded, lest a bar met exactly be missed.
    clean = math.ceil(round(Z95**2 * limits.bar / (1 - limits.bar), 9))
    return max(clean, limits.fewest_passes)


def verdict(usable: float, passes: int, days: int, limits: Limits = LIMITS) -> Verdict:
    """The verdict of so many usable passes of all that count, on so many days."""
    if passes < limits.fewest_passes or days < limits.fewest_days:
        return "insufficient"
    low, high = wilson(usable, passes)
    if high < limits.bar:
        return "dead"
    return "good" if low >= limits.bar else "mixed"
