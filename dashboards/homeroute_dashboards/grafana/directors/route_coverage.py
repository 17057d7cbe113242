"""*Route coverage*: which routes lose the internet, where and when, and how sure that is."""

from __future__ import annotations

from homeroute_dashboards.grafana.board import Built, Folder, board
from homeroute_dashboards.grafana.colours import COMPLETE, SHARE, alarm
from homeroute_dashboards.grafana.directors import segment_map, worklist
from homeroute_dashboards.grafana.influxql import REPORTING, TELEMETRY, Pick, select
from homeroute_dashboards.grafana.looks import SHARE_LOOK, Look
from homeroute_dashboards.grafana.panels import Board, lines, number
from homeroute_dashboards.grafana.shares import DRIVEN, HEARD, REPORTED, USABLE
from homeroute_dashboards.grafana.tables import grid, rows
from homeroute_dashboards.grafana.variables import cascade


def build() -> Built:
    """The dashboard."""
    return board(
        Folder.DIRECTORS,
        "homeroute-route-coverage",
        "Route coverage",
        "Which routes lose the internet, where and when. Every share stands beside how much of "
        "the time was reported at all.",
        [
            *_headline(),
            _routes(),
            *_grids(),
            segment_map.panel(),
            worklist.zones(),
            _runs(),
            worklist.gaps(),
        ],
        variables=cascade(TELEMETRY, "trip_day", "district", "route", "trip", "device"),
    )


def _headline() -> list[Board]:
    share = select(TELEMETRY, "trip_day", Pick("Usable", USABLE))
    known = select(TELEMETRY, "trip_day", Pick("Reported", REPORTED))
    seen = select(TELEMETRY, "trip_day", Pick("n", "count(scheduled_s)"), where="observed = true")
    due = select(TELEMETRY, "trip_day", Pick("n", "count(scheduled_s)"))
    lost = select(TELEMETRY, "trip_day", Pick("Minutes", "sum(client_outage_min)"))
    gap = select(TELEMETRY, "trip_day", Pick("Gap", "max(longest_gap_s)"))
    return [
        number("Usable share", "Usable seconds of reported seconds, over actual trips: probes "
               "lose at most 5% and answer within 300 ms.", share, unit=SHARE_LOOK, decimals=1,
               steps=SHARE),
        number("Reported share", "Reported seconds of scheduled seconds. What was not reported is "
               "counted neither as good nor as bad.", known, unit=SHARE_LOOK, decimals=1,
               steps=COMPLETE),
        number("Runs observed", "Scheduled trips of which 80% or more of the samples are there.",
               seen, empty="0"),
        number("Runs scheduled", "Trips of the timetable in the time shown.", due, empty="0"),
        number("Outage felt", "Client-minutes without usable internet: clients present times "
               "minutes not usable.", lost, unit="m", decimals=0),
        number("Longest gap", "The longest stretch of any trip unreported or without service.",
               gap, unit="s", steps=alarm(300, 900)),
    ]  # fmt: skip


def _routes() -> Board:
    query = select(
        TELEMETRY, "trip_day",
        Pick("Usable", USABLE),
        Pick("Connected", "sum(connected_s) / sum(reported_s)"),
        Pick("Reported", REPORTED),
        Pick("n trips", "count(scheduled_s)"),
        Pick("Gap, median", "median(longest_gap_s)"),
        Pick("Gap, 9 of 10 under", "percentile(longest_gap_s, 90)"),
        Pick("Outage felt", "sum(client_outage_min)"),
        by=["route"],
    )  # fmt: skip
    return rows(
        "Routes, the least usable first",
        "Routes that differ by less than a point are not different. A row with a low reported "
        "share says little.",
        [query],
        {
            "Route": Look(width=160),
            "Usable": Look(SHARE_LOOK, 1, SHARE),
            "Connected": Look(SHARE_LOOK, 1),
            "Reported": Look(SHARE_LOOK, 1, COMPLETE),
            "n trips": Look(decimals=0),
            "Gap, median": Look("s"),
            "Gap, 9 of 10 under": Look("s", None, alarm(300, 900)),
            "Outage felt": Look("m", 0),
        },
        names={"route": "Route"},
        sort=("Usable", False),
    )


def _grids() -> list[Board]:
    usable = select(
        REPORTING, "route_hour", Pick("Usable", f"sum(usable_s) / {HEARD}"), by=["hod", "route"]
    )
    known = select(
        REPORTING, "route_hour", Pick("Reported", f"{HEARD} / {DRIVEN}"), by=["hod", "route"]
    )
    return [
        grid("Usable share by hour of day", "Usable seconds of reported ones, each route and local "
             "hour. A grey dash: nothing was driven or reported then.", usable, across="hod",
             down="route", cell="Usable", look=Look(SHARE_LOOK, 0, SHARE)),
        grid("Reported share by hour of day", "How much of the driving time in the same cell is "
             "known at all.", known, across="hod", down="route", cell="Reported",
             look=Look(SHARE_LOOK, 0, COMPLETE)),
    ]  # fmt: skip


def _runs() -> Board:
    tz = " tz('${__timezone}')"
    due = select(TELEMETRY, "trip_day", Pick("scheduled", "count(scheduled_s)"), every="1d",
                 fill="none", tail=tz)  # fmt: skip
    seen = select(TELEMETRY, "trip_day", Pick("observed", "count(scheduled_s)"), every="1d",
                  where="observed = true", fill="none", tail=tz)  # fmt: skip
    return lines(
        "Runs observed, a day",
        "Trips of the timetable, and those of which 80% or more of the samples are there. The "
        "difference is what no one can judge.",
        due,
        seen,
        alias="$col",
        bars=True,
        empty="no trip scheduled",
    )
