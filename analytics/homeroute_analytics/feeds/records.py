"""A feed as every reader leaves it, whatever file it came from.

Guarantees: trips name routes, services and shapes that are there; a trip has two
calls or more, their seconds and metres never falling; shapes have two points or more.
Does not: know a district's fleet, or which days a feed is in force.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from homeroute_analytics.legs import Period
from homeroute_analytics.timetable import Call, Shape


@dataclass(frozen=True, slots=True)
class Route:
    """A route. ``area``, ``locale`` and ``school`` are empty where a feed is silent."""

    route: str
    number: str
    title: str
    area: str = ""
    locale: str = ""
    school: str = ""

    @property
    def label(self) -> str:
        """As riders know it: ``12 Heron Creek``."""
        return " ".join(part for part in (self.number, self.title) if part) or self.route


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop; degrees WGS 84."""

    stop: str
    name: str
    lat: float
    lon: float


@dataclass(frozen=True, slots=True)
class Trip:
    """One scheduled drive. ``direction`` is the feed's own word, empty where it is silent.

    ``calls`` are in driving order; their seconds are after noon minus 12 h.
    """

    trip: str
    route: str
    service: str
    shape: str
    direction: str
    period: Period
    calls: tuple[Call, ...]

    @property
    def start_s(self) -> int:
        """The first departure."""
        return self.calls[0].depart_s

    @property
    def end_s(self) -> int:
        """The last arrival."""
        return self.calls[-1].arrive_s


@dataclass(frozen=True, slots=True)
class Feed:
    """One version of a timetable. ``services`` says on which days each runs.

    ``notes`` tell what was forgiven or left out, in plain words.
    """

    format: str
    name: str
    agency: str
    timezone: str
    routes: tuple[Route, ...]
    stops: tuple[Stop, ...]
    shapes: tuple[Shape, ...]
    trips: tuple[Trip, ...]
    services: Mapping[str, frozenset[date]]
    notes: tuple[str, ...] = ()

    @property
    def days(self) -> list[date]:
        """Every day any trip runs, in order."""
        return sorted(set().union(*self.services.values()))


def period_of(start_s: int) -> Period:
    """The part of the school day a trip begins in."""
    hour = start_s // 3600 % 24
    return "AM" if hour < 11 else "MID" if hour < 13 else "PM"
