"""The measurements as a Markdown table, generated for the documentation.

``python -m homeroute_wire.reference`` prints the page; a check fails when the
committed page differs.
"""

from __future__ import annotations

from homeroute_wire.measurements import MEASUREMENTS
from homeroute_wire.schema import COMMON_TAGS, FieldSpec, MeasurementSpec


def page() -> str:
    """The whole reference page."""
    intro = (
        "# Measurements\n\n"
        "Generated from `wire/homeroute_wire/measurements.py` by\n"
        "`python -m homeroute_wire.reference`; do not edit.\n\n"
        f"Tags of every measurement: {', '.join(f'`{t}`' for t in COMMON_TAGS)}. "
        "Times are milliseconds since 1970-01-01 UTC.\n"
        "Directions are the rider's: *down* is towards the client.\n"
    )
    return intro + "".join(_section(spec) for spec in MEASUREMENTS.values())


def _section(spec: MeasurementSpec) -> str:
    origin = "devices: " + ", ".join(spec.kinds) if spec.origin == "device" else "the collector"
    rows = "".join(_row(column) for column in spec.columns)
    return (
        f"\n## {spec.name}\n\n{spec.doc} Every {spec.cadence}; from {origin}.\n\n"
        "| name | | type | unit | range | meaning |\n| --- | --- | --- | --- | --- | --- |\n" + rows
    )


def _row(column: FieldSpec) -> str:
    role = "tag" if column.is_tag else "field"
    kind = column.value_type + (", optional" if column.optional else "")
    return (
        f"| `{column.name}` | {role} | {kind} | {column.unit} | {_range(column)} | {column.doc} |\n"
    )


def _range(column: FieldSpec) -> str:
    if column.choices:
        return ", ".join(column.choices)
    if column.minimum is None or column.maximum is None:
        return ""
    if column.maximum > 2**40:
        return f"≥ {column.minimum:g}" if column.minimum >= 0 else ""
    return f"{column.minimum:g} to {column.maximum:g}"


if __name__ == "__main__":
    print(page(), end="")
