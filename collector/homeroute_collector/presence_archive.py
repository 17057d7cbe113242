"""Presence across a restart: read back from the archive's newest points.

Guarantees: what was believed when the last run ended is believed at the start of
this one, with its ``since``; every device the archive knows is known. Reads only
the last stretch of the archive, however long it is.
"""

from __future__ import annotations

from dataclasses import replace

from homeroute_collector.archive_records import Columns, Query
from homeroute_collector.presence import STATES, Device, State, reported
from homeroute_collector.presence_report import HISTORICAL_MS, READ, digest, read_fields

STATUS_WINDOW_MS = 86_400_000
"""How far before the newest status a device's last status is looked for."""

POINTS_WINDOW_MS = 600_000
"""How far before the newest commit live points are read again: several batches."""

_STATUS = """
WITH recent AS (
    SELECT device, time_ms, state, age_s FROM device_status
    WHERE time_ms >= (SELECT max(time_ms) FROM device_status) - ?
), last AS (
    SELECT device, arg_max(state, time_ms) AS state,
           max(time_ms - age_s * 1000)::BIGINT AS newest_ms FROM recent GROUP BY device
)
SELECT last.device, last.state, last.newest_ms,
       (SELECT min(time_ms) FROM recent WHERE recent.device = last.device
        AND time_ms > coalesce((SELECT max(time_ms) FROM recent AS other
            WHERE other.device = last.device AND other.state <> last.state), 0))
FROM last
"""


async def restored(query: Query) -> list[Device]:
    """Every known device as the last run left it."""
    rows = await query("SELECT device, kind, first_seen_ms FROM devices", [])
    devices = {name: Device(name, kind, state_since_ms=seen) for name, kind, seen in rows}
    for name, state, newest_ms, since_ms in await query(_STATUS, [STATUS_WINDOW_MS]):
        if name in devices and state in STATES:
            devices[name] = _as_believed(devices[name], state, newest_ms, since_ms)
    for name, received_ms, measurements in await _live(query):
        if name in devices:
            report = digest(devices[name].kind, received_ms, measurements)
            devices[name] = reported(devices[name], report)
    # Read again, batches overlap with what the status already said: that is no backfill.
    return [replace(device, late_ms=None) for device in devices.values()]


def _as_believed(device: Device, state: State, newest_ms: int | None, since_ms: int) -> Device:
    return replace(
        device,
        state=state,
        state_since_ms=since_ms,
        newest_ms=newest_ms,
        # When it was received is not in a status; its own time is near enough.
        heard_ms=newest_ms,
        quality="degraded" if state == "degraded" else "online",
    )


async def _live(query: Query) -> list[tuple[str, int, dict[str, Columns]]]:
    """The last live points of each batch, oldest batch first."""
    batches: dict[tuple[int, str], dict[str, Columns]] = {}
    for measurement in READ:
        fields = read_fields(measurement)
        names = ", ".join(f'"{field}"' for field in fields)
        rows = await query(
            # Names are the constants above.
            f"SELECT received_ms, device, time_ms, {names} FROM {measurement} "  # noqa: S608
            "WHERE received_ms >= (SELECT max(committed_ms) FROM commits) - ? "
            "AND received_ms - time_ms <= ? ORDER BY time_ms",
            [POINTS_WINDOW_MS, HISTORICAL_MS],
        )
        for received_ms, device, time_ms, *values in rows:
            columns = batches.setdefault((received_ms, device), {}).setdefault(
                measurement, Columns([], {field: [] for field in fields})
            )
            columns.times_ms.append(time_ms)
            for field, value in zip(fields, values, strict=True):
                columns.values[field].append(value)
    return [
        (name, received_ms, batches[received_ms, name]) for received_ms, name in sorted(batches)
    ]
