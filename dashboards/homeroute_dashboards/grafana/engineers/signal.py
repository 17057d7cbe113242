"""*Signal*: what the modem hears, by carrier and technology, and what the probes find."""

from __future__ import annotations

from homeroute_dashboards.grafana.board import Built, Folder, board
from homeroute_dashboards.grafana.colours import BAD, FAIR, GOOD, alarm
from homeroute_dashboards.grafana.influxql import TELEMETRY, Pick, Query, select
from homeroute_dashboards.grafana.looks import SHARE_LOOK, Look
from homeroute_dashboards.grafana.panels import Board, lines, number
from homeroute_dashboards.grafana.shared import STEP
from homeroute_dashboards.grafana.tables import rows
from homeroute_dashboards.grafana.variables import cascade

RSRP = ((None, BAD), (-115, FAIR), (-95, GOOD))
SINR = ((None, BAD), (1, FAIR), (4.5, GOOD))
"""Bars of DESIGN section 7."""


def build() -> Built:
    """The dashboard."""
    return board(
        Folder.ENGINEERS,
        "homeroute-signal",
        "Signal",
        "What the modems hear, by carrier and technology, and what the probes find.",
        [*_medians(), _carriers(), *radio(), *quality()],
        variables=cascade(TELEMETRY, "uplink", "district", "device"),
        since="now-7d",
    )


def _medians() -> list[Board]:
    rsrp = select(TELEMETRY, "uplink", Pick("RSRP", "median(rsrp_dbm)"))
    worst = select(TELEMETRY, "uplink", Pick("RSRP", "percentile(rsrp_dbm, 5)"))
    sinr = select(TELEMETRY, "uplink", Pick("SINR", "median(sinr_db)"))
    rtt = select(TELEMETRY, "uplink", Pick("RTT", "median(rtt_ms)"))
    loss = select(TELEMETRY, "uplink", Pick("Loss", "mean(loss_ratio)"))
    samples = select(TELEMETRY, "uplink", Pick("n", "count(state)"))
    return [
        number("RSRP, median", "Reference signal received power. From -95 dBm it is good.", rsrp,
               unit="dBm", decimals=0, steps=RSRP),
        number("RSRP, worst 5%", "One sample in twenty is weaker.", worst, unit="dBm", decimals=0,
               steps=RSRP),
        number("SINR, median", "Signal to interference and noise. From 4.5 dB it is good.", sinr,
               unit="dB", decimals=1, steps=SINR),
        number("Round trip, median", "Of the probes that came back.", rtt, unit="ms", decimals=0,
               steps=alarm(300, 1000)),
        number("Probes lost", "Mean share of probes lost, where any were sent.", loss,
               unit=SHARE_LOOK, decimals=1, steps=alarm(0.05, 0.2)),
        number("n samples", "Uplink samples behind these numbers: one in 10 s.", samples,
               empty="0"),
    ]  # fmt: skip


def _carriers() -> Board:
    query = select(
        TELEMETRY, "uplink",
        Pick("RSRP", "median(rsrp_dbm)"), Pick("RSRQ", "median(rsrq_db)"),
        Pick("SINR", "median(sinr_db)"), Pick("RTT", "median(rtt_ms)"),
        Pick("Loss", "mean(loss_ratio)"), Pick("n samples", "count(state)"),
        by=["carrier", "technology"],
    )  # fmt: skip
    return rows(
        "Carriers and technologies",
        "Medians of all samples. Routes differ: compare carriers on the same route, or not at all.",
        [query],
        {
            "Carrier": Look(),
            "Technology": Look(),
            "RSRP": Look("dBm", 0, RSRP),
            "RSRQ": Look("dB", 0),
            "SINR": Look("dB", 1, SINR),
            "RTT": Look("ms", 0, alarm(300, 1000)),
            "Loss": Look(SHARE_LOOK, 1, alarm(0.05, 0.2)),
            "n samples": Look(decimals=0),
        },
        names={"carrier": "Carrier", "technology": "Technology"},
        sort=("n samples", True),
        height=6,
    )


def radio() -> list[Board]:
    """Signal over time. Means smooth noise here: no state is hidden by them."""
    return [
        lines("Signal strength (RSRP)", "Mean of each step; a gap is unreported.",
              _mean("rsrp_dbm"), unit="dBm", steps=RSRP),
        lines("Signal quality (SINR)", "Mean of each step; a gap is unreported.",
              _mean("sinr_db"), unit="dB", steps=SINR),
    ]  # fmt: skip


def quality() -> list[Board]:
    """What the probes find, and how many samples say so."""
    samples = select(TELEMETRY, "uplink", Pick("n", "count(state)"), by=["device"], every=STEP)
    worst = select(TELEMETRY, "uplink", Pick("rtt", "max(rtt_ms)"), by=["device"], every=STEP)
    loss = select(TELEMETRY, "uplink", Pick("loss", "max(loss_ratio)"), by=["device"], every=STEP)
    return [
        lines("Round trip, longest", "The slowest probe median of each step.", worst, unit="ms",
              steps=alarm(300, 1000), width=8),
        lines("Probes lost, most", "The highest share lost in any 10 s of the step.", loss,
              unit=SHARE_LOOK, steps=alarm(0.05, 0.2), width=8),
        lines("n samples, each step", "Uplink samples in each step, one in 10 s: where there are "
              "fewer, time is unreported.", samples, width=8),
    ]  # fmt: skip


def _mean(field: str) -> Query:
    return select(TELEMETRY, "uplink", Pick(field, f"mean({field})"), by=["device"], every=STEP)
