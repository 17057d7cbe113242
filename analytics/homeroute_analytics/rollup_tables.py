"""The aggregates' tables in the archive, made from their declaration.

Every aggregate's table begins with ``day`` (the service day its row belongs to),
``time_ms``, ``device`` and ``kind`` (empty where a row is not one device's), and then
has the aggregate's own columns. ``rollup_days`` says which days were written and
numbers the writings, so that whoever copies days elsewhere follows by number.

Guarantees: an archive of an older release gets the columns it lacks. Does not:
write rows (:mod:`homeroute_analytics.rollups`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from homeroute_analytics.aggregates import AGGREGATES, Aggregate
from homeroute_wire.schema import MeasurementSpec

SQL_TYPES = {"int": "BIGINT", "float": "DOUBLE", "bool": "BOOLEAN", "str": "VARCHAR"}
_DTYPES: dict[str, Any] = {"int": np.int64, "float": np.float64, "bool": np.bool_}

LEADING = {"day": "DATE", "time_ms": "BIGINT", "device": "VARCHAR", "kind": "VARCHAR"}
"""Columns before an aggregate's own, in every aggregate's table."""

Columns = dict[str, Any]
"""A table's rows as numpy columns of one length, by name."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of an aggregate: when, whose (empty: no one device's), and what."""

    time_ms: int
    record: Aggregate
    device: str = ""
    kind: str = ""


def _create(spec: MeasurementSpec) -> tuple[str, ...]:
    own = {c.name: SQL_TYPES[c.value_type] for c in spec.columns}
    declared = ", ".join(f'"{name}" {kind}' for name, kind in (LEADING | own).items())
    return (
        f'CREATE TABLE IF NOT EXISTS "{spec.name}" ({declared})',
        *(
            f'ALTER TABLE "{spec.name}" ADD COLUMN IF NOT EXISTS "{name}" {kind}'
            for name, kind in own.items()
        ),
    )


DDL = (
    *(statement for spec in AGGREGATES.values() for statement in _create(spec)),
    "CREATE SEQUENCE IF NOT EXISTS rollup_writings",
    # `writing` grows with every writing of any day; `sealed`: the day is over and complete;
    # `inputs`: a mark of the timetable it was made from; `commit_id`: the newest commit whose
    # points it was made from, NULL of a release that did not tell.
    """CREATE TABLE IF NOT EXISTS rollup_days (
        day DATE NOT NULL, writing BIGINT DEFAULT nextval('rollup_writings'),
        rolled_ms BIGINT NOT NULL, sealed BOOLEAN NOT NULL)""",
    "ALTER TABLE rollup_days ADD COLUMN IF NOT EXISTS inputs VARCHAR",
    "ALTER TABLE rollup_days ADD COLUMN IF NOT EXISTS commit_id BIGINT",
)
"""Statements that make what is missing and change nothing else."""


def columns(name: str, rows: Iterable[Row]) -> Columns:
    """Rows of the aggregate of that name as columns, without ``day``."""
    held = list(rows)
    found: Columns = {
        "time_ms": np.array([row.time_ms for row in held], dtype=np.int64),
        "device": _texts([row.device for row in held]),
        "kind": _texts([row.kind for row in held]),
    }
    for column in AGGREGATES[name].columns:
        values = [getattr(row.record, column.name) for row in held]
        if column.value_type == "str":
            found[column.name] = _texts(values)
            continue
        absent = [value is None for value in values]
        filled = [0 if value is None else value for value in values]
        array = np.array(filled, dtype=_DTYPES[column.value_type])
        found[column.name] = np.ma.masked_array(array, mask=absent) if any(absent) else array
    return found


def _texts(values: list[Any]) -> Any:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column
