"""The collector's own ledger says what only it knows: broker, disk, calendar, certificate."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from homeroute_collector.alert_conditions import Ending, Facts
from homeroute_collector.broker_figures import BrokerFigures
from homeroute_collector.collector import Collector
from homeroute_collector.presence_points import commits
from homeroute_collector.schedule import Schedule
from homeroute_collector.validation import DAY_MS

NOW_MS = 1_795_000_000_000


def ledger(facts: Facts, schedule: Schedule | None) -> dict[str, Any]:
    counts = SimpleNamespace(received=1, stored=1, refused=0)
    collector = SimpleNamespace(
        presence=SimpleNamespace(devices={}, schedule=schedule),
        ingest=SimpleNamespace(counts=counts, queued=0),
        follower=None,
        mqtt=SimpleNamespace(broker_figures=BrokerFigures()),
    )
    (commit,) = commits(cast(Collector, collector), NOW_MS, facts)
    return {name: values[0] for name, values in commit.columns["pipeline"].values.items()}


def test_days_are_counted_to_the_calendars_end_and_the_first_certificates() -> None:
    facts = Facts(
        disk_free_ratio=0.25,
        certificates=(
            Ending("ca.pem", NOW_MS + 400 * DAY_MS),
            Ending("server.pem", NOW_MS + 31 * DAY_MS),
        ),
    )
    said = ledger(facts, Schedule("current", ends_ms=NOW_MS + DAY_MS // 2))
    assert said["calendar_days"] == pytest.approx(0.5)
    assert said["certificate_days"] == pytest.approx(31)
    assert (said["disk_free_ratio"], said["broker_connected"]) == (0.25, True)


def test_what_has_ended_is_below_zero_and_what_is_not_known_is_not_said() -> None:
    said = ledger(Facts(broker_problem="gone"), Schedule("ended", ends_ms=NOW_MS - 3 * DAY_MS))
    assert said["calendar_days"] == pytest.approx(-3)
    assert said["broker_connected"] is False
    assert said["certificate_days"] is None
    assert said["disk_free_ratio"] is None
    assert ledger(Facts(), None)["calendar_days"] is None
