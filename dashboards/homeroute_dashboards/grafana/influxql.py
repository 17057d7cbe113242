"""InfluxQL whose names come from wire: a query that names what does not exist cannot be built.

InfluxQL because InfluxDB 1.x and 2.x both speak it. ``$timeFilter``,
``$__interval`` and ``$device`` are Grafana's to fill in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from homeroute_wire.measurements import MEASUREMENTS
from homeroute_wire.schema import COMMON_TAGS, MeasurementSpec

SHOWN = "$timeFilter"
"""The time range the viewer chose."""

NOW = "time > now() - 3m"
"""Six reports of every device's status: what is true now, whatever range is shown."""


class UnknownName(ValueError):
    """A measurement, field or tag that wire does not declare."""


@dataclass(frozen=True, slots=True)
class Pick:
    """One column: an aggregate of a field, times a factor, under a name for people.

    ``argument`` is the aggregate's second one, like percentile's. With ``per``
    the column is this aggregate divided by the sum of that field.
    """

    aggregate: str
    field: str
    alias: str
    argument: float | None = None
    factor: float | None = None
    per: str | None = None


def select(
    measurement: str,
    *picks: Pick,
    where: Sequence[tuple[str, str]] = (),
    span: str = SHOWN,
    by: Sequence[str] = (),
    every: str | None = None,
    devices: bool = True,
    fill: str = "null",
) -> str:
    """A SELECT. ``where`` are tags and their values, ``by`` tags; ``every`` a time step.

    ``devices`` keeps it to the viewer's choice. Raises :class:`UnknownName`.
    """
    spec = _spec(measurement)
    columns = ", ".join(_column(spec, pick) for pick in picks)
    conditions = [span]
    conditions += [f"{quoted(_tag(spec, name, value))} = '{value}'" for name, value in where]
    if devices:
        conditions.append(f"{quoted('device')} =~ /^$device$/")
    groups = [f"time({every})"] if every else []
    groups += [quoted(_tag(spec, name)) for name in by]
    # Built from wire's names alone; what a viewer chooses Grafana escapes.
    text = f'SELECT {columns} FROM "{spec.name}" WHERE {" AND ".join(conditions)}'  # noqa: S608
    if groups:
        text += f" GROUP BY {', '.join(groups)}"
    if every:
        text += f" fill({fill})"
    return text


def over(inner: str, *columns: str, where: str | None = None, every: str | None = None) -> str:
    """A SELECT over another's result. ``columns`` name aliases of the inner one."""
    text = f"SELECT {', '.join(columns)} FROM ({inner})"  # noqa: S608 - the same
    if where or every:
        text += f" WHERE {where or SHOWN}"
    if every:
        text += f" GROUP BY time({every}) fill(null)"
    return text


def tag_values(measurement: str, tag: str) -> str:
    """Every value of a tag, for a variable's menu."""
    spec = _spec(measurement)
    return f'SHOW TAG VALUES FROM "{spec.name}" WITH KEY = {quoted(_tag(spec, tag))}'


def quoted(name: str) -> str:
    """An identifier."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _column(spec: MeasurementSpec, pick: Pick) -> str:
    argument = "" if pick.argument is None else f", {pick.argument:g}"
    text = f"{pick.aggregate}({quoted(_field(spec, pick.field))}{argument})"
    if pick.factor is not None:
        text += f" * {pick.factor:g}"
    if pick.per is not None:
        text += f" / sum({quoted(_field(spec, pick.per))})"
    return f"{text} AS {quoted(pick.alias)}"


def _spec(measurement: str) -> MeasurementSpec:
    spec = MEASUREMENTS.get(measurement)
    if spec is None:
        raise UnknownName(f"measurement {measurement!r}: wire declares {', '.join(MEASUREMENTS)}")
    return spec


def _field(spec: MeasurementSpec, name: str) -> str:
    if name not in {f.name for f in spec.fields}:
        raise UnknownName(
            f"{spec.name}.{name}: its fields are {', '.join(f.name for f in spec.fields)}"
        )
    return name


def _tag(spec: MeasurementSpec, name: str, value: str | None = None) -> str:
    if name in COMMON_TAGS:
        return name
    found = next((t for t in spec.tags if t.name == name), None)
    if found is None:
        known = (*COMMON_TAGS, *(t.name for t in spec.tags))
        raise UnknownName(f"{spec.name} has no tag {name!r}: it has {', '.join(known)}")
    if value is not None and found.choices and value not in found.choices:
        raise UnknownName(
            f"{spec.name}.{name} is never {value!r}: it is one of {', '.join(found.choices)}"
        )
    return name
