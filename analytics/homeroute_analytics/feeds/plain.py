"""The plain tables a district keeps by hand: fleet, assignments, calendar.

``fleet.csv``: device, vehicle, from, to. ``assignments.csv``: vehicle, trip, from, to,
weekdays. ``calendar.csv``: day, kind, to, periods, shift, note.

Guarantees: rows that contradict each other are refused with both lines; what overlaps
without contradiction (a later ``from``) is left to the rule that the newest wins. Does
not: know what is in the archive.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

from homeroute_analytics.feeds import mapping
from homeroute_analytics.feeds.csvfile import CsvFile
from homeroute_analytics.feeds.mapping import ColumnMapping
from homeroute_analytics.feeds.problems import Problems, quoted
from homeroute_wire.schema import ID_PATTERN

Columns = dict[str, list[Any]]

FOREVER = date.max

PERIODS = ("AM", "MID", "PM")
KINDS: Mapping[str, tuple[str, ...]] = {
    "no_school": PERIODS,
    "snow": PERIODS,
    "early_release": ("MID", "PM"),
    "late_start": ("AM",),
    "regular": (),
}
"""Kinds of days, and the periods each changes unless its row says others. ``regular`` takes
an exception back."""

SHIFT_BOUND_S = 8 * 3600
SPAN_BOUND = 366
"""Days of one row of the calendar."""

FLEET = {
    "device": ("device id", "gateway", "router"),
    "vehicle": ("bus", "bus number", "unit", "vehicle id"),
    "from": ("first day", "start date", "from date"),
    "to": ("last day", "end date", "to date"),
}
ASSIGNMENTS = {
    "vehicle": FLEET["vehicle"],
    "trip": ("trip id", "run", "run id"),
    "from": FLEET["from"],
    "to": FLEET["to"],
    "weekdays": ("days", "days of week"),
}
CALENDAR = {
    "day": ("date", "from"),
    "kind": ("type",),
    "to": ("until", "last day"),
    "periods": ("period",),
    "shift": (),
    "note": ("description", "reason"),
}


def fleet(file: CsvFile, told: ColumnMapping, from_day: date | None) -> Columns:
    """Rows of the table ``fleet``. Raises :class:`FeedError`."""
    problems = Problems()
    found: Columns = {name: [] for name in ("device", "vehicle", "first_day", "last_day")}
    seen: dict[tuple[str, str, date], int] = {}
    for line, row in mapping.rows(file, FLEET, ("device", "vehicle"), told):
        say = _sayer(problems, file, line)
        if not ID_PATTERN.fullmatch(row["device"]):
            say("device", f"{quoted(row['device'])} is no device id; want one like bus-07")
        if not row["vehicle"]:
            say("vehicle", "it is empty")
        span = _span(row, from_day, problems, file, line)
        if span is None:
            continue
        first, last = span
        for thing in ("device", "vehicle"):
            before = seen.setdefault((thing, row[thing], first), line)
            if before != line:
                other = "vehicle" if thing == "device" else "device"
                say(thing, f"{quoted(row[thing])} has two {other}s from {first}: line {before} too")
        _append(found, row["device"], row["vehicle"], first.isoformat(), _iso(last))
    problems.check()
    return found


def assignments(file: CsvFile, told: ColumnMapping, from_day: date | None) -> Columns:
    """Rows of the table ``assignments``. Raises :class:`FeedError`."""
    problems = Problems()
    names = ("vehicle", "trip", "first_day", "last_day", "weekdays")
    found: Columns = {name: [] for name in names}
    seen: dict[tuple[str, date], list[tuple[int, str, date, int]]] = {}
    for line, row in mapping.rows(file, ASSIGNMENTS, ("vehicle", "trip"), told):
        say = _sayer(problems, file, line)
        for name in ("vehicle", "trip"):
            if not row[name]:
                say(name, "it is empty")
        bits = weekdays(row["weekdays"])
        if bits is None:
            say("weekdays", f"{quoted(row['weekdays'])} is none; want Mo Tu We Th Fr, or Mo-Fr")
        span = _span(row, from_day, problems, file, line)
        if span is None or bits is None:
            continue
        first, last = span
        rivals = seen.setdefault((row["trip"], first), [])
        for other, vehicle, until, their_bits in rivals:
            # They begin on one day: the newest first day says nothing, unless one is a
            # substitute for that day alone.
            substitute = (last == first) != (until == first)
            if vehicle == row["vehicle"] or (bits & their_bits and not substitute):
                say("trip", f"{quoted(row['trip'])} is driven twice from {first}: line {other} too")
                break
        rivals.append((line, row["vehicle"], last, bits))
        _append(found, row["vehicle"], row["trip"], first.isoformat(), _iso(last), bits)
    problems.check()
    return found


def calendar(file: CsvFile, told: ColumnMapping) -> Columns:
    """Rows of the table ``calendar_days``. Raises :class:`FeedError`."""
    problems = Problems()
    found: Columns = {name: [] for name in ("day", "kind", "periods", "shift_s", "note")}
    seen: dict[date, int] = {}
    for line, row in mapping.rows(file, CALENDAR, ("day", "kind"), told):
        say = _sayer(problems, file, line)
        kind = row["kind"].lower().replace(" ", "_").replace("-", "_")
        if kind not in KINDS:
            say("kind", f"{quoted(row['kind'])} is none; want one of {', '.join(KINDS)}")
            continue
        periods = row["periods"].upper().replace(",", " ").split() or list(KINDS[kind])
        if not set(periods) <= set(PERIODS):
            say("periods", f"{quoted(row['periods'])}: want some of {', '.join(PERIODS)}")
        shift = shift_s(row["shift"]) if row["shift"] else 0
        if shift is None:
            say("shift", f"{quoted(row['shift'])} is none; want one like -3:00 or +2:00")
        elif (want := _shift_wanted(kind, shift)) is not None:
            say("shift", want)
        span = _span(
            {"from": row["day"], "to": row["to"] or row["day"]}, None, problems, file, line
        )
        if span is None:
            continue
        if (span[1] - span[0]).days >= SPAN_BOUND:
            say("to", f"over {SPAN_BOUND} days")
            continue
        for offset in range((span[1] - span[0]).days + 1):
            day = span[0] + timedelta(offset)
            before = seen.setdefault(day, line)
            if before != line:
                say("day", f"{day} stands twice: line {before} too")
            named = ",".join(p for p in PERIODS if p in periods)
            _append(found, day.isoformat(), kind, named, shift or 0, row["note"])
    problems.check()
    return found


def _shift_wanted(kind: str, shift: int) -> str | None:
    """What is wrong with a shift of that kind of day."""
    if kind == "early_release":
        return None if shift < 0 else "an early release needs one below 0, like -3:00"
    if kind == "late_start":
        return None if shift > 0 else "a late start needs one above 0, like +2:00"
    return None if shift == 0 else f"a day of kind {kind} has none"


def weekdays(text: str) -> int | None:
    """Bits of weekdays, Monday is 1; Monday to Friday where none are named; None of nonsense.

    ``Mo Tu Fr``, ``Mon-Fri``, ``MTWRF`` (R is Thursday, U Sunday) or ``1111100``.
    """
    if not text.strip():
        return 0b11111
    if len(text) == 7 and set(text) <= {"0", "1"}:
        return sum(1 << at for at, digit in enumerate(text) if digit == "1") or None
    words = text.upper().replace("-", " - ").replace(",", " ").replace("/", " ").split()
    letters = "MTWRFSU"
    if len(words) == 1 and set(words[0]) <= set(letters) and words[0] not in {"SU", "TU", "FS"}:
        return sum(1 << letters.index(letter) for letter in set(words[0]))
    starts = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
    bits, ranged, last = 0, False, -1
    for word in words:
        if word == "-":
            if last < 0:
                return None
            ranged = True
            continue
        if word[:2] not in starts:
            return None
        number = starts.index(word[:2])
        if ranged and number < last:
            return None
        bits |= sum(1 << at for at in range(last if ranged else number, number + 1))
        ranged, last = False, number
    return None if ranged or not bits else bits


def shift_s(text: str) -> int | None:
    """Seconds of a signed ``H:MM``; None of anything else."""
    sign, hours, minutes = text[:1], *text.lstrip("+-").partition(":")[::2]
    if not (hours.isascii() and hours.isdigit() and minutes.isascii() and minutes.isdigit()):
        return None
    seconds = int(hours) * 3600 + int(minutes) * 60
    if int(minutes) > 59 or seconds > SHIFT_BOUND_S:
        return None
    return -seconds if sign == "-" else seconds


def _span(
    row: Mapping[str, str], from_day: date | None, problems: Problems, file: CsvFile, line: int
) -> tuple[date, date] | None:
    """First and last day of a row; without a last day for ever."""
    first = from_day
    if row["from"]:
        first = problems.day(row["from"], file=file.name, line=line, column="from")
        if first is None:
            return None
    if first is None:
        problems.add(file.name, line, "from", "it is empty; say a day here, or --from for all")
        return None
    last: date | None = FOREVER
    if row["to"]:
        last = problems.day(row["to"], file=file.name, line=line, column="to")
    if last is not None and last < first:
        problems.add(file.name, line, "to", f"{last} is before {first}")
        return None
    return None if last is None else (first, last)


def _sayer(problems: Problems, file: CsvFile, line: int) -> Callable[[str, str], None]:
    return lambda column, what: problems.add(file.name, line, column, what)


def _append(found: Columns, *values: Any) -> None:
    for column, value in zip(found.values(), values, strict=True):
        column.append(value)


def _iso(day: date) -> str | None:
    return None if day is FOREVER else day.isoformat()
