"""The archive's tables of the timetable, declared once: columns, types, keys.

A feed is one version of a district's routes, shapes, stops and trips. The feed in
force on a day is the one with the newest ``first_day`` not after it, of two with the
same the one imported last; past its ``last_day`` none is: a superseded feed never
comes back. Nothing of a feed is ever changed. The other tables are effective-dated,
and a row is replaced only by one with the same key; :data:`IMPORTS` remembers who
brought what.

Guarantees: what is declared here is what :mod:`homeroute_analytics.imports` writes and
:mod:`homeroute_analytics.timetable` reads. Shapes and stops say where children wait:
they stay in the archive, are never sent to devices, and stand on no public page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Table:
    """One table: columns with their SQL types, in order, and its primary key."""

    name: str
    columns: dict[str, str]
    key: tuple[str, ...]

    @property
    def ddl(self) -> str:
        """The statement that makes it where it is missing."""
        columns = ", ".join(f"{name} {sql_type}" for name, sql_type in self.columns.items())
        key = ", ".join(self.key)
        return f"CREATE TABLE IF NOT EXISTS {self.name} ({columns}, PRIMARY KEY ({key}))"


FEEDS: Final = Table(
    "feeds",
    {
        "feed": "INTEGER",
        "format": "VARCHAR",
        "name": "VARCHAR",
        "sha256": "VARCHAR",
        "timezone": "VARCHAR",
        "first_day": "DATE",
        "last_day": "DATE",
        "imported_ms": "BIGINT",
    },
    ("feed",),
)

FEED_TABLES: Final = (
    Table(
        "feed_routes",
        {
            "feed": "INTEGER",
            "route": "VARCHAR",
            "label": "VARCHAR",
            "area": "VARCHAR",
            "locale": "VARCHAR",
            "school": "VARCHAR",
        },
        ("feed", "route"),
    ),
    Table(
        "feed_stops",
        {
            "feed": "INTEGER",
            "stop": "VARCHAR",
            "name": "VARCHAR",
            "lat": "DOUBLE",
            "lon": "DOUBLE",
        },
        ("feed", "stop"),
    ),
    # One row a shape, and one a trip with all its calls: they are read whole or not at all.
    Table(
        "feed_shapes",
        {
            "feed": "INTEGER",
            "shape": "VARCHAR",
            "lat": "DOUBLE[]",
            "lon": "DOUBLE[]",
            "along_m": "DOUBLE[]",
        },
        ("feed", "shape"),
    ),
    Table(
        "feed_trips",
        {
            "feed": "INTEGER",
            "trip": "VARCHAR",
            "route": "VARCHAR",
            "service": "VARCHAR",
            "shape": "VARCHAR",
            "direction": "VARCHAR",
            "period": "VARCHAR",
            "start_s": "INTEGER",
            "end_s": "INTEGER",
            "call_stop": "VARCHAR[]",
            "call_arrive_s": "INTEGER[]",
            "call_depart_s": "INTEGER[]",
            "call_along_m": "DOUBLE[]",
        },
        ("feed", "trip"),
    ),
    # The calendar, expanded: a row for every day a service runs.
    Table(
        "feed_services",
        {"feed": "INTEGER", "service": "VARCHAR", "day": "DATE"},
        ("feed", "service", "day"),
    ),
)
"""What makes a feed; times are seconds after noon minus 12 h of the service day."""

CALENDAR_DAYS: Final = Table(
    # What the feed does not know: snow, early release. `periods` are those it changes, by comma.
    "calendar_days",
    {
        "day": "DATE",
        "kind": "VARCHAR",
        "periods": "VARCHAR",
        "shift_s": "INTEGER",
        "note": "VARCHAR",
        "imported_ms": "BIGINT",
    },
    ("day",),
)

FLEET: Final = Table(
    # Which device rides in which vehicle. last_day NULL: until further notice. Of several
    # rows for a device and day the newest first_day wins, and so for a vehicle's devices.
    "fleet",
    {
        "device": "VARCHAR",
        "vehicle": "VARCHAR",
        "first_day": "DATE",
        "last_day": "DATE",
        "imported_ms": "BIGINT",
    },
    ("device", "first_day"),
)

ASSIGNMENTS: Final = Table(
    # Which vehicle drives which trip. Of several rows for a trip and day the newest first_day
    # wins, then a row of that one day, then the newest import: a substitute for one day is a
    # row of one day. weekdays: a bit each, Monday is 1.
    "assignments",
    {
        "vehicle": "VARCHAR",
        "trip": "VARCHAR",
        "first_day": "DATE",
        "last_day": "DATE",
        "weekdays": "INTEGER",
        "imported_ms": "BIGINT",
    },
    ("trip", "first_day", "vehicle"),
)

DEVICE_LIVES: Final = Table(
    # What people said of devices: retired, replaced.
    "device_lives",
    {
        "device": "VARCHAR",
        "retired_day": "DATE",
        "replaced_by": "VARCHAR",
        "noted_ms": "BIGINT",
    },
    ("device",),
)

IMPORTED_USAGE: Final = Table(
    # A carrier's or an MDM's export: hotspots that cannot run an agent. Down and up are NULL
    # where it tells only the total.
    "imported_usage",
    {
        "device": "VARCHAR",
        "day": "DATE",
        "carrier": "VARCHAR",
        "total_bytes": "BIGINT",
        "down_bytes": "BIGINT",
        "up_bytes": "BIGINT",
        "source": "VARCHAR",
        "imported_ms": "BIGINT",
    },
    ("device", "day"),
)

IMPORTS: Final = Table(
    "imports",
    {
        "imported_ms": "BIGINT",
        "what": "VARCHAR",
        "name": "VARCHAR",
        "sha256": "VARCHAR",
        "summary": "VARCHAR",
    },
    ("imported_ms", "what"),
)

TABLES: Final = {
    table.name: table
    for table in (
        *(FEEDS, *FEED_TABLES, CALENDAR_DAYS, FLEET, ASSIGNMENTS),
        *(DEVICE_LIVES, IMPORTED_USAGE, IMPORTS),
    )
}

DDL: Final = tuple(table.ddl for table in TABLES.values())
"""Statements that make what is missing and change nothing else."""
