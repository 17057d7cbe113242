"""The calendar of a GTFS zip, expanded: which days each service runs. Pure.

Guarantees: calendar.txt, calendar_dates.txt or both, as GTFS has it; bounded in days.
Does not: know holidays the feed does not tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from homeroute_analytics.feeds.csvfile import CsvFile
from homeroute_analytics.feeds.gtfs_trips import TripRow
from homeroute_analytics.feeds.problems import Problems, quoted

DAYS_BOUND = 3_660
"""A service that claims to run for longer than ten years is a mistake."""

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def services_of(
    files: Mapping[str, CsvFile], trips: Iterable[TripRow], problems: Problems
) -> dict[str, frozenset[date]]:
    """The days of every service a trip names."""
    asked: dict[str, TripRow] = {}
    for trip in trips:
        asked.setdefault(trip.service, trip)
    days: dict[str, set[date]] = {service: set() for service in asked}
    told: set[str] = set()
    if "calendar.txt" in files:
        told |= _weekly(files["calendar.txt"], days, problems)
    if "calendar_dates.txt" in files:
        told |= _exceptions(files["calendar_dates.txt"], days, problems)
    for service, trip in asked.items():
        if service not in told:
            what = f"{quoted(service)} is in neither calendar.txt nor calendar_dates.txt"
            problems.add("trips.txt", trip.line, "service_id", what)
    return {service: frozenset(theirs) for service, theirs in days.items()}


def _weekly(file: CsvFile, days: dict[str, set[date]], problems: Problems) -> set[str]:
    told: set[str] = set()
    columns = ["service_id", *WEEKDAYS, "start_date", "end_date"]
    for line, (service, *flags, start, end) in file.rows(columns):
        if service not in days:
            continue
        told.add(service)
        first = problems.day(start, file=file.name, line=line, column="start_date")
        last = problems.day(end, file=file.name, line=line, column="end_date")
        for name, text in zip(WEEKDAYS, flags, strict=True):
            if text not in {"0", "1", ""}:
                problems.add(file.name, line, name, f"{quoted(text)} is neither 0 nor 1")
        if first is None or last is None:
            continue
        if last < first or (last - first).days > DAYS_BOUND:
            what = f"{last} is before {first}, or over {DAYS_BOUND} days after it"
            problems.add(file.name, line, "end_date", what)
            continue
        for offset in range((last - first).days + 1):
            day = first + timedelta(days=offset)
            if flags[day.weekday()] == "1":
                days[service].add(day)
    return told


def _exceptions(file: CsvFile, days: dict[str, set[date]], problems: Problems) -> set[str]:
    told: set[str] = set()
    for line, (service, text, kind) in file.rows(["service_id", "date", "exception_type"]):
        if service not in days:
            continue
        told.add(service)
        day = problems.day(text, file=file.name, line=line, column="date")
        if kind not in {"1", "2"}:
            what = f"{quoted(kind)} is neither 1 (runs) nor 2 (does not)"
            problems.add(file.name, line, "exception_type", what)
        elif day is not None:
            days[service].add(day) if kind == "1" else days[service].discard(day)
    return told
