"""From a day's facts to its trips, segments and route hours. Pure.

Every driven second lies in exactly one segment, one trip and one local hour, as usable,
connected, no service or unreported.

Guarantees: for every row, the four states add up to the time driven, to the
millisecond; a trip nobody drove is there, unreported for as long as it was scheduled.
Does not: hide small numbers (what is written for evaluators is suppressed later).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from homeroute_analytics.aggregates import RouteHour, TripDay
from homeroute_analytics.rollup_clients import Clients, clients_of
from homeroute_analytics.rollup_drives import Day, Drive, Stretch
from homeroute_analytics.rollup_facts import Facts
from homeroute_analytics.rollup_meter import NOTHING, Meter
from homeroute_analytics.rollup_segments import segment_rows
from homeroute_analytics.rollup_tables import Row
from homeroute_analytics.segments import Road, Times

OBSERVED_SHARE = 0.8
"""A trip is observed from this share of its expected samples on (DESIGN section 7)."""


def iso_week(day: date) -> str:
    """The ISO week of a day, like ``2026-W47``."""
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"


@dataclass(slots=True)
class _Hour:
    ms: Times = field(default_factory=lambda: np.zeros(4, dtype=np.int64))
    unreported_ms: int = 0
    samples: int = 0
    trips: int = 0
    trips_scheduled: int = 0


@dataclass(slots=True)
class Rolled:
    """What became of a day: rows by aggregate."""

    segments: list[Row] = field(default_factory=list)
    trips: list[Row] = field(default_factory=list)
    hours: list[Row] = field(default_factory=list)


def roll(facts: Facts, found: Sequence[Drive], day: Day) -> Rolled:
    """Rows of these drives."""
    rolled = Rolled()
    hours: dict[tuple[str, str, int], _Hour] = defaultdict(_Hour)
    roads: dict[str, Road] = {}
    meters = {
        device: Meter.of(track, facts.clients.get(device)) for device, track in facts.spans.items()
    }
    for drive in found:
        rolled.trips.append(_trip(facts, meters, drive, day))
        _add_hours(hours, meters, drive, day)
        if drive.scheduled is not None and len(drive.scheduled.shape.along_m) > 1:
            shape = drive.scheduled.shape
            road = roads.setdefault(shape.shape, Road.of(shape))
            at_ms = day.inside(drive.start_ms)
            rolled.segments += segment_rows(facts, meters, road, drive, drive.scheduled, at_ms)
    rolled.hours = [
        _hour_row(route, period, hour, sums, day)
        for (route, period, hour), sums in sorted(hours.items())
    ]
    return rolled


def _trip(facts: Facts, meters: Mapping[str, Meter], drive: Drive, day: Day) -> Row:
    scheduled = drive.scheduled is not None
    driven_ms = sum(s.end_ms - s.start_ms for s in drive.stretches)
    scheduled_ms = drive.end_ms - drive.start_ms if scheduled else driven_ms
    sums = np.zeros(4)
    gap_ms = 0 if drive.stretches else scheduled_ms
    for stretch in drive.stretches:
        meter = meters.get(stretch.device, NOTHING)
        sums += meter.between(stretch.start_ms, stretch.end_ms)
        gap_ms = max(gap_ms, meter.longest_gap_ms(stretch.start_ms, stretch.end_ms))
    usable_ms, connected_ms, no_service_ms, outage_ms = sums.tolist()
    reported_ms = usable_ms + connected_ms + no_service_ms
    clients = clients_of(facts, drive.stretches) if drive.stretches else Clients()
    began = drive.stretches[0].start_ms - drive.start_ms if scheduled and reported_ms else None
    record = TripDay(
        route=drive.route,
        trip=drive.trip,
        period=drive.period,
        source=drive.source,
        scheduled_s=scheduled_ms / 1000,
        driven_s=driven_ms / 1000,
        reported_s=reported_ms / 1000,
        connected_s=(usable_ms + connected_ms) / 1000,
        usable_s=usable_ms / 1000,
        longest_gap_s=gap_ms / 1000,
        client_trips=clients.clients,
        active_client_min=clients.active_min,
        learning_client_min=clients.learning_min,
        learning_client_min_strict=clients.strict_min,
        learning_client_min_loose=clients.loose_min,
        lookups=clients.lookups,
        classified_lookups=clients.classified_lookups,
        filter_hits=clients.filter_hits,
        client_outage_min=outage_ms / 60_000,
        # An agent that died half-way must not pass for a short trip.
        observed=bool(reported_ms) and reported_ms >= OBSERVED_SHARE * max(driven_ms, scheduled_ms),
        late_s=None if began is None else min(max(began / 1000, -86_400.0), 86_400.0),
        definition=clients.definition,
    )
    return Row(day.inside(drive.start_ms), record, drive.device, "bus" if drive.device else "")


def _add_hours(
    hours: dict[tuple[str, str, int], _Hour],
    meters: Mapping[str, Meter],
    drive: Drive,
    day: Day,
) -> None:
    parts = drive.stretches or [Stretch("", drive.start_ms, drive.end_ms)]
    for hour in day.hours:
        begun = reported = False
        for part in parts:
            start_ms, end_ms = max(part.start_ms, hour.start_ms), min(part.end_ms, hour.end_ms)
            if start_ms >= end_ms:
                continue
            sums = hours[drive.route, drive.period, hour.start_ms]
            meter = meters.get(part.device, NOTHING)
            ms = meter.between(start_ms, end_ms)
            samples = meter.samples(start_ms, end_ms)
            sums.ms = sums.ms + ms.astype(np.int64)
            sums.unreported_ms += end_ms - start_ms - int(ms[:3].sum())
            sums.samples += samples
            begun, reported = True, reported or samples > 0
        if begun:
            sums = hours[drive.route, drive.period, hour.start_ms]
            sums.trips_scheduled += 1
            sums.trips += reported


def _hour_row(route: str, period: str, start_ms: int, sums: _Hour, day: Day) -> Row:
    hour = next(hour for hour in day.hours if hour.start_ms == start_ms)
    usable, connected, no_service, _ = (sums.ms / 1000).tolist()
    record = RouteHour(
        route=route,
        period=period,
        hod=f"{hour.hour:02d}",
        dow=str(day.day.isoweekday()),
        week=iso_week(day.day),
        usable_s=usable,
        connected_s=connected,
        no_service_s=no_service,
        unreported_s=sums.unreported_ms / 1000,
        samples=sums.samples,
        trips=sums.trips,
        trips_scheduled=sums.trips_scheduled,
    )
    return Row(day.inside(start_ms), record)
