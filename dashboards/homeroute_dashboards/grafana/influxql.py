"""InfluxQL whose names are declared: a query that names what does not exist cannot be built.

InfluxQL because InfluxDB 1.x and 2.x both speak it. Names come from wire's
measurements and from the aggregates; each stands in one database, by who may
read it: ``telemetry`` is for staff, ``reporting`` holds what was suppressed.
``$timeFilter``, ``$__interval`` and the variables are Grafana's to fill in.

Guarantees: only functions that InfluxDB 1.6 and 2.x both have; a tag is compared
only with values it can have. Does not: know what a panel shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from homeroute_analytics.aggregates import AGGREGATES, audience
from homeroute_dashboards.grafana.expressions import UnknownName, quoted, rendered
from homeroute_wire.measurements import MEASUREMENTS
from homeroute_wire.schema import COMMON_TAGS, MeasurementSpec

__all__ = ["REPORTING", "TELEMETRY", "Database", "Pick", "Query", "UnknownName", "over", "select"]

SHOWN = "$timeFilter"
"""The time range the viewer chose, or the panel's own."""

PER_DEVICE = ("trip_day", "device_day")
"""Aggregates whose rows are one device's (:class:`~homeroute_analytics.aggregates.Aggregate`)."""


@dataclass(frozen=True, slots=True)
class Database:
    """A database of InfluxDB, Grafana's datasource for it, and what stands in it."""

    name: str
    uid: str
    specs: Mapping[str, MeasurementSpec]

    def spec(self, measurement: str) -> MeasurementSpec:
        """The measurement of that name; raises :class:`UnknownName`."""
        spec = self.specs.get(measurement)
        if spec is None:
            known = ", ".join(self.specs)
            raise UnknownName(f"measurement {measurement!r}: {self.name} holds {known}")
        return spec

    def tags(self, measurement: str) -> tuple[str, ...]:
        """Tags its points carry: those of all, and its own."""
        spec = self.spec(measurement)
        own = tuple(tag.name for tag in spec.tags)
        if measurement in AGGREGATES and measurement not in PER_DEVICE:
            return ("district", *own)
        return (*COMMON_TAGS, *own)


def _aggregates(who: str) -> dict[str, MeasurementSpec]:
    return {name: spec for name, spec in AGGREGATES.items() if audience(name) == who}


TELEMETRY = Database("telemetry", "homeroute-telemetry", {**MEASUREMENTS, **_aggregates("staff")})
"""What devices sent, what the collector believes, and aggregates for staff; 90 days."""

REPORTING = Database("reporting", "homeroute-reporting", _aggregates("published"))
"""Suppressed aggregates, for evaluators too; five years."""

VARIABLES = ("district", "route", "trip", "device")
"""Dashboard variables of those tags' names, from the widest to the narrowest."""


@dataclass(frozen=True, slots=True)
class Pick:
    """One column: a name for people, and what it is.

    The expression is InfluxQL with bare names: ``sum(usable_s) / sum(reported_s)``.
    """

    alias: str
    expression: str


@dataclass(frozen=True, slots=True)
class Query:
    """A query, the database it is for, and the columns and tags of its answer."""

    database: Database
    text: str
    columns: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


def select(
    database: Database,
    measurement: str,
    *picks: Pick,
    where: str = "",
    by: Sequence[str] = (),
    every: str | None = None,
    fill: str = "null",
    variables: Sequence[str] = VARIABLES,
    tail: str = "",
) -> Query:
    """A SELECT of one measurement. ``by`` are tags; ``every`` is a time step.

    ``tail`` is InfluxQL after it: a limit, or a time zone for days.

    It is kept to the viewer's choice of every variable in ``variables`` whose tag
    the measurement has. Raises :class:`UnknownName`.
    """
    spec = database.spec(measurement)
    tags = database.tags(measurement)
    fields = [field.name for field in spec.fields]
    choices = {tag.name: tag.choices for tag in spec.tags}
    columns = [
        f"{rendered(pick.expression, (*fields, *tags), of=spec.name)} AS {quoted(pick.alias)}"
        for pick in picks
    ]
    conditions = [f"{quoted(name)} =~ /^${name}$/" for name in variables if name in tags]
    if where:
        conditions.append(rendered(where, (*fields, *tags), of=spec.name, choices=choices))
    # Every name in it is declared.
    text = f"SELECT {', '.join(columns)} FROM {quoted(spec.name)} WHERE "  # noqa: S608
    text += " AND ".join([*conditions, SHOWN])
    text += _grouped(tags, by, every, fill, of=spec.name)
    text += tail
    return Query(database, text, tuple(pick.alias for pick in picks), tuple(by))


def over(
    inner: Query,
    *picks: Pick,
    where: str = "",
    by: Sequence[str] = (),
    every: str | None = None,
    fill: str = "null",
) -> Query:
    """A SELECT of another one's columns. Raises :class:`UnknownName`."""
    known = (*inner.columns, *inner.tags)
    columns = [
        f"{rendered(pick.expression, known, of='the inner query')} AS {quoted(pick.alias)}"
        for pick in picks
    ]
    text = f"SELECT {', '.join(columns)} FROM ({inner.text}) WHERE "  # noqa: S608 - as above
    text += " AND ".join(
        [*([rendered(where, known, of="the inner query")] if where else []), SHOWN]
    )
    text += _grouped(inner.tags, by, every, fill, of="the inner query")
    return Query(inner.database, text, tuple(pick.alias for pick in picks), tuple(by))


def tag_values(database: Database, measurement: str, tag: str, *within: str) -> Query:
    """Values of a tag, for a variable's menu, kept to the chosen values of other variables."""
    tags = database.tags(measurement)
    for name in (tag, *within):
        if name not in tags:
            raise UnknownName(f"{measurement} has no tag {name!r}: it has {', '.join(tags)}")
    text = f"SHOW TAG VALUES FROM {quoted(measurement)} WITH KEY = {quoted(tag)}"
    if within:
        text += " WHERE " + " AND ".join(f"{quoted(name)} =~ /^${name}$/" for name in within)
    return Query(database, text)


def _grouped(
    tags: Sequence[str], by: Sequence[str], every: str | None, fill: str, *, of: str
) -> str:
    for tag in by:
        if tag not in tags:
            raise UnknownName(f"{of} has no tag {tag!r}: it has {', '.join(tags)}")
    groups = [*([f"time({every})"] if every else []), *map(quoted, by)]
    text = f" GROUP BY {', '.join(groups)}" if groups else ""
    return f"{text} fill({fill})" if every else text
