"""The segments of one trip: where each second of it was spent. Pure.

A drive's places come from the positions of whoever drove it; where there are none,
from the timetable's calls, stretched over the time really driven, and its segments are
marked as not *located*.

Guarantees: a sample counts for the place where it was made; the seconds of a drive's
segments add up to the drive's. Does not: place a trip whose shape nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from homeroute_analytics.aggregates import SegmentDay
from homeroute_analytics.rollup_drives import Drive, Stretch
from homeroute_analytics.rollup_facts import AROUND_MS, Facts
from homeroute_analytics.rollup_meter import NOTHING, Meter
from homeroute_analytics.rollup_tables import Row
from homeroute_analytics.segments import Reals, Road, Times, passages
from homeroute_analytics.timetable import ScheduledTrip, segment_name

FEWEST_PLACES = 2


def segment_rows(
    facts: Facts,
    meters: Mapping[str, Meter],
    road: Road,
    drive: Drive,
    scheduled: ScheduledTrip,
    time_ms: int,
) -> Iterator[Row]:
    """One row for each segment in which the drive spent time."""
    if not drive.stretches:
        return
    length_m = scheduled.shape.length_m
    start_ms, end_ms = drive.stretches[0].start_ms, drive.stretches[-1].end_ms
    known_ms, known_m, located = _known(facts, road, drive.stretches, scheduled)
    passed = passages(length_m, start_ms, end_ms, known_ms, known_m, located=located)
    edges = _centred(passed.at_ms, meters, drive.stretches)
    sums: Times = np.zeros((len(edges) - 1, 4), dtype=np.int64)
    driven: Times = np.zeros(len(edges) - 1, dtype=np.int64)
    for stretch in drive.stretches:
        own = np.clip(edges, stretch.start_ms, stretch.end_ms)
        sums += np.diff(meters.get(stretch.device, NOTHING).until(own), axis=0)
        driven += np.diff(own)
    lat, lon = road.middles()
    for index in np.flatnonzero(driven).tolist():
        usable, connected, no_service, outage = sums[index].tolist()
        record = SegmentDay(
            route=drive.route,
            trip=drive.trip,
            period=drive.period,
            segment=segment_name(scheduled.shape.shape, index),
            usable_s=usable / 1000,
            connected_s=connected / 1000,
            no_service_s=no_service / 1000,
            unreported_s=(int(driven[index]) - usable - connected - no_service) / 1000,
            reported_passes=int(usable + connected + no_service > 0),
            client_outage_min=outage / 60_000,
            located=bool(passed.located[index]),
            lat=float(lat[index]),
            lon=float(lon[index]),
        )
        yield Row(time_ms, record)


def _centred(at_ms: Times, meters: Mapping[str, Meter], stretches: Sequence[Stretch]) -> Times:
    """The cuts, later by half of what a sample is worth.

    A sample's seconds are those after it, but what it says is true of the place where it
    was made, and as far back as ahead. Left as they are, dead zones would lie half a
    sample too far along every road: 50 m at 10 m/s.
    """
    lengths = [
        meter.end_ms[rows] - meter.time_ms[rows]
        for stretch in stretches
        if (meter := meters.get(stretch.device)) is not None
        for rows in (meter.rows(stretch.start_ms, stretch.end_ms),)
    ]
    worth = np.concatenate(lengths) if lengths else np.zeros(0, dtype=np.int64)
    if not len(worth):
        return at_ms
    later = at_ms + int(np.median(worth)) // 2
    later[0] = at_ms[0]
    return np.asarray(np.minimum(later, at_ms[-1]))


def _known(
    facts: Facts, road: Road, stretches: Sequence[Stretch], scheduled: ScheduledTrip
) -> tuple[Times, Reals, bool]:
    """The drive's known places, and whether they were seen."""
    parts = []
    for stretch in stretches:
        track = facts.positions.get(stretch.device)
        if track is None:
            continue
        rows = track.within(stretch.start_ms - AROUND_MS, stretch.end_ms + AROUND_MS)
        parts.append((track.time_ms[rows], *(column[rows] for column in track.columns)))
    if parts:
        times, lat, lon = (np.concatenate(each) for each in zip(*parts, strict=True))
        times, first = np.unique(times, return_index=True)
        known_ms, known_m = road.places(stretches[0].start_ms, times, lat[first], lon[first])
        inside = (known_ms >= stretches[0].start_ms) & (known_ms <= stretches[-1].end_ms)
        if int(inside.sum()) >= FEWEST_PLACES:
            return known_ms[inside], known_m[inside], True
    return *_scheduled(stretches, scheduled), False


def _scheduled(stretches: Sequence[Stretch], scheduled: ScheduledTrip) -> tuple[Times, Reals]:
    """The timetable's calls, stretched over the time really driven."""
    start_ms, end_ms = stretches[0].start_ms, stretches[-1].end_ms
    calls = scheduled.calls
    times = np.array([s for call in calls for s in (call.arrive_s, call.depart_s)], dtype=float)
    places = np.repeat(np.array([call.along_m for call in calls], dtype=float), 2)
    if len(times) < FEWEST_PLACES or times[-1] <= times[0]:
        times, places = np.array([0.0, 1.0]), np.array([0.0, scheduled.shape.length_m])
    share = (times - times[0]) / (times[-1] - times[0])
    at = start_ms + np.rint(share * (end_ms - start_ms)).astype(np.int64)
    return np.maximum.accumulate(at), np.maximum.accumulate(places)
