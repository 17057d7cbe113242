"""What stands above every evaluator's dashboard, and how its numbers are made."""

from __future__ import annotations

from homeroute_dashboards.grafana.panels import Board
from homeroute_dashboards.grafana.words import said

BANNER = """\
## Internal: not for publication
These numbers have no intervals yet. Cells in which no single trip had enough distinct clients are \
not here at all, and a second cell is hidden where a total would give the first away: **a missing \
row is not a zero.**
"""

METHODS = """\
**Learning-site active minutes**, never "homework completed". A clock minute counts for a client \
with at least two lookups of learning-site names, or 50 KB moved to them; update, advertising and \
background names are left out. *Strict* asks four lookups or 200 KB, *loose* one lookup: the truth \
lies between them. **Never pool definitions**: a longer list is not more homework; choose one.

**Client-trips** are distinct clients of each trip, added up: a phone and a tablet are two, and \
the same phone tomorrow is another. Never students.

**What biases it.** Down: answers that devices keep, encrypted lookups, names a cloud filter \
hides, dead zones. Up: background sync, shared devices. *Classified share* says how many lookups \
are on any list at all: where it is low, learning is not measurable there.

**AM and PM are never pooled.** Reported share: reported seconds of scheduled ones, of the same \
trips.
"""


def banner() -> Board:
    """Before everything else."""
    return said("Read this first", "Why none of this may leave the house yet.", BANNER, height=5)


def methods() -> Board:
    """After everything else."""
    return said("Methods", "How these numbers are made, and what biases them.", METHODS, height=10)
