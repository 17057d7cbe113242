"""Notices in words: a webhook's JSON, and a mail that a person reads on a phone.

Guarantees: many notices are one message, grouped by what is to be done; nothing of
a rider is in it, and no secret. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from itertools import groupby
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from homeroute_collector.alert_notices import Notice
from homeroute_collector.timezones import zone_words

LISTED = 40
"""Subjects a mail lists of one rule; of more it says how many."""

_ORDER = {"fired": 0, "test": 0, "resolved": 1}
_SEVERITY = {"critical": 0, "warning": 1}


@dataclass(frozen=True, slots=True)
class Place:
    """Whose messages these are. ``pages``: the pages' address for links, or empty.

    ``zone_assumed``: nobody named the zone, it is the machine's.
    """

    district: str
    zone: ZoneInfo
    pages: str = ""
    zone_assumed: bool = False

    def link(self, subject: str) -> str:
        """Where to look; empty where no address is configured."""
        if not self.pages:
            return ""
        base = self.pages.rstrip("/")
        return f"{base}/device/{quote(subject)}" if subject else f"{base}/"


def digest_id(notices: Sequence[Notice]) -> str:
    """The same for the same notices."""
    return hashlib.sha256("".join(notice.id for notice in notices).encode()).hexdigest()[:24]


def document(place: Place, notices: Sequence[Notice], sent_ms: int) -> dict[str, Any]:
    """A webhook's body. Times in ms since 1970; ``subject`` null is the district."""
    return {
        "version": 1,
        "id": digest_id(notices),
        "district": place.district,
        "sent_ms": sent_ms,
        "text": headline(place, notices),
        "notices": [
            {
                "id": notice.id,
                "event": notice.event,
                "rule": notice.rule,
                "title": notice.title,
                "severity": notice.severity,
                "subject": notice.subject or None,
                "since_ms": notice.since_ms,
                "at_ms": notice.at_ms,
                "detail": notice.detail,
                "todo": notice.todo,
                "link": place.link(notice.subject) or None,
            }
            for notice in notices
        ],
    }


def headline(place: Place, notices: Sequence[Notice]) -> str:
    """One line: what is worst, and how much more there is."""
    first = min(notices, key=_worst_first)
    group = [n for n in notices if (n.event, n.rule) == (first.event, first.rule)]
    over = "Over: " if first.event == "resolved" else ""
    if len(group) == 1:
        text = f"{over}{first.title}" + (f": {first.subject}" if first.subject else "")
    else:
        text = f"{over}{first.title}: {len(group)} devices"
    more = len(notices) - len(group)
    return f"[{place.district}] {text}" + (f", and {more} more" if more else "")


def mail(
    place: Place,
    notices: Sequence[Notice],
    *,
    sender: str,
    recipients: Sequence[str],
    now: datetime,
) -> EmailMessage:
    """A plain-text mail. The same notices give the same Message-ID."""
    message = EmailMessage()
    message["Subject"] = headline(place, notices)
    message["From"] = sender
    message["To"] = ", ".join(recipients)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{digest_id(notices)}@{place.district}.homeroute.invalid>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text(place, notices))
    return message


def text(place: Place, notices: Sequence[Notice]) -> str:
    """The mail's body: a paragraph for each rule, what to do once in each."""
    parts = []
    ordered = sorted(notices, key=_worst_first)
    for _, group in groupby(ordered, key=lambda n: (n.event, n.rule)):
        parts.append(_paragraph(place, list(group)))
    closing = f"Fleet now: {place.pages}\n" if place.pages else ""
    closing += f"Times are of {zone_words(place.zone.key, assumed=place.zone_assumed)}.\n"
    closing += "Sent by the Homeroute collector of district " + place.district + "."
    return "\n".join([*parts, closing, ""])


def _paragraph(place: Place, notices: Sequence[Notice]) -> str:
    first = notices[0]
    lines = [f"OVER: {first.title}" if first.event == "resolved" else first.title.upper()]
    lines += [_line(place, notice) for notice in notices[:LISTED]]
    if len(notices) > LISTED:
        lines.append(f"  ... and {len(notices) - LISTED} more")
    if first.event != "resolved":
        lines.append(f"What to do: {first.todo}")
    return "\n".join(lines) + "\n"


def _line(place: Place, notice: Notice) -> str:
    since = datetime.fromtimestamp(notice.since_ms / 1000, place.zone)
    at = datetime.fromtimestamp(notice.at_ms / 1000, place.zone)
    when = f"since {since:%a %d %b %H:%M}"
    if notice.event == "resolved":
        when += f", over {at:%a %d %b %H:%M}"
    told = ": ".join(filter(None, (notice.subject, notice.detail)))
    link = place.link(notice.subject)
    return "  " + " ".join(filter(None, (f"{told} ({when})".strip(), link)))


def _worst_first(notice: Notice) -> tuple[int, int, str, str]:
    return (_ORDER[notice.event], _SEVERITY[notice.severity], notice.rule, notice.subject)


def subjects(notices: Iterable[Notice]) -> str:
    """Who it is about, for a log: names of devices only."""
    names = [notice.subject or "district" for notice in notices]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
