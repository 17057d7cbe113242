"""What dashboards ask, asked of a real InfluxDB as Grafana would, and what came back."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from homeroute_dashboards.grafana.asked import Asked, of_alerts, of_dashboards
from homeroute_dashboards.grafana.interpolate import Chosen, Shown, interpolated
from tests.stores import InfluxDB

ROOT = Path(__file__).parents[2] / "dashboards/grafana"
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Answered:
    """One query's answer. ``none_of_that_kind``: it is empty, and there are others to choose."""

    asked: Asked
    text: str
    rows: list[dict[str, Any]]
    milliseconds: float
    none_of_that_kind: bool = False

    @property
    def values(self) -> int:
        """Values that are not null, times and tags left out."""
        return sum(
            value is not None and key not in ("time", "_name")
            for row in self.rows
            for key, value in row.items()
        )


def everything() -> list[Asked]:
    """Panels, variables and annotations of the committed dashboards, and alert rules."""
    boards = [json.loads(path.read_text("utf-8")) for path in sorted(ROOT.rglob("*.json"))]
    rules = [yaml.safe_load(path.read_text("utf-8")) for path in ROOT.rglob("alerting/*.y*ml")]
    return of_dashboards(boards) + of_alerts(held for held in rules if held)


class Viewer:
    """Somebody before Grafana, at the time to which there is data."""

    def __init__(self, influxdb: InfluxDB, timezone: str) -> None:
        self.influxdb = influxdb
        self.timezone = timezone
        self._newest: dict[tuple[str, str], int] = {}

    def look(self, asked: Asked, chosen: Mapping[str, Chosen] | None = None) -> Answered:
        """Ask one, with *All* of everything or what is chosen."""
        choices = {name: Chosen() for name in asked.variables} | dict(chosen or {})
        text = interpolated(asked.query, choices, self._shown(asked))
        began = time.perf_counter()
        rows = self.influxdb.query(text, database=asked.database)
        took = (time.perf_counter() - began) * 1000
        answer = Answered(asked, text, rows, took)
        if answer.values or asked.unchosen == asked.query:
            return answer
        other = interpolated(asked.unchosen, choices, self._shown(asked))
        found = self.influxdb.query(other, database=asked.database)
        return Answered(asked, text, rows, took, none_of_that_kind=bool(found))

    def values(self, asked: Sequence[Asked]) -> dict[str, list[str]]:
        """What one dashboard's variables offer, each under *All* of the others."""
        return {
            one.title[1:]: [row["value"] for row in self.look(one).rows]
            for one in asked
            if one.kind == "variable"
        }

    def _shown(self, asked: Asked) -> Shown:
        to_ms = self._newest_ms(asked.database, asked.measurement) + 1
        return Shown(to_ms - round(asked.hours * HOUR_MS), to_ms, timezone=self.timezone)

    def _newest_ms(self, database: str, measurement: str) -> int:
        key = (database, measurement)
        if key not in self._newest:
            query = f'SELECT * FROM "{measurement}" ORDER BY time DESC LIMIT 1'
            rows = self.influxdb.query(query, database=database)
            assert rows, f"{measurement}: nothing of it is in {database}"
            self._newest[key] = int(rows[0]["time"])
        return self._newest[key]


def table(answers: Sequence[Answered]) -> Iterator[str]:
    """A line a query: rows, values, milliseconds."""
    yield f"{'dashboard':<28} {'query':<44} {'rows':>6} {'ms':>7}"
    for answer in answers:
        one = answer.asked
        note = "  none of that kind" if answer.none_of_that_kind else ""
        yield (
            f"{one.dashboard[:28]:<28} {one.title[:44]:<44} {len(answer.rows):>6} "
            f"{answer.milliseconds:>7.1f}{note}"
        )
