"""The SDK's missing query type: InfluxQL for Grafana's InfluxDB datasource.

The fields are those the datasource reads of a raw query; the SDK (0.0.21) has none
of its own for InfluxDB.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from grafana_foundation_sdk.cog import builder, variants
from grafana_foundation_sdk.models.common import DataSourceRef

from homeroute_dashboards.grafana.influxql import Database, Query

Shape = Literal["table", "time_series"]


def datasource(database: Database) -> DataSourceRef:
    """The reference that panels and variables carry."""
    return DataSourceRef(type_val="influxdb", uid=database.uid)


@dataclass(frozen=True, slots=True)
class RawInfluxQL(variants.Dataquery):
    """One raw query of a panel."""

    ref_id: str
    query: Query
    shape: Shape
    alias: str = ""
    note: str = ""

    def to_json(self) -> dict[str, object]:
        """As Grafana stores it."""
        return {
            "refId": self.ref_id,
            "datasource": datasource(self.query.database),
            "rawQuery": True,
            "query": self.query.text,
            "resultFormat": self.shape,
            **({"alias": self.alias} if self.alias else {}),
            **(self._annotation() if self.note else {}),
        }

    def _annotation(self) -> dict[str, object]:
        # Without these the datasource takes an annotation for a panel's query.
        columns = {
            "textColumn": self.note,
            "tagsColumn": "",
            "titleColumn": "",
            "timeEndColumn": "",
        }
        return {"fromAnnotations": True, "queryType": "tags", **columns}


@dataclass(frozen=True, slots=True)
class Target(builder.Builder[variants.Dataquery]):
    """What a panel's builder takes: a query and how its answer is read.

    ``alias`` names a series: ``$tag_device``, ``$col``. ``note`` makes it an
    annotation's, and is the column that is its text.
    """

    query: Query
    shape: Shape = "table"
    alias: str = ""
    ref_id: str = "A"
    note: str = ""

    def build(self) -> variants.Dataquery:
        """The query."""
        return RawInfluxQL(self.ref_id, self.query, self.shape, self.alias, self.note)
