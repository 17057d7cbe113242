"""Columns of the past: their times' steps, and their rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

SAMPLE_MS, MINUTE_MS = 10_000, 60_000

Ints = NDArray[np.int64]


def rows(*columns: NDArray[np.generic]) -> Iterator[tuple[Any, ...]]:
    """The columns' rows, as plain Python numbers."""
    return zip(*(column.tolist() for column in columns), strict=True)
