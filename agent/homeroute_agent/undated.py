"""Samples that wait for a date: how they are written into the spool and read back.

Guarantees: encode then decode returns the same samples; a sample of a
measurement or field this agent does not know is left out, its neighbours stay.
The form is the agent's own business: it never leaves the device, and lasts no
longer than a boot.
"""

from __future__ import annotations

import dataclasses
import json
import zlib
from collections.abc import Iterable

from homeroute_agent.sample import Sample
from homeroute_wire.measurements import FROM_DEVICES


def encode(samples: Iterable[Sample]) -> bytes:
    """Deflated JSON, one list a sample: boot time, start, measurement, fields."""
    rows = [
        [s.boot_ms, s.started_boot_ms, s.record.NAME, dataclasses.asdict(s.record)] for s in samples
    ]
    return zlib.compress(json.dumps(rows, separators=(",", ":"), allow_nan=False).encode())


def decode(body: bytes) -> list[Sample]:
    """The samples that can be understood; none when the body itself cannot."""
    try:
        rows = json.loads(zlib.decompress(body))
        return [sample for row in rows if (sample := _sample(*row)) is not None]
    except (ValueError, TypeError, zlib.error):
        return []


def _sample(
    boot_ms: int, started_boot_ms: int | None, name: str, fields: dict[str, object]
) -> Sample | None:
    spec = FROM_DEVICES.get(name)
    try:
        return Sample(boot_ms, spec.record(**fields), started_boot_ms) if spec else None
    except TypeError:
        return None
