"""A second organisation for evaluators: its one data source, and their dashboards.

Grafana OSS has no permissions per data source, so whoever may see `reporting` alone
needs an organisation that has nothing else. Grafana provisions organisations from no
file, and does not start with a file for one that is not there: hence by its API,
once it runs.

Guarantees: the same again changes nothing. Does not: invite anybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from homeroute_dashboards.grafana.committed import committed
from homeroute_dashboards.grafana.pushing import Plan, apply, plan
from homeroute_dashboards.grafana.server import Server

ORGANISATION = "Evaluators"
UID = "homeroute-reporting"


@dataclass(frozen=True, slots=True)
class Source:
    """InfluxDB as Grafana reaches it, and a token that may read ``reporting`` and no more."""

    url: str
    token: str
    database: str = "reporting"

    @property
    def wanted(self) -> dict[str, Any]:
        """The data source."""
        return {
            "name": "Homeroute reporting",
            "uid": UID,
            "type": "influxdb",
            "access": "proxy",
            "url": self.url,
            "isDefault": True,
            "readOnly": False,
            "jsonData": {
                "version": "InfluxQL",
                "dbName": self.database,
                "httpMode": "POST",
                "timeInterval": "1h",
                "httpHeaderName1": "Authorization",
            },
            "secureJsonData": {"httpHeaderValue1": f"Token {self.token}"},
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done. ``number`` is the organisation's, for its address: ``?orgId=``."""

    number: int
    created: bool
    datasource: str
    plan: Plan


def settle(url: str, credential: tuple[str, str], source: Source, *, message: str) -> Outcome:
    """Make the organisation what it should be. Raises :class:`~.server.Refused`."""
    everywhere = Server(url, credential)
    number = everywhere.organisation(ORGANISATION)
    created = number is None
    if number is None:
        number = everywhere.create_organisation(ORGANISATION)
    there = Server(url, credential, organisation=number)
    held = there.datasource(UID)
    # A secret cannot be read back, so that it is written even when all else is the same.
    there.put_datasource(source.wanted, there=held is not None)
    made = plan(there, committed("evaluators"), sources={})
    apply(there, made, message=message)
    return Outcome(number, created, "created" if held is None else "written anew", made)
