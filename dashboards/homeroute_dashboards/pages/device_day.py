"""The last day of one device, in steps of ten minutes: state, uplink, signal, backlog.

Guarantees: the worst of each step is kept, so that a short outage survives the
drawing; a step without data is None, never zero. Does not: ask more than one
device's rows, each table once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from homeroute_analytics.samples import Query
from homeroute_wire import signal

STEP_MS = 600_000
STEPS = 144

WORST_FIRST = ("offline", "degraded", "unknown", "online", "unscheduled", "parked", "retired")
"""The state that a step shows is the first of these that it holds."""

_WINDOW = "device = $1 AND time_ms >= $2 AND time_ms < $3"
_STATES = (
    f"SELECT time_ms // $4 AS step, min(list_position($5::VARCHAR[], state)) "  # noqa: S608
    f"FROM device_status WHERE {_WINDOW} GROUP BY step"
)
_UPLINK = (
    f"SELECT time_ms // $4 AS step, quantile_disc(state, 0.25), median(rsrp_dbm), "  # noqa: S608
    f"median(sinr_db), median(rtt_ms) FROM uplink WHERE {_WINDOW} GROUP BY step"
)
_AGENT = (
    f"SELECT time_ms // $4 AS step, max(spooled) "  # noqa: S608
    f"FROM agent WHERE {_WINDOW} GROUP BY step"
)
_HEALTH = (
    f"SELECT time_ms // $4 AS step, bool_or(undervoltage), max(temperature_c) "  # noqa: S608
    f"FROM health WHERE {_WINDOW} GROUP BY step"
)


# A row's worth ends with the next: the last has none yet.
_WORTH = (
    "SELECT state, sum(least(next_ms - time_ms, $4)) / 1000 FROM (SELECT state, time_ms, "
    "lead(time_ms) OVER (ORDER BY time_ms) AS next_ms FROM ({rows})) "
    "WHERE next_ms IS NOT NULL GROUP BY state"
)
_STATE_S = _WORTH.format(
    rows=f"SELECT state, time_ms FROM device_status WHERE {_WINDOW}"  # noqa: S608
)
_UPLINK_S = _WORTH.format(
    rows=f"SELECT max(state) AS state, time_ms FROM uplink WHERE {_WINDOW} GROUP BY time_ms"  # noqa: S608
)

STATE_WORTH_MS = 60_000
"""A state holds until the next row, told every 30 s, but no longer than this."""
UPLINK_WORTH_MS = 15_000
"""A sample is worth the time until the next one, at most this (docs/coverage.md)."""


@dataclass(frozen=True, slots=True)
class DeviceDay:
    """:data:`STEPS` values a series, the first of the step that begins at ``start_ms``.

    ``uplink`` is the level that three quarters of a step's samples reach (0 to 2);
    ``state_s`` and ``uplink_s`` are seconds of the day in each, whatever a step shows;
    ``bars`` 0 to 4 of the step's medians; ``spooled`` the most that waited.
    """

    start_ms: int
    step_ms: int
    state: list[str | None]
    state_s: dict[str, float]
    uplink: list[int | None]
    uplink_s: dict[int, float]
    bars: list[int | None]
    rsrp_dbm: list[float | None]
    sinr_db: list[float | None]
    rtt_ms: list[float | None]
    spooled: list[int | None]
    undervoltage: list[bool | None]
    temperature_c: list[float | None]


async def device_day(
    query: Query, device: str, now_ms: int, by: signal.Bars = signal.BARS
) -> DeviceDay:
    """The day that ends now."""
    first = now_ms // STEP_MS - STEPS + 1
    window = [device, first * STEP_MS, (first + STEPS) * STEP_MS, STEP_MS]

    async def series(sql: str, columns: int, *more: Any) -> list[list[Any]]:
        found: list[list[Any]] = [[None] * STEPS for _ in range(columns)]
        for step, *values in await query(sql, [*window, *more]):
            for column, value in zip(found, values, strict=True):
                column[step - first] = value
        return found

    async def seconds(sql: str, worth_ms: int) -> dict[Any, float]:
        return {name: round(s, 1) for name, s in await query(sql, [*window[:3], worth_ms])}

    [states] = await series(_STATES, 1, list(WORST_FIRST))
    uplink, rsrp, sinr, rtt = await series(_UPLINK, 4)
    [spooled] = await series(_AGENT, 1)
    undervoltage, temperature = await series(_HEALTH, 2)
    return DeviceDay(
        start_ms=first * STEP_MS,
        step_ms=STEP_MS,
        state=[None if rank is None else WORST_FIRST[rank - 1] for rank in states],
        state_s=await seconds(_STATE_S, STATE_WORTH_MS),
        uplink=uplink,
        uplink_s=await seconds(_UPLINK_S, UPLINK_WORTH_MS),
        bars=[signal.bars(*pair, by) for pair in zip(rsrp, sinr, strict=True)],
        rsrp_dbm=rsrp,
        sinr_db=sinr,
        rtt_ms=rtt,
        spooled=spooled,
        undervoltage=undervoltage,
        temperature_c=temperature,
    )
