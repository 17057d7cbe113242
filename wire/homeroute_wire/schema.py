"""How a measurement is declared, and what is derived from the declaration.

A measurement is a frozen dataclass whose fields are made by :func:`tag`,
:func:`integer`, :func:`real` and :func:`flag`. From it come validation, line
protocol, archive columns and the documentation's table, so that none of them
can disagree with another.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast, get_args

ValueType = Literal["int", "float", "bool", "str"]
Origin = Literal["device", "server"]

ID_PATTERN = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
"""What a district id or a device id may look like (DESIGN section 5)."""

KINDS = ("bus", "hotspot")
"""The kinds of device: a bus gateway, or a take-home hotspot (a household)."""

COMMON_TAGS = ("district", "device", "kind")
"""Tags of every point; they come from the topic and the batch, not the point."""

TAG_PATTERN = re.compile(r"[^\x00-\x1f\x7f\\\"]{1,64}")
"""Any tag value: 1 to 64 characters, no control characters, backslash or quote."""

INT_BOUND = 2**62
"""No integer of ours is larger: it fits a signed 64-bit column with room."""


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One column of a measurement: a tag or a field.

    ``minimum`` and ``maximum`` are inclusive, in ``unit``. ``choices`` is empty
    when any value of the type is allowed.
    """

    name: str
    value_type: ValueType
    is_tag: bool
    optional: bool
    unit: str
    minimum: float | None
    maximum: float | None
    choices: tuple[str, ...]
    doc: str


@dataclass(frozen=True, slots=True)
class MeasurementSpec:
    """A measurement: name, what it says, who may send it, and its columns."""

    name: str
    doc: str
    cadence: str
    origin: Origin
    kinds: tuple[str, ...]
    tags: tuple[FieldSpec, ...]
    fields: tuple[FieldSpec, ...]
    record: type[Measurement]

    @property
    def columns(self) -> tuple[FieldSpec, ...]:
        """Tags, then fields: the order used by rows everywhere."""
        return self.tags + self.fields


@dataclass(frozen=True, slots=True)
class Measurement:
    """What was measured, without the when: the base of every measurement."""

    NAME: ClassVar[str]
    CADENCE: ClassVar[str]
    ORIGIN: ClassVar[Origin] = "device"
    KINDS: ClassVar[tuple[str, ...]] = ("bus",)


@dataclass(frozen=True, slots=True)
class Point:
    """A measurement and its time (ms since 1970-01-01 UTC).

    Its identity is device, measurement, own tags and time; times increase
    strictly within a series.
    """

    time_ms: int
    record: Measurement


def tag(doc: str, *, choices: tuple[str, ...] = ()) -> Any:
    """Declare a tag: text of low cardinality, part of the point's identity."""
    return dataclasses.field(metadata={"doc": doc, "tag": True, "choices": choices})


def integer(
    doc: str, unit: str, *, minimum: int = 0, maximum: int = INT_BOUND, optional: bool = False
) -> Any:
    """Declare a whole number in ``unit``, within inclusive bounds."""
    return _number(doc, unit, minimum, maximum, optional)


def real(doc: str, unit: str, *, minimum: float, maximum: float, optional: bool = False) -> Any:
    """Declare a finite real number in ``unit``, within inclusive bounds."""
    return _number(doc, unit, minimum, maximum, optional)


def flag(doc: str, *, optional: bool = False) -> Any:
    """Declare a yes-or-no."""
    return _number(doc, "", None, None, optional)


def _number(
    doc: str, unit: str, minimum: float | None, maximum: float | None, optional: bool
) -> Any:
    metadata = {"doc": doc, "unit": unit, "minimum": minimum, "maximum": maximum}
    if optional:
        return dataclasses.field(default=None, metadata=metadata)
    return dataclasses.field(metadata=metadata)


def spec_of(record: type[Measurement]) -> MeasurementSpec:
    """Read a measurement's declaration into a :class:`MeasurementSpec`."""
    columns = [_column(f) for f in dataclasses.fields(record)]
    return MeasurementSpec(
        name=record.NAME,
        doc=" ".join((record.__doc__ or "").split()),
        cadence=record.CADENCE,
        origin=record.ORIGIN,
        kinds=record.KINDS,
        tags=tuple(c for c in columns if c.is_tag),
        fields=tuple(c for c in columns if not c.is_tag),
        record=record,
    )


def _column(field: dataclasses.Field[Any]) -> FieldSpec:
    # Annotations are text here (PEP 563), and there are only these few.
    annotation = str(field.type)
    optional = annotation.endswith(" | None")
    value_type = annotation.removesuffix(" | None")
    if value_type not in get_args(ValueType):
        raise TypeError(f"field {field.name}: no wire type for {annotation!r}")
    return FieldSpec(
        name=field.name,
        value_type=cast(ValueType, value_type),
        is_tag=bool(field.metadata.get("tag")),
        optional=optional,
        unit=field.metadata.get("unit", ""),
        minimum=field.metadata.get("minimum"),
        maximum=field.metadata.get("maximum"),
        choices=tuple(field.metadata.get("choices", ())),
        doc=field.metadata["doc"],
    )
