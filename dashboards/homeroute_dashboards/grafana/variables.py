"""Dashboard variables that cascade: district, route, trip, device.

Guarantees: each menu holds only what exists within the chosen wider ones; *All*
is the pattern ``.*`` rather than a list of every name, so that a thousand buses
make no longer a query than one, and a device without a route is not lost.
"""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as sdk

from homeroute_dashboards.grafana.dataquery import datasource
from homeroute_dashboards.grafana.influxql import VARIABLES, Database, tag_values

ALL_VALUE = ".*"


def cascade(database: Database, measurement: str, *names: str) -> list[dashboard.QueryVariable]:
    """Variables of those tags of one measurement, each within the ones before it."""
    if list(names) != [name for name in VARIABLES if name in names]:
        raise ValueError(f"variables {names}: want them in the order {VARIABLES}")
    return [_variable(database, measurement, name, names[:n]) for n, name in enumerate(names)]


def _variable(
    database: Database, measurement: str, name: str, within: Sequence[str]
) -> dashboard.QueryVariable:
    query = tag_values(database, measurement, name, *within).text
    return (
        dashboard.QueryVariable(name)
        .label(name.capitalize())
        .datasource(datasource(database))
        .query({"query": query, "refId": f"{name}s"})
        .definition(query)
        .refresh(sdk.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(sdk.VariableSort.NATURAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(ALL_VALUE)
        .current(sdk.VariableOption(selected=True, text=["All"], value=["$__all"]))
    )
