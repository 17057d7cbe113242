"""How often a bus's trip is recognised by GPS and time alone, on a feed given.

    python benchmarks/attribution.py FEED.zip [--day YYYY-MM-DD] [--trips N] [--seed N]
    python benchmarks/attribution.py [--buses N]    # how long a school district's day takes

Trips of a day are driven along their shapes, late, with stops; positions are told
every 10 to 30 s with correlated noise, some lost, some far astray; half the drives
begin with a wait at the first stop, half of those with a way there. Each drive is
asked alone, ten positions after 400 m, and knows nothing that comes later. Then the
whole day is attributed at once, every drive a bus of its own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from homeroute_analytics.attribution.answer import MOVED_M, Answer, answer
from homeroute_analytics.attribution.day_legs import attribute
from homeroute_analytics.attribution.fits import Day, clock
from homeroute_analytics.attribution.from_files import trips_of
from homeroute_analytics.attribution.track import (
    METRES_PER_DEGREE,
    Positions,
    Reals,
    positions,
    track,
)
from homeroute_analytics.feeds import gtfs
from homeroute_analytics.timetable import ScheduledTrip
from homeroute_simulators.world import world
from tests.analytics.driven import scheduled
from tests.analytics.driven import told as told_by


@dataclass(frozen=True)
class Noise:
    """How positions err. ``late`` is the shape of the delays."""

    name: str
    late: str = "skewed"
    interval_s: tuple[float, float] = (10.0, 10.0)
    sigma_m: tuple[float, float] = (5.0, 15.0)
    lost: float = 0.05


NOISES = (
    Noise("10 s"),
    Noise("10 s, early and late", late="even"),
    Noise("10 to 30 s", interval_s=(10.0, 30.0), lost=0.1),
)


def drive(trip: ScheduledTrip, rng: np.random.Generator, noise: Noise) -> tuple[Positions, int]:
    """What the receiver of a bus on that trip tells, and the first position 400 m on its way."""
    timetable = clock(trip)
    delay_s = (
        float(np.clip(rng.gamma(1.2, 100.0) - 45.0, -90.0, 1200.0))
        if noise.late == "skewed"
        else float(rng.normal(60.0, 150.0))
    )
    pace = float(np.clip(rng.normal(1.02, 0.08), 0.85, 1.3))
    due, along = timetable.due_s, timetable.along_m
    # Stands at some of its stops: what it waits, it drives faster between.
    stands = rng.uniform(5.0, 30.0, len(due)) * (rng.random(len(due)) < 0.5)
    reach_s = due[0] + delay_s + (due - due[0]) * pace
    leave_s = reach_s + stands
    knots_s = np.maximum.accumulate(np.column_stack((reach_s, leave_s)).ravel())
    knots_m = np.repeat(along, 2)
    wait_s = float(rng.uniform(30.0, 400.0)) if rng.random() < 0.5 else 0.0
    come_s = float(rng.uniform(60.0, 200.0)) if wait_s and rng.random() < 0.5 else 0.0
    begin_s = knots_s[0] - wait_s - come_s
    times = np.cumsum(rng.uniform(*noise.interval_s, 2000)) + begin_s - rng.uniform(0, 10)
    times = np.round(times[times < knots_s[-1]])
    times = times[rng.random(len(times)) > noise.lost]
    where = np.interp(times, knots_s, knots_m)
    shape = trip.shape
    lat = np.interp(where, shape.along_m, shape.lat)
    lon = np.interp(where, shape.along_m, shape.lon)
    east, north = _wander(times, rng, noise)
    heading = rng.uniform(0, 2 * np.pi)
    before = np.maximum(0.0, knots_s[0] - wait_s - times) * 9.0
    east, north = east + before * np.cos(heading), north + before * np.sin(heading)
    lat = lat + north / METRES_PER_DEGREE
    lon = lon + east / (METRES_PER_DEGREE * np.cos(np.radians(lat)))
    on_the_way = np.searchsorted(where, along[0] + MOVED_M)
    return positions(trip.trip, times, lat, lon), int(on_the_way)


def _wander(times: Reals, rng: np.random.Generator, noise: Noise) -> tuple[Reals, Reals]:
    """Drift that lasts a minute, noise that does not, now and then a leap."""
    sigma = rng.uniform(*noise.sigma_m)
    both: list[Reals] = []
    for _ in range(2):
        keep = np.exp(-np.diff(times, prepend=times[0] if len(times) else 0.0) / 60.0)
        drift, value = np.empty(len(times)), rng.normal(0, sigma)
        for n in range(len(times)):
            value = value * keep[n] + rng.normal(0, sigma * np.sqrt(max(0.0, 1 - keep[n] ** 2)))
            drift[n] = value
        leap = (rng.random(len(times)) < 0.01) * rng.normal(0, 60.0, len(times))
        both.append(drift + rng.normal(0, 3.0, len(times)) + leap)
    return both[0], both[1]


@dataclass
class Score:
    drives: int = 0
    short: int = 0
    assigned: int = 0
    route_right: int = 0
    trip_right: int = 0
    seconds: float = 0.0

    def row(self) -> dict[str, float]:
        asked = self.drives - self.short
        return {
            "drives": asked,
            "unassigned": round(1 - self.assigned / asked, 4),
            "route_direction": round(self.route_right / max(1, self.assigned), 4),
            "trip": round(self.trip_right / max(1, self.assigned), 4),
            "ms_a_drive": round(1000 * self.seconds / asked, 2),
        }


def alone(
    day: Day, driven: Sequence[tuple[ScheduledTrip, tuple[Positions, int]]], wrong: Counter[object]
) -> Score:
    score = Score()
    for trip, (told, since) in driven:
        score.drives += 1
        began = time.perf_counter()
        if since + 10 > len(told.time_s):
            score.short += 1
            continue
        found: Answer = answer(day, track(told.until(since + 10), day.roads.plane))
        score.seconds += time.perf_counter() - began
        if not found.assigned or found.fit is None:
            wrong["unassigned", trip.label, trip.direction, found.rule] += 1
            continue
        score.assigned += 1
        said = found.fit.trip
        right = (said.route, said.direction) == (trip.route, trip.direction)
        score.route_right += right
        score.trip_right += said.trip == trip.trip
        if not right:
            wrong["wrong", trip.label, trip.direction, (said.label, said.direction)] += 1
    return score


def together(
    trips: Sequence[ScheduledTrip], driven: Sequence[tuple[ScheduledTrip, tuple[Positions, int]]]
) -> dict[str, float]:
    """The same drives in hindsight, all at once: each trip is given to one of them."""
    began = time.perf_counter()
    found = attribute(trips, [told for _, (told, _) in driven])
    seconds = time.perf_counter() - began
    truth = {trip.trip: trip for trip, _ in driven}
    said = {leg.device: leg for leg in found.legs}
    right = sum(
        (leg.route, leg.direction) == (truth[device].label, truth[device].direction)
        for device, leg in said.items()
    )
    return {
        "drives": len(driven),
        "unassigned": round(1 - len(said) / len(driven), 4),
        "route_direction": round(right / len(said), 4),
        "trip": round(sum(leg.trip == device for device, leg in said.items()) / len(said), 4),
        "seconds": round(seconds, 2),
    }


def district(buses: int) -> None:
    """How long a whole day of a simulated district takes."""
    where = world(7, buses=buses)
    day = next(d for d in (date(2026, 9, n) for n in range(8, 20)) if where.trips(d))
    trips, told = scheduled(where, day), told_by(where, where.drives(day))
    times: list[float] = []
    legs = 0
    for _ in range(3):
        began = time.perf_counter()
        legs = len(attribute(trips, told).legs)
        times.append(time.perf_counter() - began)
    points = sum(len(each.time_s) for each in told)
    print(
        f"{buses} buses, {day}: {len(trips)} trips, {points} positions, {legs} legs "
        f"in {statistics.median(times):.2f} s (median of 3)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("feed", type=Path, nargs="?", help="none: only how long a day takes")
    parser.add_argument("--day", type=date.fromisoformat)
    parser.add_argument("--trips", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--wrong", action="store_true", help="say which routes were taken for which"
    )
    parser.add_argument("--buses", type=int, default=100, help="of the day that is timed")
    args = parser.parse_args()
    if args.feed is None:
        district(args.buses)
        return
    feed = gtfs.read(args.feed)
    busiest = {each for days in feed.services.values() for each in days}
    counts = dict.fromkeys(busiest, 0)
    for trip in feed.trips:
        for each in feed.services[trip.service]:
            counts[each] += 1
    chosen = args.day or max(sorted(counts), key=counts.__getitem__)
    trips = trips_of(feed, chosen)
    day = Day(trips)
    print(
        f"{args.feed.name}, {chosen}: {len(trips)} trips, {len(day.roads.shapes)} shapes, "
        f"{len({(t.route, t.direction) for t in trips})} routes and directions"
    )
    for noise in NOISES:
        rng = np.random.default_rng(args.seed)
        some = [trips[n] for n in rng.permutation(len(trips))[: args.trips]]
        driven = [(trip, drive(trip, rng, noise)) for trip in some]
        wrong: Counter[object] = Counter()
        print(
            json.dumps({"noise": noise.name, "asked": "alone", **alone(day, driven, wrong).row()})
        )
        print(json.dumps({"noise": noise.name, "asked": "hindsight", **together(trips, driven)}))
        if args.wrong:
            for what, count in wrong.most_common(25):
                print("   ", count, what)


if __name__ == "__main__":
    main()
