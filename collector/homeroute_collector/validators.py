"""One strict pydantic validator per measurement, made from its declaration.

Guarantees: a validator takes the columns of a measurement as a mapping of
lists; its errors are located by column and row; unknown columns are ignored
(the caller keeps them). Nothing is coerced but whole numbers to real ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import GenericAlias
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model

from homeroute_wire.measurements import FROM_DEVICES
from homeroute_wire.schema import TAG_PATTERN, FieldSpec, MeasurementSpec

_TAG = rf"^{TAG_PATTERN.pattern}$"


def printable(text: str, bound: int = 80) -> str:
    """Foreign text made fit for a log line and for UTF-8 storage."""
    return "".join(c if c.isprintable() else "?" for c in text[:bound])


def _value(column: FieldSpec) -> Any:
    if column.choices:
        return Literal[column.choices]
    if column.value_type == "str":
        return Annotated[str, Field(pattern=_TAG)]
    if column.value_type == "bool":
        return bool
    if column.value_type == "int":
        assert column.minimum is not None
        assert column.maximum is not None
        return Annotated[int, Field(ge=int(column.minimum), le=int(column.maximum))]
    return Annotated[float, Field(ge=column.minimum, le=column.maximum, allow_inf_nan=False)]


def _model(spec: MeasurementSpec) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for column in spec.columns:
        value = _value(column) | None if column.optional else _value(column)
        absent = None if column.optional else ...
        fields[column.name] = (GenericAlias(list, (value,)), absent)
    made: type[BaseModel] = create_model(
        spec.name, __config__=ConfigDict(strict=True, extra="ignore"), **fields
    )
    return made


_MODELS = {name: _model(spec) for name, spec in FROM_DEVICES.items()}


def check(measurement: str, columns: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """The known columns of what a device may send. Raises pydantic's ValidationError.

    An optional column that is absent stays absent.
    """
    model = _MODELS[measurement].model_validate(columns)
    return {name: values for name, values in model.__dict__.items() if values is not None}


def passes(column: FieldSpec, values: list[Any]) -> bool:
    """Whether every value of one column is valid for it; None is, where it is optional."""
    value = _value(column) | None if column.optional else _value(column)
    rows: Any = GenericAlias(list, (value,))
    try:
        TypeAdapter(rows).validate_python(values, strict=True)
    except ValidationError:
        return False
    return True
