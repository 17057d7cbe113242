"""Trips from a feed and positions from a CSV file, with no archive between.

Guarantees: a row that cannot be read is refused with its line and column, all of them
at once; rows keep the text of their time. Does not: need an archive, or a fleet.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from homeroute_analytics.feeds.csvfile import CsvFile
from homeroute_analytics.feeds.problems import FeedError, Problem, Problems, quoted
from homeroute_analytics.feeds.records import Feed
from homeroute_analytics.legs import instant_ms
from homeroute_analytics.timetable import ScheduledTrip

COLUMNS = {
    "device": ("device", "device_id", "vehicle", "vehicle_id", "bus"),
    "time": ("time", "timestamp", "time_s", "time_ms", "datetime"),
    "lat": ("lat", "latitude"),
    "lon": ("lon", "lng", "long", "longitude"),
}
"""What each column may be called."""

MILLISECONDS_FROM = 1e11
"""A number of seconds this large would be in the year 5138: it is milliseconds."""


@dataclass(frozen=True, slots=True)
class Ping:
    """A row: the device, its time as it was written and in seconds since 1970, degrees."""

    device: str
    written: str
    time_s: float
    lat: float
    lon: float


def pings(path: Path, timezone: str) -> list[Ping]:
    """The rows of a file in their order. Times without a zone are in ``timezone``.

    Times are seconds or milliseconds since 1970, or ISO 8601. Raises
    :class:`FeedError`, OSError.
    """
    file = CsvFile.at(path)
    header = [name.lower() for name in file.header()]
    chosen = [
        next((name for name in names if name in header), names[0]) for names in COLUMNS.values()
    ]
    zone, problems, found = ZoneInfo(timezone), Problems(), []
    for line, (device, written, lat_text, lon_text) in file.rows(chosen):
        time_s = _instant_s(written, zone)
        if time_s is None:
            what = f"{quoted(written)} is no time; want ISO 8601, or seconds since 1970"
            problems.add(file.name, line, chosen[1], what)
        lat = problems.real(lat_text, -90, 90, file=file.name, line=line, column=chosen[2])
        lon = problems.real(lon_text, -180, 180, file=file.name, line=line, column=chosen[3])
        if time_s is not None and lat is not None and lon is not None:
            found.append(Ping(device, written, time_s, lat, lon))
    problems.check()
    if not found:
        raise FeedError([Problem(file.name, 0, "", "no position in it")])
    return found


def by_device(found: Iterable[Ping]) -> dict[str, list[Ping]]:
    """Each device's positions in the order of time."""
    devices: dict[str, list[Ping]] = defaultdict(list)
    for ping in found:
        devices[ping.device].append(ping)
    return {name: sorted(rows, key=lambda ping: ping.time_s) for name, rows in devices.items()}


def trips_of(feed: Feed, day: date, *, as_of: date | None = None) -> list[ScheduledTrip]:
    """The trips of a service day; ``as_of``: by another day's services. Nobody is assigned."""
    zone = ZoneInfo(feed.timezone or "UTC")
    shapes = {shape.shape: shape for shape in feed.shapes}
    labels = {route.route: route.label for route in feed.routes}
    running = {service for service, days in feed.services.items() if (as_of or day) in days}
    return [
        ScheduledTrip(
            feed=1,
            trip=trip.trip,
            route=trip.route,
            label=labels[trip.route],
            period=trip.period,
            direction=trip.direction,
            service_day=day,
            start_ms=instant_ms(day, trip.start_s, zone),
            end_ms=instant_ms(day, trip.end_s, zone),
            shape=shapes[trip.shape],
            calls=trip.calls,
        )
        for trip in feed.trips
        if trip.service in running
    ]


def _instant_s(text: str, zone: ZoneInfo) -> float | None:
    try:
        number = float(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text.removesuffix(" UTC"))
        except ValueError:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC if text.endswith(" UTC") else zone)
        return moment.timestamp()
    if not math.isfinite(number) or number <= 0:
        return None
    return number / 1000 if number >= MILLISECONDS_FROM else number
