"""What Grafana makes of a query before InfluxDB sees it.

The rules are those of Grafana 11 and 12: variables are filled in by the browser, by
its InfluxDB datasource (regular-expression escaping, several values as
``(a|b)``, a custom *All* value as it is); then the server fills in ``$timeFilter``
and ``$__interval``.

Guarantees: pure; a variable nobody gave stays, so that InfluxDB refuses it aloud.
Does not: run anything, or know other formats than these dashboards use.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

ALL = "$__all"

SPECIAL = re.compile(r"[\\^$*+?.()|\[\]{}/]")
_VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+)(?::(\w+))?\}")

ROUNDED_MS = (
    (10, 1), (15, 10), (35, 20), (75, 50), (150, 100), (350, 200), (750, 500), (1_500, 1_000),
    (3_500, 2_000), (7_500, 5_000), (12_500, 10_000), (17_500, 15_000), (25_000, 20_000),
    (45_000, 30_000), (90_000, 60_000), (210_000, 120_000), (450_000, 300_000),
    (750_000, 600_000), (1_050_000, 900_000), (1_500_000, 1_200_000), (2_700_000, 1_800_000),
    (5_400_000, 3_600_000), (9_000_000, 7_200_000), (16_200_000, 10_800_000),
    (32_400_000, 21_600_000), (86_400_000, 43_200_000), (604_800_000, 86_400_000),
    (1_814_400_000, 604_800_000), (3_628_800_000, 2_592_000_000),
)  # fmt: skip
"""Below the first, a step is rounded to the second: Grafana's round steps."""

YEAR_MS = 31_536_000_000
UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a viewer chose of one variable. ``(ALL,)`` is *All*."""

    values: tuple[str, ...] = (ALL,)
    all_value: str = ".*"


@dataclass(frozen=True, slots=True)
class Shown:
    """The time range, and how many points wide a panel is."""

    from_ms: int
    to_ms: int
    points: int = 1_000
    timezone: str = "America/Chicago"


def interpolated(
    query: str, chosen: Mapping[str, Chosen], shown: Shown, *, least_ms: int = 10_000
) -> str:
    """The query as InfluxDB gets it. ``least_ms`` is the datasource's shortest step."""

    def fill(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name == "__timezone":
            return shown.timezone
        return _value(chosen[name]) if name in chosen else match[0]

    text = _VARIABLE.sub(fill, query)
    step = duration(step_ms(shown, least_ms))
    span = f"time >= {shown.from_ms}ms and time <= {shown.to_ms}ms"
    return text.replace("$timeFilter", span).replace("$__interval", step)


def _value(chosen: Chosen) -> str:
    if chosen.values == (ALL,):
        return chosen.all_value
    if len(chosen.values) == 1:
        return escaped(chosen.values[0])
    return "(" + "|".join(map(escaped, chosen.values)) + ")"


def escaped(value: str) -> str:
    """The value inside a regular expression of InfluxQL."""
    return SPECIAL.sub(lambda match: "\\" + match[0], value)


def step_ms(shown: Shown, least_ms: int) -> int:
    """How long a step is: the range over the panel's points, rounded, not below the least."""
    raw = (shown.to_ms - shown.from_ms) / shown.points
    rounded = next((step for below, step in ROUNDED_MS if raw < below), YEAR_MS)
    return max(rounded, least_ms)


def duration(ms: int) -> str:
    """A step as InfluxQL writes it, in the largest unit that is whole."""
    return next(f"{ms // size}{unit}" for unit, size in UNITS if ms % size == 0)


def within(names: Sequence[str], values: Mapping[str, Sequence[str]]) -> dict[str, Chosen]:
    """The first value of each variable, or *All* where it has none."""
    return {name: Chosen(tuple(values.get(name, ())[:1]) or (ALL,)) for name in names}
