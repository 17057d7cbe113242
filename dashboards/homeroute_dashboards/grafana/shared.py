"""Panels that stand on several dashboards."""

from __future__ import annotations

from homeroute_dashboards.grafana.colours import IDLE, alarm
from homeroute_dashboards.grafana.influxql import TELEMETRY, Pick, over, select
from homeroute_dashboards.grafana.looks import LEVELS
from homeroute_dashboards.grafana.panels import Board, lines, number

STEP = "$__interval"


def state_counts(what: str = "Devices", where: str = "") -> list[Board]:
    """How many devices are in each state now; ``where`` narrows them to what ``what`` says."""
    return [_level(level, what, where) for level in LEVELS]


def _level(level: float, what: str, where: str) -> Board:
    word, colour = LEVELS[level]
    last = select(
        TELEMETRY, "device_status", Pick("level", "last(level)"), by=["device"], where=where
    )
    return number(
        word,
        f"{what} that are {word.lower()} now. The collector reports every device it knows "
        "every 30 s, the silent ones included.",
        over(last, Pick("devices", "count(level)"), where=f"level = {level:g}"),
        steps=((None, IDLE), (1, colour)),
        empty="0",
        now=True,
    )


def clients_now(width: int = 4) -> Board:
    """Clients on student Wi-Fi."""
    last = select(
        TELEMETRY, "wifi", Pick("clients", "last(clients)"), by=["device", "ssid", "band"]
    )
    return number(
        "Clients now",
        "Devices on student Wi-Fi in the last three minutes, over all buses shown. Clients, "
        "never people.",
        over(last, Pick("clients", "sum(clients)")),
        empty="0",
        now=True,
        width=width,
    )


def ledger(width: int = 12) -> Board:
    """What devices still owe."""
    query = select(TELEMETRY, "agent", Pick("waiting", "max(spooled)"), by=["device"], every=STEP)
    return lines(
        "Backlog",
        "Points that wait on the device, the most of each step. They come once there is coverage.",
        query,
        steps=alarm(5_000, 50_000),
        width=width,
    )
