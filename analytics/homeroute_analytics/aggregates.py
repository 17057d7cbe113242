"""Every aggregate, once: the single source of names, units and who may see it.

As the wire declares measurements, this declares what the rollups write: archive
tables, line protocol, reports and dashboards take their columns from here.

Two audiences, in two databases. *staff*: `telemetry`, for directors and engineers.
*published*: `reporting`, for evaluators, and only what has been suppressed
(DESIGN section 4): a hidden cell is not there at all.

Guarantees: every share can be formed from sums that stand here beside their
denominator; seconds are of the bus's uplink, minutes of clients. A day's rows lie
within its local day, so that a day can be deleted and written anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from homeroute_wire.schema import (
    Measurement,
    MeasurementSpec,
    Origin,
    flag,
    integer,
    real,
    spec_of,
    tag,
)

Audience = Literal["staff", "published"]

ALL = "all"
"""The tag value of a margin: the sum over all routes or categories."""

PUBLISHED_ONCE = "1 week, once it has settled"

HOURS = tuple(f"{hour:02d}" for hour in range(24))
DAYS = ("1", "2", "3", "4", "5", "6", "7")
PERIODS = ("AM", "MID", "PM")


@dataclass(frozen=True, slots=True)
class Aggregate(Measurement):
    """What a rollup wrote: the base of every aggregate.

    Tags of all are the wire's: district, and device and kind where a row is one
    device's (:class:`TripDay`, :class:`DeviceDay`); else both are left out.
    """

    CADENCE: ClassVar[str] = "1 day; today's every minute"
    ORIGIN: ClassVar[Origin] = "server"
    AUDIENCE: ClassVar[Audience] = "staff"


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentDay(Aggregate):
    """One pass of a trip over one segment of 250 m; time: the trip's scheduled start."""

    NAME: ClassVar[str] = "segment_day"
    route: str = tag("route label, as riders know it")
    trip: str = tag("trip of the timetable")
    period: str = tag("part of the school day", choices=PERIODS)
    segment: str = tag("shape, its version, and the segment's number")
    usable_s: float = real("uplink usable", "s", minimum=0.0, maximum=1e6)
    connected_s: float = real("connected, not usable", "s", minimum=0.0, maximum=1e6)
    no_service_s: float = real("no service", "s", minimum=0.0, maximum=1e6)
    unreported_s: float = real("driven, and no sample stands for it", "s", minimum=0.0, maximum=1e6)
    reported_passes: int | None = integer(
        "1 where a sample stands for some of it, else 0: their sum is n",
        "passes",
        maximum=1,
        optional=True,
    )
    client_outage_min: float = real(
        "clients present x minutes not usable", "min", minimum=0.0, maximum=1e6
    )
    located: bool = flag("placed by positions, not by the timetable or across a long gap")
    lat: float = real("middle of the segment, WGS 84", "deg", minimum=-90.0, maximum=90.0)
    lon: float = real("middle of the segment, WGS 84", "deg", minimum=-180.0, maximum=180.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TripDay(Aggregate):
    """One scheduled trip of one day, driven or not; time: its scheduled start."""

    NAME: ClassVar[str] = "trip_day"
    route: str = tag("route label, as riders know it")
    trip: str = tag("trip of the timetable")
    period: str = tag("part of the school day", choices=PERIODS)
    source: str = tag("why we believe so", choices=("assignment", "gps", "none"))
    scheduled_s: float = real("by the timetable", "s", minimum=0.0, maximum=1e6)
    driven_s: float = real("actual trip, start to end; 0: nobody", "s", minimum=0.0, maximum=1e6)
    reported_s: float = real("some sample stands for it", "s", minimum=0.0, maximum=1e6)
    connected_s: float = real("connected or usable", "s", minimum=0.0, maximum=1e6)
    usable_s: float = real("usable", "s", minimum=0.0, maximum=1e6)
    longest_gap_s: float = real(
        "longest outage, unreported or without service", "s", minimum=0.0, maximum=1e6
    )
    client_trips: int = integer("distinct clients", "clients", maximum=10_000)
    active_client_min: int = integer("active client-minutes", "min")
    learning_client_min: int = integer("learning-active client-minutes", "min")
    learning_client_min_strict: int = integer("the same, strictly", "min")
    learning_client_min_loose: int = integer("the same, loosely", "min")
    lookups: int = integer("name lookups", "lookups")
    classified_lookups: int = integer("lookups whose name is on some list", "lookups")
    filter_hits: int = integer("filter blocks, adverts and telemetry left out", "hits")
    client_outage_min: float = real(
        "clients present x minutes not usable", "min", minimum=0.0, maximum=1e6
    )
    observed: bool = flag("80% or more of the expected samples are there")
    late_s: float | None = real(
        "actual start - scheduled start", "s", minimum=-86_400.0, maximum=86_400.0, optional=True
    )
    definition: str = tag("hash of the learning lists and thresholds, or none")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceDay(Aggregate):
    """One device's service day; time: local noon."""

    NAME: ClassVar[str] = "device_day"
    scheduled_s: float = real("its trips, driven or to be driven", "s", minimum=0.0, maximum=1e6)
    reported_s: float = real("on them, some sample stands for it", "s", minimum=0.0, maximum=1e6)
    usable_s: float = real("on them, usable", "s", minimum=0.0, maximum=1e6)
    moving_s: float = real("moving", "s", minimum=0.0, maximum=1e6)
    unassigned_s: float = real("moving on no leg", "s", minimum=0.0, maximum=1e6)
    points: int = integer("points stored", "points")
    batches: int = integer("batches received", "batches")
    batches_missing: int = integer("batches missing after backfill", "batches")
    backfill_delay_s: float | None = real(
        "receive - event, p95", "s", minimum=0.0, maximum=1e9, optional=True
    )
    down_bytes: int | None = integer("towards clients; hotspots", "bytes", optional=True)
    idle_days: int | None = integer("since the last use; hotspots", "d", optional=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteHour(Aggregate):
    """Uplink seconds of one route in one local hour of one day; time: the hour's start.

    Says nothing of clients, so nothing needs hiding.
    """

    NAME: ClassVar[str] = "route_hour"
    AUDIENCE: ClassVar[Audience] = "published"
    route: str = tag("route label, as riders know it")
    period: str = tag("part of the school day", choices=PERIODS)
    hod: str = tag("local hour of day", choices=HOURS)
    dow: str = tag("ISO day of week, Monday 1", choices=DAYS)
    week: str = tag("ISO week, like 2026-W47")
    usable_s: float = real("usable", "s", minimum=0.0, maximum=1e7)
    connected_s: float = real("connected, not usable", "s", minimum=0.0, maximum=1e7)
    no_service_s: float = real("no service", "s", minimum=0.0, maximum=1e7)
    unreported_s: float = real(
        "driven or scheduled, and no sample stands for it", "s", minimum=0.0, maximum=1e7
    )
    samples: int = integer("uplink samples", "samples")
    trips: int = integer("trips with a sample", "trips")
    trips_scheduled: int = integer("trips scheduled", "trips")


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningWeek(Aggregate):
    """Learning of one route and period in one ISO week; time: its Monday, local midnight.

    Of trips observed on which activity was measured. Suppressed by DESIGN section 4;
    ``route`` "all" is the margin over routes, hidden ones included. What was scheduled
    is the route's and period's, and stands again beside each definition.
    """

    NAME: ClassVar[str] = "learning_week"
    CADENCE: ClassVar[str] = PUBLISHED_ONCE
    AUDIENCE: ClassVar[Audience] = "published"
    route: str = tag('route label, or "all"')
    period: str = tag("part of the school day", choices=PERIODS)
    week: str = tag("ISO week, like 2026-W47")
    definition: str = tag("hash of the learning lists and thresholds; never pooled")
    trips: int = integer("trips observed", "trips")
    trips_scheduled: int = integer("trips scheduled", "trips")
    client_trips: int = integer("distinct clients a trip, summed", "client-trips")
    active_client_min: int = integer("active client-minutes", "min")
    learning_client_min: int = integer("learning-active client-minutes", "min")
    learning_client_min_strict: int = integer("the same, strictly", "min")
    learning_client_min_loose: int = integer("the same, loosely", "min")
    lookups: int = integer("name lookups", "lookups")
    classified_lookups: int = integer("lookups whose name is on some list", "lookups")
    reported_s: float = real("some sample stands for it", "s", minimum=0.0, maximum=1e9)
    scheduled_s: float = real("by the timetable", "s", minimum=0.0, maximum=1e9)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterWeek(Aggregate):
    """Filter blocks of one route, period and category in one ISO week, suppressed likewise.

    Of the same trips. A row that is missing was hidden, or had no block.
    """

    NAME: ClassVar[str] = "filter_week"
    CADENCE: ClassVar[str] = PUBLISHED_ONCE
    AUDIENCE: ClassVar[Audience] = "published"
    route: str = tag('route label, or "all"')
    period: str = tag("part of the school day", choices=PERIODS)
    week: str = tag("ISO week, like 2026-W47")
    category: str = tag('category, or "all"')
    hits: int = integer("blocks, one per client, name and 10 s", "hits")
    active_client_min: int = integer("active client-minutes of the same trips", "min")


RECORDS: tuple[type[Aggregate], ...] = (
    SegmentDay,
    TripDay,
    DeviceDay,
    RouteHour,
    LearningWeek,
    FilterWeek,
)

AGGREGATES: dict[str, MeasurementSpec] = {r.NAME: spec_of(r) for r in RECORDS}
"""Every aggregate by name."""


def audience(name: str) -> Audience:
    """Who may see the aggregate of that name; KeyError for none."""
    return {r.NAME: r.AUDIENCE for r in RECORDS}[name]
