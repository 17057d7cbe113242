"""Which days and period a visitor or a report asks for, read strictly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAYS = 28
"""Asked for when no days are, by pages and reports alike: four weeks, today included.

Of a trip driven each school day they hold the 16 clean passes that *good* takes.
"""

DEFAULT_DAYS = f"the last {DAYS} days, today included"
"""The same in words."""

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


def read(query: Mapping[str, str], timezone: str, now_ms: int, *, simulated: bool = False) -> Asked:
    """From a request's query: ``from``, ``to`` (YYYY-MM-DD) and ``period``. Raises AskError.

    Without ``to`` the last day is today; without ``from`` there are :data:`DAYS`. Only the
    days of a ``simulated`` district may lie in the future: they are of any year.
    """
    today = today_of(timezone, now_ms)
    last, first = _day(query, "to"), _day(query, "from")
    for name, day in (("from", first), ("to", last)):
        if day is not None and not simulated:
            require_begun(name, day, today)
    if first is not None and last is None and first > today:
        raise AskError(f"from {first} is after today, {today}: say to, too")
    last = last or today
    first = first or last - timedelta(DAYS - 1)
    if first > last:
        raise AskError(f"from {first} is after to {last}: swap them")
    if (last - first).days >= DAYS_BOUND:
        raise AskError(f"from {first} to {last}: at most {DAYS_BOUND} days at once")
    period = query.get("period") or None
    if period is not None and period not in PERIODS:
        raise AskError(f"period {period[:20]!r}: want one of {', '.join(PERIODS)}, or none for all")
    return Asked(first, last, period)


def today_of(timezone: str, now_ms: int) -> date:
    """The district's day."""
    return datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(ZoneInfo(timezone)).date()


def require_begun(name: str, day: date, today: date) -> None:
    """Raise AskError for a day of which nothing can be known."""
    if day > today:
        raise AskError(f"{name} {day} is yet to come; the last day may be today, {today}")


def require_sane(name: str, day: date) -> None:
    """Raise AskError for a day beside which there may be no others to count from."""
    if not date(1980, 1, 1) <= day <= date(2200, 1, 1):
        raise AskError(f"{name} {day}: want a day between 1980 and 2200")


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
    require_sane(name, day)
    return day
