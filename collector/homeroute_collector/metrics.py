"""Prometheus' text exposition format, version 0.0.4.

Guarantees: every family has HELP and TYPE, its samples stand together, names
and labels are escaped. Does not: know what is measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Sample:
    """One value with its labels."""

    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Family:
    """A metric: base units in its name, ``_total`` on counters."""

    name: str
    type: Literal["counter", "gauge"]
    help: str
    samples: tuple[Sample, ...]


def gauge(name: str, help: str, value: float | None) -> Family:  # noqa: A002 - HELP is its name
    """A gauge without labels; None leaves the sample out."""
    return Family(name, "gauge", help, () if value is None else (Sample(value),))


def counter(name: str, help: str, value: float) -> Family:  # noqa: A002 - HELP is its name
    """A counter without labels."""
    return Family(name, "counter", help, (Sample(value),))


def exposition(families: Iterable[Family]) -> str:
    """The whole page."""
    return "".join(_family(family) for family in families)


def _family(family: Family) -> str:
    help_text = family.help.replace("\\", "\\\\").replace("\n", "\\n")
    head = f"# HELP {family.name} {help_text}\n# TYPE {family.name} {family.type}\n"
    return head + "".join(
        f"{family.name}{_labels(sample.labels)} {_number(sample.value)}\n"
        for sample in family.samples
    )


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escape(text)}"' for name, text in labels.items()) + "}"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if isinstance(value, bool) else repr(value)
