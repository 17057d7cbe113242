"""Which days and period a visitor or a report asks for, read strictly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAYS = 14
"""Shown when no dates are asked for: the last two weeks, today included."""

DAYS_BOUND = 400
PERIODS = ("AM", "MID", "PM")


class AskError(ValueError):
    """A question that makes no sense; the message names the parameter and what it wants."""


class Unknown(AskError):
    """What was asked for does not exist here."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Whole days, both inclusive, in the district's zone; ``period`` None for all."""

    first: date
    last: date
    period: str | None

    def window_ms(self, timezone: str, now_ms: int) -> tuple[int, int]:
        """Start and end (exclusive) in ms; the end is now at the latest.

        Scheduled time that has not come yet cannot have been reported.
        """
        zone = ZoneInfo(timezone)
        start, end = _midnight_ms(self.first, zone), _midnight_ms(self.last + timedelta(1), zone)
        return start, max(start, min(end, now_ms))


def read(
    query: Mapping[str, str], timezone: str, now_ms: int, *, days: int = DAYS, ago: int = 0
) -> Asked:
    """From a request's query: ``from``, ``to`` (YYYY-MM-DD) and ``period``. Raises AskError.

    Without ``from``: so many days, the last one included; without ``to`` that is today,
    or so many days ``ago``.
    """
    today = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(ZoneInfo(timezone)).date()
    last = _day(query, "to") or today - timedelta(ago)
    first = _day(query, "from") or last - timedelta(days - 1)
    if first > last:
        raise AskError(f"from {first} is after to {last}: swap them")
    if (last - first).days >= DAYS_BOUND:
        raise AskError(f"from {first} to {last}: at most {DAYS_BOUND} days at once")
    period = query.get("period") or None
    if period is not None and period not in PERIODS:
        raise AskError(f"period {period[:20]!r}: want one of {', '.join(PERIODS)}, or none for all")
    return Asked(first, last, period)


def _midnight_ms(day: date, zone: ZoneInfo) -> int:
    return round(datetime.combine(day, time(), zone).timestamp() * 1000)


def _day(query: Mapping[str, str], name: str) -> date | None:
    text = query.get(name)
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise AskError(f"{name} {text[:20]!r}: want a day as 2026-09-14") from None
    if not date(1980, 1, 1) <= day <= date(2200, 1, 1):
        raise AskError(f"{name} {day}: want a day between 1980 and 2200")
    return day
