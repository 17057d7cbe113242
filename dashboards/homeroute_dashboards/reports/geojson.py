"""The segments of a coverage report on a map: GeoJSON (RFC 7946). Restricted.

Guarantees: a segment is the line of its piece of road where a feed has the road, else
its middle; longitudes come first; the file says that it is restricted, and of which
days and district it is. Does not: publish; segments lie where children wait.
"""

from __future__ import annotations

import json
from typing import Any

from homeroute_analytics.road_lines import number_of, road_of, roads, segment_lines
from homeroute_analytics.samples import Query
from homeroute_dashboards.reports.header import RESTRICTED
from homeroute_dashboards.reports.model import Report


async def as_geojson(query: Query, report: Report) -> bytes:
    """The file. ``report`` is a coverage report."""
    table = report.table("segments")
    assert table is not None
    names = [column.name for column in table.columns]
    rows = [dict(zip(names, row, strict=True)) for row in table.rows]
    found = await roads(query, {road_of(row["segment"]) for row in rows})
    lines = {name: segment_lines(road) for name, road in found.items() if len(road.along_m) > 1}
    document = {
        "type": "FeatureCollection",
        "homeroute": {
            "restricted": RESTRICTED,
            "district": report.district,
            "first_day": report.first_day.isoformat(),
            "last_day": report.last_day.isoformat(),
            "route": report.route,
            "period": report.period,
            "timezone": report.timezone,
            "timezone_assumed": report.timezone_assumed,
            "generated_ms": report.generated_ms,
            "version": report.version,
            "simulated": report.simulated,
        },
        "features": [
            {"type": "Feature", "geometry": _geometry(lines, row), "properties": _told(row)}
            for row in rows
        ],
    }
    return json.dumps(document, allow_nan=False, ensure_ascii=False).encode()


def _geometry(lines: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    line = lines.get(road_of(row["segment"]), ())
    index = number_of(row["segment"])
    if index < len(line):
        places = [[round(lon, 6), round(lat, 6)] for lat, lon in line[index]]
        return {"type": "LineString", "coordinates": places}
    return {"type": "Point", "coordinates": [round(row["lon"], 6), round(row["lat"], 6)]}


def _told(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: round(value, 6) if isinstance(value, float) else value
        for name, value in row.items()
        if name not in ("lat", "lon")
    }
