"""Rows kept aside for replay: refused ones, and fields not yet known.

Packed as deflated JSON ``{"t": [...], "v": {"column": [...]}}`` with absolute
times. Guarantees: unpacking returns what was packed; unpacking is bounded.
"""

from __future__ import annotations

import json
import zlib
from typing import Any

UNPACK_BOUND = 16_777_216
"""Bytes the rows of one measurement may unpack to: four bodies' worth, since
absolute times are longer than differences."""


def pack(times_ms: list[int], values: dict[str, list[Any]]) -> bytes:
    """Pack rows. The values are JSON values, as decoded."""
    text = json.dumps({"t": times_ms, "v": values}, separators=(",", ":"))
    return zlib.compress(text.encode("ascii"), 1)


def unpack(payload: bytes) -> tuple[list[int], dict[str, list[Any]]]:
    """Unpack rows. Raises ValueError when they are not what :func:`pack` makes."""
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(payload, UNPACK_BOUND)
    except zlib.error as error:
        raise ValueError(f"kept rows do not inflate: {error}") from None
    if not inflater.eof:
        raise ValueError("kept rows are cut short or too long")
    document = json.loads(text)
    return document["t"], document["v"]
