"""Compares coverage by route and segment, and dead zones, with what really happened.

The truth of a pass is made second by second: where the world says the bus was, in the
state the truth says its uplink had, whether that could be reported or not. A segment is
*truly dead* when the verdict of DESIGN section 7, given every pass that was really
driven at that resolution, is dead; it is looked for only where Homeroute had the minimum
of passes. A planted hollow is *found* when a dead segment of a trip through it lies on it.

Guarantees: nothing of a trip's time is left out: what was lost counts as unreported.
But where a cloned card told of two drives under one name at one time, nobody can say
where it was: both drives are left out on both sides, and counted. Does not: score single
segments to the point: two or three samples a pass cannot be exact, and their spread is
told instead.
"""

from __future__ import annotations

import asyncio
from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
from numpy.typing import NDArray

from homeroute_analytics.dead_zones import Zone, zones
from homeroute_analytics.directors import Segment, Span, segments
from homeroute_analytics.samples import Query
from homeroute_analytics.segments import cuts
from homeroute_analytics.verdicts import Verdict, verdict
from homeroute_simulators.drive import on_trip
from homeroute_simulators.founding import DEAD_DB
from homeroute_simulators.planned_drive import PlannedDrive
from homeroute_simulators.score import MEMORY_LIMIT
from homeroute_simulators.truth import Drive, Lost, Uplink, read
from homeroute_simulators.world import World

POINT = 0.01
"""How far a route's shares may be off."""

LEAST = 0.95
"""Of precision and recall."""

Place = tuple[str, int]
"""A trip, and the number of a segment along it."""

Longs = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RouteError:
    """A route's shares: true, and as reported."""

    route: str
    usable_truth: float
    reported_truth: float
    usable: float
    reported: float


_TRIPS = """
SELECT day, trip, route, usable_s, reported_s,
       CASE WHEN driven_s > 0 THEN driven_s ELSE scheduled_s END
FROM trip_day
"""


@dataclass(frozen=True, slots=True)
class CoverageScore:
    """How right coverage is. Errors are shares (0.01 is a point).

    ``segment_spread`` is the root mean square error of the segments' usable share.
    Segments are those with the minimum of passes.
    """

    routes: tuple[RouteError, ...]
    segments: int
    segment_spread: float
    dead_truth: int
    dead_found: int
    dead_both: int
    left_out: int
    hollows: int
    hollows_found: int
    zones: int
    zones_right: int

    @property
    def usable_error(self) -> float:
        """The worst route's."""
        return max((abs(r.usable - r.usable_truth) for r in self.routes), default=0.0)

    @property
    def reported_error(self) -> float:
        """The worst route's."""
        return max((abs(r.reported - r.reported_truth) for r in self.routes), default=0.0)

    @property
    def precision(self) -> float:
        """Of segments said to be dead, those that are."""
        return self.dead_both / self.dead_found if self.dead_found else 1.0

    @property
    def recall(self) -> float:
        """Of segments that are dead, those said to be."""
        return self.dead_both / self.dead_truth if self.dead_truth else 1.0

    @property
    def zone_precision(self) -> float:
        """Of zones found, those with a segment that is truly dead."""
        return self.zones_right / self.zones if self.zones else 1.0

    @property
    def zone_recall(self) -> float:
        """Of hollows planted, those found."""
        return self.hollows_found / self.hollows if self.hollows else 1.0

    @property
    def within(self) -> bool:
        """Whether all of it is as right as it must be."""
        return (
            max(self.usable_error, self.reported_error) <= POINT
            and min(self.precision, self.zone_precision, self.zone_recall) >= LEAST
        )

    def document(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            **asdict(self),
            "usable_error": self.usable_error,
            "reported_error": self.reported_error,
            "precision": self.precision,
            "recall": self.recall,
            "zone_precision": self.zone_precision,
            "zone_recall": self.zone_recall,
            "within": self.within,
        }


@dataclass(slots=True)
class _Passes:
    """What is true of a segment: seconds, passes, and the sum of their usable shares."""

    usable_s: float = 0.0
    all_s: float = 0.0
    passes: int = 0
    usable: float = 0.0

    @property
    def verdict(self) -> Verdict:
        """As of one pass a day."""
        return verdict(self.usable, self.passes, self.passes)


@dataclass(slots=True)
class _Route:
    usable_s: float = 0.0
    told_s: float = 0.0
    all_s: float = 0.0

    @property
    def shares(self) -> tuple[float, float]:
        """Usable of what was told, and told of all."""
        return self.usable_s / max(self.told_s, 1.0), self.told_s / max(self.all_s, 1.0)


async def score_coverage(query: Query, truth: Path, world: World) -> CoverageScore:
    """Score what was rolled up of all the days of a truth, of that world.

    Raises :class:`~homeroute_simulators.truth.TruthError`, OSError.
    """
    true_routes, true_passes, twice, days = _truth(truth, world)
    told: dict[str, _Route] = defaultdict(_Route)
    for day, trip, route, usable_s, reported_s, expected_s in await query(_TRIPS, []):
        # What was rolled up of other days is another run's.
        if day in days and (day, trip) not in twice:
            told[route].usable_s += usable_s
            told[route].told_s += reported_s
            told[route].all_s += expected_s
    routes = tuple(
        RouteError(name, *truly_.shares, *told[name].shares)
        for name, truly_ in sorted(true_routes.items())
    )
    judged = await segments(query, Span(min(days), max(days))) if days else []
    known = {_place(s): s for s in judged if s.verdict != "insufficient"}
    dead = {place for place, s in known.items() if s.verdict == "dead"}
    truly = {place for place in known if true_passes[place].verdict == "dead"}
    off = [
        (s.usable_share or 0.0) - true_passes[place].usable_s / true_passes[place].all_s
        for place, s in known.items()
        if true_passes[place].all_s
    ]
    found = zones(judged)
    hollows, hollows_found = _hollows(world, known.values(), found)
    return CoverageScore(
        routes=routes,
        segments=len(known),
        segment_spread=float(np.sqrt(np.mean(np.square(off)))) if off else 0.0,
        dead_truth=len(truly),
        dead_found=len(dead),
        dead_both=len(dead & truly),
        left_out=len(twice),
        hollows=hollows,
        hollows_found=hollows_found,
        zones=len(found),
        zones_right=_right(found, judged, truly),
    )


def score_file(archive: Path, truth: Path, world: World) -> CoverageScore | None:
    """Score an archive file that nobody has open; None when nothing was rolled up in it."""
    config: dict[str, Any] = {"memory_limit": MEMORY_LIMIT, "threads": 2}
    with duckdb.connect(str(archive), read_only=True, config=config) as database:

        async def query(sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
            return database.execute(sql, list(params)).fetchall()

        try:
            if not database.execute("SELECT 1 FROM trip_day LIMIT 1").fetchall():
                return None
        except duckdb.CatalogException:
            return None
        return asyncio.run(score_coverage(query, truth, world))


def _place(segment: Segment) -> Place:
    return segment.trip, int(segment.segment.rpartition(":")[2])


def _truth(
    path: Path, world: World
) -> tuple[dict[str, _Route], dict[Place, _Passes], set[tuple[date, str]], set[date]]:
    # Numbers side by side: of a year there are two million runs.
    runs: dict[str, array[int]] = defaultdict(lambda: array("q"))
    lost: dict[str, list[tuple[int, int]]] = defaultdict(list)
    driven: list[Drive] = []
    for record in read(path, (Uplink, Lost, Drive)):
        if isinstance(record, Uplink):
            runs[record.device].extend((record.start_ms, record.end_ms, record.state))
        elif isinstance(record, Lost) and record.of in {"", "uplink"}:
            lost[record.device].append((record.start_ms, record.end_ms))
        elif isinstance(record, Drive):
            driven.append(record)
    states = {device: _ordered(flat) for device, flat in runs.items()}
    zone = ZoneInfo(world.district.timezone)
    days: dict[date, dict[str, PlannedDrive]] = {}
    routes: dict[str, _Route] = defaultdict(_Route)
    passes: dict[Place, _Passes] = defaultdict(_Passes)
    twice: set[tuple[date, str]] = set()
    latest: dict[str, tuple[int, date, str]] = {}
    known = []
    for drive in sorted(driven, key=lambda drive: drive.start_ms):
        day = datetime.fromtimestamp(drive.start_ms / 1000, zone).date()
        end_ms, other_day, other = latest.get(drive.device, (0, day, ""))
        if drive.start_ms < end_ms:
            twice |= {(day, drive.trip), (other_day, other)}
        latest[drive.device] = max((end_ms, other_day, other), (drive.end_ms, day, drive.trip))
        if day not in days:
            days[day] = {planned.trip.name: planned for planned in world.drives(day)}
        planned = days[day].get(drive.trip)
        if planned is not None and not planned.excursion:
            known.append((day, drive, planned))
    for day, drive, planned in known:
        if (day, drive.trip) not in twice:
            _add(routes[drive.route], passes, drive, planned, states.get(drive.device), lost)
    return routes, passes, twice, set(days)


def _ordered(flat: array[int]) -> Longs:
    """Rows of start, end and state, by start."""
    rows = np.frombuffer(flat, dtype=np.int64).reshape(-1, 3)
    return rows[np.lexsort((rows[:, 2], rows[:, 1], rows[:, 0]))]


def _add(
    route: _Route,
    passes: Mapping[Place, _Passes],
    drive: Drive,
    planned: PlannedDrive,
    states: Longs | None,
    lost: Mapping[str, list[tuple[int, int]]],
) -> None:
    """Add one drive, second by second, each judged in its middle."""
    seconds = np.arange(drive.start_ms + 500, drive.end_ms, 1000, dtype=np.int64)
    told = np.ones(len(seconds), dtype=np.bool_)
    for start_ms, end_ms in lost.get(drive.device, ()):
        if start_ms < drive.end_ms and end_ms > drive.start_ms:
            told &= (seconds < start_ms) | (seconds >= end_ms)
    usable = np.zeros(len(seconds), dtype=np.bool_)
    if states is not None:
        at = np.maximum(np.searchsorted(states[:, 0], seconds, side="right") - 1, 0)
        usable = (states[at, 2] == 2) & (seconds >= states[at, 0]) & (seconds < states[at, 1])
    # By definition: of a trip of which nothing is known, the time it was scheduled for.
    route.all_s += len(seconds) if told.any() else on_trip(planned.trip, pace=1.0).duration_s
    route.told_s += int(told.sum())
    route.usable_s += int((usable & told).sum())
    length_m = planned.drive.route.shape.length_m
    along = planned.drive.along_m((seconds - planned.depart_ms) / 1000)
    if not planned.trip.inbound:
        along = length_m - along
    edges = cuts(length_m)
    number = np.clip(np.searchsorted(edges, along, side="right") - 1, 0, len(edges) - 2)
    everything = np.bincount(number, minlength=len(edges) - 1)
    good = np.bincount(number[usable], minlength=len(edges) - 1)
    for index in np.flatnonzero(everything).tolist():
        place = passes[drive.trip, index]
        place.usable_s += int(good[index])
        place.all_s += int(everything[index])
        place.passes += 1
        place.usable += good[index] / everything[index]


def _hollows(world: World, known: Iterable[Segment], found: Iterable[Zone]) -> tuple[int, int]:
    """Planted hollows that trips with enough passes cross, and those that were found."""
    crossed = [world.district.projection.metres(s.lat, s.lon) for s in known]
    found_at = [
        (*world.district.projection.metres(zone.lat, zone.lon), zone.radius_m) for zone in found
    ]
    planted = hit = 0
    for zone in world.district.zones:
        if zone.loss_db < DEAD_DB:
            continue
        east, north = zone.centre.east_m, zone.centre.north_m
        if not any(np.hypot(e - east, n - north) <= zone.radius_m for e, n in crossed):
            continue
        planted += 1
        hit += any(np.hypot(e - east, n - north) <= r + zone.radius_m for e, n, r in found_at)
    return planted, hit


def _right(found: Iterable[Zone], judged: Iterable[Segment], truly: set[Place]) -> int:
    """Zones of which some segment is truly dead."""
    names = {s.segment for s in judged if _place(s) in truly}
    return sum(bool(names.intersection(zone.segments)) for zone in found)
