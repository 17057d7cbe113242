"""One row for each device and day: what it told, what is missing, what it was used for.

Guarantees: every known device has a row on every day, so that silence is visible; what
a carrier or an MDM exported of a hotspot stands where its own agent said nothing. Does
not: say of a household more than its totals of a day.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from homeroute_analytics.aggregates import DeviceDay, TripDay
from homeroute_analytics.hotspots import Ladder, down_bytes, hotspots
from homeroute_analytics.legs import Leg
from homeroute_analytics.rollup_facts import extents
from homeroute_analytics.rollup_tables import Row
from homeroute_analytics.samples import MOVING_LEVEL, Query, spans
from homeroute_wire.measurements import FROM_DEVICES

NOON_MS = 43_200_000
"""After a local midnight: noon, or an hour beside it on the two days clocks change."""

# A second counts once: where legs overlap, they are taken together. The day's own legs are
# given; the day before may run on into it.
_MOVING = f"""
WITH {spans("position", MOVING_LEVEL)},
believed AS (
    SELECT device, start_ms, end_ms FROM legs WHERE service_day <> $4
    UNION ALL SELECT unnest($5::VARCHAR[]), unnest($6::BIGINT[]), unnest($7::BIGINT[])
),
ordered AS (
    SELECT device, start_ms, end_ms, max(end_ms) OVER (
        PARTITION BY device ORDER BY start_ms, end_ms
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before_ms
    FROM believed WHERE end_ms > $2 AND start_ms < $3
),
apart AS (
    SELECT device, greatest(start_ms, coalesce(before_ms, start_ms)) AS start_ms, end_ms
    FROM ordered WHERE end_ms > coalesce(before_ms, start_ms)
),
moving AS (
    SELECT device, greatest(time_ms, $2) AS time_ms, least(end_ms, $3) AS end_ms
    FROM spans WHERE level = 2 AND end_ms > $2 AND time_ms < $3
),
assigned AS (
    SELECT m.device, sum(least(m.end_ms, a.end_ms) - greatest(m.time_ms, a.start_ms)) AS ms
    FROM moving AS m JOIN apart AS a
      ON a.device = m.device AND m.time_ms < a.end_ms AND m.end_ms > a.start_ms
    GROUP BY m.device
)
SELECT m.device, sum(m.end_ms - m.time_ms)::BIGINT, coalesce(any_value(a.ms), 0)::BIGINT
FROM moving AS m LEFT JOIN assigned AS a USING (device) GROUP BY m.device
"""  # noqa: S608 - names of ours

_POINTS = "SELECT device, sum(points)::BIGINT FROM ({every}) GROUP BY device".format(  # noqa: S608 - names of ours
    every=" UNION ALL ".join(
        f'SELECT device, count(*) AS points FROM "{name}" '  # noqa: S608 - names of ours
        "WHERE time_ms >= $1 AND time_ms < $2 GROUP BY device"
        for name in FROM_DEVICES
    )
)

# What is missing before a batch belongs to the day in which that batch was sent.
_BATCHES = """
WITH runs AS (
    SELECT device, stream, seq, sent_ms,
           seq - lag(seq, 1, 0) OVER (PARTITION BY device, stream ORDER BY seq) - 1 AS missing
    FROM batches SEMI JOIN (
        SELECT DISTINCT stream FROM batches WHERE sent_ms >= $1 AND sent_ms < $2
    ) USING (stream)
)
SELECT device, count(*), coalesce(sum(greatest(missing, 0)), 0)::BIGINT
FROM runs WHERE sent_ms >= $1 AND sent_ms < $2 GROUP BY device
"""

_DELAY = """
SELECT device, quantile_cont((received_ms - time_ms) / 1000, 0.95)
FROM uplink WHERE time_ms >= $1 AND time_ms < $2 GROUP BY device
"""

_DEVICES = "SELECT device, kind FROM devices WHERE first_seen_ms < $1 ORDER BY device"


@dataclass(slots=True)
class _Trips:
    scheduled_s: float = 0.0
    reported_s: float = 0.0
    usable_s: float = 0.0


async def device_rows(
    query: Query,
    day: date,
    start_ms: int,
    end_ms: int,
    zone: ZoneInfo,
    legs: Sequence[Leg],
    trips: Iterable[Row],
    ladder: Ladder | None = None,
) -> list[Row]:
    """The rows of a service day between two local midnights, beside its legs' and trips' rows."""
    span = [start_ms, end_ms]
    kinds: dict[str, str] = dict(await query(_DEVICES, [end_ms]))
    moving = {
        device: (all_ms, all_ms - on_leg_ms)
        for device, all_ms, on_leg_ms in await query(
            _MOVING, ["bus", *span, day.isoformat(), *extents(legs)]
        )
    }
    points: dict[str, int] = dict(await query(_POINTS, span))
    batches = {device: counts for device, *counts in await query(_BATCHES, span)}
    delay: dict[str, float] = dict(await query(_DELAY, span))
    bytes_of = await down_bytes(query, day, zone)
    idle = {row.device: row.idle_days for row in await hotspots(query, day, zone.key, ladder)}
    driven = _by_device(trips)
    # A carrier's export knows hotspots that never ran an agent.
    kinds = dict.fromkeys(idle, "hotspot") | kinds
    rows = []
    for device in sorted({*kinds, *driven}):
        kind = kinds.get(device, "bus")
        own, (moving_ms, unassigned_ms) = driven[device], moving.get(device, (0, 0))
        received, missing = batches.get(device, (0, 0))
        late_s = delay.get(device)
        record = DeviceDay(
            scheduled_s=own.scheduled_s,
            reported_s=own.reported_s,
            usable_s=own.usable_s,
            moving_s=moving_ms / 1000,
            unassigned_s=unassigned_ms / 1000,
            points=points.get(device, 0),
            batches=received,
            batches_missing=missing,
            backfill_delay_s=None if late_s is None else max(0.0, late_s),
            down_bytes=bytes_of.get(device) if kind == "hotspot" else None,
            idle_days=idle.get(device) if kind == "hotspot" else None,
        )
        rows.append(Row(start_ms + NOON_MS, record, device, kind))
    return rows


def _by_device(trips: Iterable[Row]) -> dict[str, _Trips]:
    driven: dict[str, _Trips] = defaultdict(_Trips)
    for row in trips:
        trip = row.record
        assert isinstance(trip, TripDay)
        if row.device:
            own = driven[row.device]
            own.scheduled_s += trip.driven_s or trip.scheduled_s
            own.reported_s += trip.reported_s
            own.usable_s += trip.usable_s
    return driven
