"""Take-home hotspots: in use, unused for how long, or not reporting; staff only.

Guarantees: a day counts as unused only if somebody said so, the agent or a carrier's
export; a day of which nothing is known is *unreported* and counts for no ladder, so
that no household loses a hotspot because a file was not imported. Idle days are
those since the last use, and beside them stands how many of them were told.

A day is *used* when the agent saw an active hour, or the export at least
``used_bytes``. An export that holds any row of a day and carrier covers that day for
every hotspot it has named before: carriers leave out what is zero. What agents told of days
whose raw points have expired stands in ``device_day``: told where it has bytes, used where
no day was idle; so the ladder does not end where raw points do.

Does not: publish. A hotspot is a household, and its use is its own: only staff who
lend it see a row (DESIGN section 4). The ladder's days are a program's presets, not
law: the FCC's of 2024, reversed in 2025, is where the defaults come from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from homeroute_analytics.samples import Query, expired_before

Standing = Literal["terminate", "notice", "idle", "used", "not_reporting", "no_data", "retired"]
STANDINGS: tuple[Standing, ...] = get_args(Standing)

_AGENT = """
SELECT device, time_ms, carrier, active_hours FROM usage
WHERE kind = 'hotspot' AND time_ms < ? ORDER BY time_ms
"""

_KEPT = """
SELECT device, day, idle_days = 0 FROM device_day
WHERE kind = 'hotspot' AND day < ? AND day <= ? AND down_bytes IS NOT NULL
"""

# Agents date a day's usage at the midnight that begins it; one told twice counts once.
_DOWN = """
SELECT device, sum(down_bytes)::BIGINT FROM (
    SELECT device, time_ms, max(down_bytes) AS down_bytes FROM usage
    WHERE kind = 'hotspot' AND time_ms >= ? AND time_ms < ? GROUP BY device, time_ms)
GROUP BY device
"""

_DOWN_IMPORTED = "SELECT device, down_bytes FROM imported_usage WHERE day = ?"

_IMPORTED = """
WITH told AS (
    SELECT device, day, coalesce(carrier, '') AS carrier,
           coalesce(total_bytes, coalesce(down_bytes, 0) + coalesce(up_bytes, 0)) AS bytes
    FROM imported_usage WHERE day <= ?
), known AS (
    SELECT device, carrier, min(day) AS first_day FROM told GROUP BY device, carrier
), covered AS (
    SELECT DISTINCT carrier, day FROM told
)
SELECT known.device, covered.day, known.carrier, coalesce(sum(told.bytes), 0)::BIGINT
FROM known JOIN covered ON covered.carrier = known.carrier AND covered.day >= known.first_day
LEFT JOIN told ON told.device = known.device AND told.carrier = known.carrier
    AND told.day = covered.day
GROUP BY ALL
"""

_KNOWN = """
SELECT device, min(first_day), max(retired_day) FROM (
    SELECT device, to_timestamp(first_seen_ms / 1000)::TIMESTAMP::DATE AS first_day,
           NULL::DATE AS retired_day FROM devices WHERE kind = 'hotspot'
    UNION ALL SELECT device, min(day), NULL FROM imported_usage GROUP BY device
    UNION ALL SELECT device, NULL, retired_day FROM device_lives
) GROUP BY device HAVING min(first_day) IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Ladder:
    """A program's presets. Days; ``used_bytes``: a day below it, of an export, is unused.

    ``unused_days`` without use: notice; ``notice_days`` more: the line may end.
    ``silent_days`` without any word: not reporting.
    """

    unused_days: int = 60
    notice_days: int = 30
    silent_days: int = 7
    used_bytes: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of one hotspot's day, and from whom."""

    used: bool
    source: Literal["agent", "import"]
    carrier: str


@dataclass(frozen=True, slots=True)
class Hotspot:
    """One hotspot as of the end of ``as_of``; a row for staff.

    ``idle_days``: since the last use, or since the first word where none is known;
    None without any word. Of them ``unused_days`` were told as unused and
    ``unreported_days`` not told at all. ``reported_days`` of ``known_days``, since it
    is known at all, were told: the row's completeness. ``silent_days``: since the
    last word. ``due``: when the next step of the ladder falls due if it stays unused
    and every day is told; None where there is none.
    """

    device: str
    as_of: date
    standing: Standing
    carrier: str
    sources: tuple[str, ...]
    first_day: date
    last_used_day: date | None
    last_reported_day: date | None
    idle_days: int | None
    unused_days: int
    unreported_days: int
    silent_days: int
    reported_days: int
    known_days: int
    due: date | None

    @property
    def completeness(self) -> float | None:
        """Share of days of which anything is known."""
        return self.reported_days / self.known_days if self.known_days else None


async def hotspots(
    query: Query, as_of: date, timezone: str, ladder: Ladder | None = None
) -> list[Hotspot]:
    """Every known hotspot, what needs a decision first.

    ``as_of`` is the last whole day: usage of today is not told yet.
    """
    ladder = ladder or Ladder()
    zone = ZoneInfo(timezone)
    end_ms = int(datetime.combine(as_of + timedelta(1), time(), zone).timestamp())
    days: dict[str, dict[date, Told]] = {}

    def tell(device: str, day: date, told: Told) -> None:
        known = days.setdefault(device, {})
        # Two may tell of one day: used by either is used.
        if day not in known or (told.used and not known[day].used):
            known[day] = told

    for device, time_ms, carrier, active_hours in await query(_AGENT, [end_ms * 1000]):
        day = datetime.fromtimestamp(time_ms / 1000, UTC).astimezone(zone).date()
        tell(device, day, Told(active_hours > 0, "agent", carrier))
    gone = datetime.fromtimestamp(await expired_before(query) / 1000, zone).date()
    for device, day, used in await query(_KEPT, [gone, as_of]):
        tell(device, day, Told(used, "agent", ""))
    for device, day, carrier, used_bytes in await query(_IMPORTED, [as_of]):
        tell(device, day, Told(used_bytes >= ladder.used_bytes, "import", carrier))
    found = [
        judged(device, days.get(device, {}), first_day, retired_day, as_of, ladder)
        for device, first_day, retired_day in await query(_KNOWN, [])
        # Days from before it was first heard may be told all the same: a backlog, or a history.
        if min([first_day, *days.get(device, ())]) <= as_of
    ]
    return sorted(found, key=_decision_first)


async def begun(query: Query, rows: Sequence[Hotspot]) -> int:
    """How many are known but have no whole day yet, and so none of those ``rows``."""
    return len(await query(_KNOWN, [])) - len(rows)


async def down_bytes(query: Query, day: date, zone: ZoneInfo) -> dict[str, int]:
    """Bytes towards clients that day of each hotspot of which they were told; the agent first."""
    told: dict[str, int] = {
        device: down for device, down in await query(_DOWN_IMPORTED, [day]) if down is not None
    }
    begin, end = (
        int(datetime.combine(each, time(), zone).timestamp()) * 1000
        for each in (day, day + timedelta(1))
    )
    return told | dict(await query(_DOWN, [begin, end]))


def judged(
    device: str,
    days: Mapping[date, Told],
    first_day: date,
    retired_day: date | None,
    as_of: date,
    ladder: Ladder,
) -> Hotspot:
    """One hotspot's standing, from what was told of its days. Pure."""
    told = {day: one for day, one in days.items() if day <= as_of}
    first = min([first_day, *told])
    last_reported = max(told, default=None)
    last_used = max((day for day, one in told.items() if one.used), default=None)
    start = first - timedelta(1) if last_used is None else last_used
    idle = (as_of - start).days if told else None
    unused = sum(day > start for day in told)
    silent = (as_of - (last_reported or first - timedelta(1))).days
    retired = retired_day is not None and retired_day <= as_of
    standing = _standing(told, unused, silent, ladder) if not retired else "retired"
    return Hotspot(
        device=device,
        as_of=as_of,
        standing=standing,
        carrier=told[last_reported].carrier if last_reported else "",
        sources=tuple(sorted({one.source for one in told.values()})),
        first_day=first,
        last_used_day=last_used,
        last_reported_day=last_reported,
        idle_days=idle,
        unused_days=unused,
        unreported_days=0 if idle is None else idle - unused,
        silent_days=silent,
        reported_days=len(told),
        known_days=(as_of - first).days + 1,
        due=_due(standing, unused, as_of, ladder),
    )


def _standing(told: Mapping[date, Told], unused: int, silent: int, ladder: Ladder) -> Standing:
    if not told:
        return "no_data"
    if unused >= ladder.unused_days + ladder.notice_days:
        return "terminate"
    if unused >= ladder.unused_days:
        return "notice"
    if silent >= ladder.silent_days:
        return "not_reporting"
    return "idle" if unused else "used"


def _due(standing: Standing, unused: int, as_of: date, ladder: Ladder) -> date | None:
    if standing not in ("idle", "notice"):
        return None
    step = ladder.unused_days + (ladder.notice_days if standing == "notice" else 0)
    return as_of + timedelta(max(0, step - unused))


def _decision_first(row: Hotspot) -> tuple[int, int, str]:
    return STANDINGS.index(row.standing), -(row.idle_days or 0), row.device


def counted(rows: Iterable[Hotspot]) -> dict[Standing, int]:
    """How many stand where, every standing named."""
    found: dict[Standing, int] = dict.fromkeys(STANDINGS, 0)
    for row in rows:
        found[row.standing] += 1
    return found
