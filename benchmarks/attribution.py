"""How often a bus's trip is recognised by GPS and time alone, on a feed given.

    python benchmarks/attribution.py FEED.zip [--day YYYY-MM-DD] [--trips N] [--seed N]
    python benchmarks/attribution.py [--buses N]    # how long a school district's day takes

Trips of a day are driven along their shapes, late, with stops; positions are told
every 10 to 30 s with correlated noise, some lost, some far astray; half the drives
begin with a wait at the first stop, half of those with a way there. Each drive is
asked ten positions after 400 m, and knows nothing that comes later: "fleet" with what
all the others told by then, "a third" where two of three buses tell nothing, "alone"
where all others do not. Beside it stands what nobody can better who is alone: the same
question to one who knows exactly how late the buses are (benchmarks/attribution_bound.py).
Then the whole day is attributed at once, every drive a bus of its own. Shares printed
are of drives for "unassigned", and of those assigned for the rest; "curve" has them for
each share that is asked for.
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
from benchmarks.attribution_bound import Bound, delay

from homeroute_analytics.attribution.answer import Known, answer
from homeroute_analytics.attribution.claims import SURE
from homeroute_analytics.attribution.day_legs import attribute
from homeroute_analytics.attribution.drives import MOVED_M
from homeroute_analytics.attribution.fits import Day, clock
from homeroute_analytics.attribution.from_files import trips_of
from homeroute_analytics.attribution.match import claims_at
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

PINGS = 10
"""Positions after 400 m at which a drive is asked."""


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


@dataclass(frozen=True)
class Driven:
    """A bus's drive. ``since``: the first position 400 m on its way; ``where``: metres
    along the trip's shape at each position; ``stood``: it waited at its first stop."""

    trip: ScheduledTrip
    told: Positions
    since: int
    delay_s: float
    stood: bool
    where: Reals


def drive(trip: ScheduledTrip, rng: np.random.Generator, noise: Noise) -> Driven:
    """A bus on that trip, and what its receiver tells."""
    timetable = clock(trip)
    delay_s = delay(rng, noise.late)
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
    told = positions(trip.trip, times, lat, lon)
    return Driven(trip, told, int(on_the_way), delay_s, wait_s > 0, where)


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


@dataclass(frozen=True)
class Asked:
    """One drive's answer: how sure of what it was, and whether that is so."""

    confidence: float
    route_right: bool
    trip_right: bool


SHARES = (0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.9)


def asked(
    day: Day,
    driven: Sequence[Driven],
    *,
    others: Sequence[Driven],
    first_ping: bool = False,
    wrong: Counter[object] | None = None,
) -> list[Asked]:
    """Each drive asked ten positions after 400 m on its way, when those others told theirs.

    ``first_ping``: 400 m of any movement, the way to the first stop included.
    """
    plane = day.roads.plane
    told = {each.told.device: Known(day, track(each.told, plane)) for each in others}
    counts: dict[str, int] = {}
    for each in driven:
        since: int | None = each.since
        if first_ping:
            since = track(each.told, plane).moving_since(MOVED_M)
        if since is not None and since + PINGS <= len(each.told.time_s):
            counts[each.told.device] = since + PINGS
    drives = [each for each in driven if each.told.device in counts]
    knowns = list(told.values())
    times = [
        (float(each.told.time_s[counts[each.told.device] - 1]), n, 0)
        for n, each in enumerate(drives)
    ]
    found: list[Asked] = []
    for n, _, claims in claims_at(knowns, times):
        each = drives[n]
        itself = Known(day, track(each.told.until(counts[each.told.device]), plane))
        said = answer(itself, None, claims)
        trip, best = each.trip, said.fit.trip if said.fit is not None else None
        right = best is not None and (best.route, best.direction) == (trip.route, trip.direction)
        same = best is not None and best.trip == trip.trip
        found.append(Asked(said.confidence, right, same))
        if wrong is None:
            continue
        if not said.assigned:
            wrong["unassigned", trip.label, trip.direction, said.rule] += 1
        elif not right and best is not None:
            wrong["wrong", trip.label, trip.direction, (best.label, best.direction)] += 1
    return found


def row(found: Sequence[Asked], sure: float) -> dict[str, float]:
    """The shares when nothing less sure is said."""
    said = [each for each in found if each.confidence >= sure]
    return {
        "drives": len(found),
        "unassigned": round(1 - len(said) / len(found), 4),
        "route_direction": round(sum(each.route_right for each in said) / max(1, len(said)), 4),
        "trip": round(sum(each.trip_right for each in said) / max(1, len(said)), 4),
    }


def together(trips: Sequence[ScheduledTrip], driven: Sequence[Driven]) -> dict[str, float]:
    """The same drives in hindsight, all at once: each trip is given to one of them."""
    began, began_cpu = time.perf_counter(), time.process_time()
    found = attribute(trips, [each.told for each in driven])
    seconds, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    truth = {each.trip.trip: each.trip for each in driven}
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
        "cpu_s": round(cpu, 2),
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
    parser.add_argument("--curve", action="store_true", help="say it for other shares too")
    parser.add_argument(
        "--first-ping", action="store_true", help="ask also after 400 m of any movement"
    )
    parser.add_argument(
        "--no-hindsight", dest="hindsight", action="store_false", help="not the day at once"
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
        driven = [drive(trip, rng, noise) for trip in some]
        wrong: Counter[object] = Counter()
        found = asked(day, driven, others=driven, wrong=wrong)
        _tell(noise, "fleet", row(found, SURE))
        third = driven[: len(driven) // 3]
        _tell(noise, "a third", row(asked(day, third, others=third), SURE))
        _tell(noise, "alone", row(asked(day, driven, others=()), SURE))
        bound = Bound(day, noise.late)
        nobody_betters = bound.asked(
            (each.trip, each.delay_s, each.where[each.since + PINGS - 1], each.stood)
            for each in driven
            if each.since + PINGS <= len(each.told.time_s)
        )
        _tell(noise, "bound", nobody_betters)
        if args.curve:
            for sure in SHARES:
                _tell(noise, f"fleet, share {sure}", row(found, sure))
        if args.first_ping:
            any_way = asked(day, driven, others=driven, first_ping=True)
            _tell(noise, "fleet, 400 m of any movement", row(any_way, SURE))
        if args.hindsight:
            _tell(noise, "hindsight", together(trips, driven))
        if args.wrong:
            for what, count in wrong.most_common(25):
                print("   ", count, what)


def _tell(noise: Noise, asked: str, values: dict[str, float]) -> None:
    print(json.dumps({"noise": noise.name, "asked": asked, **values}), flush=True)


if __name__ == "__main__":
    main()
