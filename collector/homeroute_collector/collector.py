"""The running collector's parts, as pages, API and metrics see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from homeroute_collector.alerts import Alerts
from homeroute_collector.archive import Archive
from homeroute_collector.config import CollectorConfig
from homeroute_collector.influx import Follower
from homeroute_collector.influx_aggregates import AggregateFollower
from homeroute_collector.ingest import Ingest
from homeroute_collector.mqtt import Mqtt
from homeroute_collector.own_clock import OwnClock
from homeroute_collector.presence import Presence
from homeroute_collector.tail import Tail
from homeroute_collector.timezones import system_timezone


@dataclass(frozen=True)
class Collector:
    """Everything that runs. ``follower`` is None where no InfluxDB is configured.

    ``aggregate_followers`` are by the database they feed, none without InfluxDB.
    ``failing_days`` are days that cannot be rolled up, and why: whoever rolls up keeps it;
    ``failing_weeks`` likewise are Mondays of weeks that cannot be published.
    """

    config: CollectorConfig
    clock: OwnClock
    archive: Archive
    ingest: Ingest
    mqtt: Mqtt
    presence: Presence
    alerts: Alerts
    tail: Tail
    follower: Follower | None
    started_ms: int
    aggregate_followers: Mapping[str, AggregateFollower] = field(default_factory=dict)
    failing_days: dict[date, str] = field(default_factory=dict)
    failing_weeks: dict[date, str] = field(default_factory=dict)

    @property
    def rollup_problem(self) -> str | None:
        """Which days cannot be rolled up, why, and what to do; None when all can."""
        if not self.failing_days:
            return None
        first = min(self.failing_days)
        others = len(self.failing_days) - 1
        more = f" and {others} more" if others else ""
        return (
            f"{first}{more} cannot be rolled up, and no raw points from then on expire: "
            f"{self.failing_days[first]}; try `homeroute rollup --day {first}`"
        )

    @property
    def publication_problem(self) -> str | None:
        """Which weeks cannot be published, why, and what to do; None when all can."""
        if not self.failing_weeks:
            return None
        first = min(self.failing_weeks)
        others = len(self.failing_weeks) - 1
        more = f" and {others} more" if others else ""
        return (
            f"the week of {first}{more} cannot be published: {self.failing_weeks[first]}; "
            f"try `homeroute publish --week {first:%G-W%V} --dry-run`"
        )

    @cached_property
    def timezone(self) -> str:
        """The district's zone: the configured one, else this machine's."""
        return self.config.timezone or system_timezone()

    @property
    def timezone_assumed(self) -> bool:
        """Whether nobody has named that zone."""
        return self.config.timezone is None
