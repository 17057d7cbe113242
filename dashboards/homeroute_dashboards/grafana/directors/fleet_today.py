"""*Fleet today*: is everything driving heard, and who has no internet now."""

from __future__ import annotations

from homeroute_dashboards.grafana.board import Built, Folder, board
from homeroute_dashboards.grafana.colours import COMPLETE, SHARE, alarm
from homeroute_dashboards.grafana.directors import worklist
from homeroute_dashboards.grafana.influxql import TELEMETRY, Pick, over, select
from homeroute_dashboards.grafana.looks import LEVELS, SHARE_LOOK, UPLINK, Look
from homeroute_dashboards.grafana.panels import Board, number, timeline
from homeroute_dashboards.grafana.shared import clients_now, state_counts
from homeroute_dashboards.grafana.shares import REPORTED, USABLE
from homeroute_dashboards.grafana.tables import rows
from homeroute_dashboards.grafana.variables import cascade

STEP = "$__interval"
CHOSEN = ("district", "device")
BUS = "kind = 'bus'"


def build() -> Built:
    """The dashboard."""
    return board(
        Folder.DIRECTORS,
        "homeroute-fleet-today",
        "Fleet today",
        "Which buses are heard now, what today's trips came to, and who is without internet.",
        [
            *state_counts("Buses", BUS),
            clients_now(),
            _observed(),
            *_shares(),
            _trips(),
            _states(),
            _uplinks(),
        ],
        variables=cascade(TELEMETRY, "device_status", "district", "device"),
        since="now/d",
        refresh="30s",
    )


def _observed() -> Board:
    query = select(
        TELEMETRY, "trip_day", Pick("n", "count(scheduled_s)"), where="observed = true",
        variables=CHOSEN,
    )  # fmt: skip
    return number(
        "Runs observed",
        "Trips in the time shown of which 80% or more of the samples are there.",
        query,
        empty="0",
    )


def _shares() -> list[Board]:
    share = select(TELEMETRY, "trip_day", Pick("Usable", USABLE), variables=CHOSEN)
    known = select(TELEMETRY, "trip_day", Pick("Reported", REPORTED), variables=CHOSEN)
    lost = select(
        TELEMETRY, "device_day", Pick("Unassigned", "sum(unassigned_s) / sum(moving_s)"),
        variables=CHOSEN,
    )  # fmt: skip
    return [
        number("Usable share", "Usable seconds of reported seconds over the trips shown.", share,
               unit=SHARE_LOOK, decimals=1, steps=SHARE, width=8),
        number("Reported share", "Reported seconds of scheduled seconds. The rest counts neither "
               "as good nor as bad.", known, unit=SHARE_LOOK, decimals=1, steps=COMPLETE, width=8),
        number("Moving on no trip", "Moving time that no trip explains, of all moving time: "
               "excursions, or a timetable or an assignment that is out of date.", lost,
               unit=SHARE_LOOK, decimals=1, steps=alarm(0.1, 0.25), width=8),
    ]  # fmt: skip


def _trips() -> Board:
    query = select(
        TELEMETRY, "trip_day",
        Pick("Usable s", "usable_s"), Pick("Reported s", "reported_s"),
        Pick("Scheduled s", "scheduled_s"), Pick("Gap", "longest_gap_s"), Pick("Late", "late_s"),
        Pick("Route", "route"), Pick("Trip", "trip"), Pick("Period", "period"),
        Pick("Device", "device"), variables=CHOSEN,
    )  # fmt: skip
    return rows(
        "Trips",
        "Every scheduled trip in the time shown, the newest first. Nothing under Device: no bus "
        "is known to have driven it. The device leads to its own dashboard at that hour.",
        [query],
        {
            "Start": Look("dateTimeAsLocal", width=170),
            "Route": Look(),
            "Period": Look(width=70),
            "Trip": Look(),
            "Device": Look(link=worklist.DEVICE_THEN),
            "Late": Look("s", None, alarm(300, 900)),
            "Scheduled s": Look("s"),
            "Reported s": Look("s"),
            "Usable s": Look("s"),
            "Gap": Look("s", None, alarm(300, 900)),
        },
        time="Start",
        sort=("Start", True),
        empty="no trip is scheduled, or no timetable is imported",
    )


def _states() -> Board:
    query = select(
        TELEMETRY, "device_status", Pick("state", "min(level)"), by=["device"], every=STEP,
        where=BUS,
    )  # fmt: skip
    return timeline(
        "Buses",
        "The worst state of each step, as the collector believed it then: an outage stays "
        "visible however far you zoom out.",
        query,
        LEVELS,
    )


def _uplinks() -> Board:
    each = select(
        TELEMETRY, "uplink", Pick("state", "max(state)"), by=["device", "interface"], every="10s",
        fill="none",
    )  # fmt: skip
    query = over(each, Pick("state", "min(state)"), by=["device"], every=STEP)
    return timeline(
        "Internet on the bus",
        "The best uplink at each moment, the worst moment of each step. A gap is unreported, and "
        "counts neither as good nor as bad.",
        query,
        UPLINK,
    )
