"""Every measurement, once: the single source of names, types, units and bounds.

Directions are the rider's: *down* is towards the client. Counts are of
*clients* (devices on the Wi-Fi), never of people. Nothing here can hold a MAC,
an IP address, a host name, a URL or a query name, and nothing may be added
that can.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from homeroute_wire.schema import (
    Measurement,
    MeasurementSpec,
    Origin,
    flag,
    integer,
    real,
    spec_of,
    tag,
)

BUS_AND_HOTSPOT = ("bus", "hotspot")

UPLINK_NO_SERVICE, UPLINK_CONNECTED, UPLINK_USABLE = 0, 1, 2
"""Uplink states (DESIGN section 7). *Unreported* is the absence of a point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wifi(Measurement):
    """Clients on one student SSID."""

    NAME: ClassVar[str] = "wifi"
    CADENCE: ClassVar[str] = "10 s"
    ssid: str = tag("configured student SSID")
    band: str = tag("radio band", choices=("2.4", "5", "6", "unknown"))
    clients: int = integer("clients present now", "clients", maximum=10_000)
    clients_peak: int = integer("most clients since the last point", "clients", maximum=10_000)
    associated: int = integer("associations since the last point", "events", maximum=100_000)
    disassociated: int = integer("disassociations since the last point", "events", maximum=100_000)
    randomized: int = integer("clients present with a randomised MAC", "clients", maximum=10_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session(Measurement):
    """One client's stay: totals so far, repeated as interims, and its end."""

    NAME: ClassVar[str] = "session"
    CADENCE: ClassVar[str] = "10 min, and end"
    ssid: str = tag("configured student SSID")
    cause: str = tag(
        "why this record was made",
        choices=("interim", "left", "silent", "restart", "shutdown"),
    )
    client: int = integer("ordinal of the client within one agent run", "", minimum=1)
    started_min: int = integer("start, rounded down to the minute", "min since 1970")
    session_s: int = integer("length so far", "s", maximum=31 * 86_400)
    open: bool = flag("still going on")
    down_bytes: int | None = integer("towards the client so far", "bytes", optional=True)
    up_bytes: int | None = integer("from the client so far", "bytes", optional=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic(Measurement):
    """Bytes through one interface of the gateway since the last point."""

    NAME: ClassVar[str] = "traffic"
    CADENCE: ClassVar[str] = "10 s"
    role: str = tag("which side of the gateway", choices=("wan", "lan"))
    interface: str = tag("interface name")
    down_bytes: int = integer("towards clients", "bytes")
    up_bytes: int = integer("from clients", "bytes")
    interval_s: float = real("time covered", "s", minimum=0.0, maximum=86_400.0)
    resets: int = integer("counter resets seen in the interval", "resets", maximum=1_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Uplink(Measurement):
    """Quality of the way to the internet."""

    NAME: ClassVar[str] = "uplink"
    CADENCE: ClassVar[str] = "10 s"
    KINDS: ClassVar[tuple[str, ...]] = BUS_AND_HOTSPOT
    interface: str = tag("WAN interface name")
    technology: str = tag("radio technology, or unknown")
    carrier: str = tag("carrier, or unknown")
    state: int = integer("0 no service, 1 connected, 2 usable", "", maximum=2)
    rtt_ms: float | None = real(
        "median probe round trip", "ms", minimum=0.0, maximum=60_000.0, optional=True
    )
    loss_ratio: float | None = real(
        "failed probes / probes sent", "ratio", minimum=0.0, maximum=1.0, optional=True
    )
    rsrp_dbm: float | None = real(
        "reference signal received power", "dBm", minimum=-160.0, maximum=-20.0, optional=True
    )
    rsrq_db: float | None = real(
        "reference signal received quality", "dB", minimum=-50.0, maximum=30.0, optional=True
    )
    sinr_db: float | None = real(
        "signal to interference and noise", "dB", minimum=-50.0, maximum=60.0, optional=True
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity(Measurement):
    """What all clients together did in one clock minute, under one definition."""

    NAME: ClassVar[str] = "activity"
    CADENCE: ClassVar[str] = "1 min, 3 min late"
    definition: str = tag("hash of the lists and thresholds used")
    active_clients: int = integer("clients active", "clients", maximum=10_000)
    learning_clients: int = integer("clients learning-active", "clients", maximum=10_000)
    learning_clients_strict: int = integer("the same, strictly", "clients", maximum=10_000)
    learning_clients_loose: int = integer("the same, loosely", "clients", maximum=10_000)
    lookups: int = integer("name lookups", "lookups")
    classified_lookups: int = integer("lookups whose name is on some list", "lookups")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter(Measurement):
    """Content-filter hits in one clock minute, by category."""

    NAME: ClassVar[str] = "filter"
    CADENCE: ClassVar[str] = "1 min"
    category: str = tag("category, or uncategorized")
    action: str = tag("what the filter did", choices=("blocked", "allowed", "redirected"))
    hits: int = integer("hits, one per client, name and 10 s", "hits")
    clients: int = integer("distinct clients hit", "clients", maximum=10_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Position(Measurement):
    """Where the bus is."""

    NAME: ClassVar[str] = "position"
    CADENCE: ClassVar[str] = "10 s"
    lat: float = real("latitude, WGS 84", "deg", minimum=-90.0, maximum=90.0)
    lon: float = real("longitude, WGS 84", "deg", minimum=-180.0, maximum=180.0)
    fix: int = integer("2 two-dimensional, 3 three-dimensional", "", minimum=2, maximum=3)
    speed_mps: float | None = real("speed", "m/s", minimum=0.0, maximum=100.0, optional=True)
    heading_deg: float | None = real(
        "course over ground, clockwise from north", "deg", minimum=0.0, maximum=360.0, optional=True
    )
    accuracy_m: float | None = real(
        "estimated horizontal error", "m", minimum=0.0, maximum=100_000.0, optional=True
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Health(Measurement):
    """How the gateway itself is doing."""

    NAME: ClassVar[str] = "health"
    CADENCE: ClassVar[str] = "1 min"
    KINDS: ClassVar[tuple[str, ...]] = BUS_AND_HOTSPOT
    uptime_s: int = integer("since boot", "s")
    cpu_ratio: float | None = real(
        "busy share of all cores", "ratio", minimum=0.0, maximum=1.0, optional=True
    )
    memory_ratio: float | None = real(
        "used memory", "ratio", minimum=0.0, maximum=1.0, optional=True
    )
    disk_ratio: float | None = real(
        "used writable storage", "ratio", minimum=0.0, maximum=1.0, optional=True
    )
    temperature_c: float | None = real(
        "hottest sensor", "degC", minimum=-60.0, maximum=150.0, optional=True
    )
    undervoltage: bool | None = flag("supply too low now", optional=True)
    throttled: bool | None = flag("slowed down now", optional=True)
    clock_offset_ms: int | None = integer(
        "collector's clock - own clock", "ms", minimum=-(2**53), maximum=2**53, optional=True
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent(Measurement):
    """The agent's own ledger: sampled = stored + refused + dropped + spooled."""

    NAME: ClassVar[str] = "agent"
    CADENCE: ClassVar[str] = "1 min"
    KINDS: ClassVar[tuple[str, ...]] = BUS_AND_HOTSPOT
    version: str = tag("version of the agent")
    sampled: int = integer("points ever sampled", "points")
    stored: int = integer("acknowledged as stored", "points")
    refused: int = integer("acknowledged as refused", "points")
    dropped: int = integer("given up, at a bound or never dated", "points")
    spooled: int = integer("waiting on the device", "points")
    spool_bytes: int = integer("size of what waits", "bytes")
    sampler_errors: int = integer("sampler failures since start", "errors")
    config_version: int = integer("version of the settings applied; 0: the file's", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterCheck(Measurement):
    """Does the content filter really block? Asked with a canary name."""

    NAME: ClassVar[str] = "filter_check"
    CADENCE: ClassVar[str] = "power-on, then 1 h"
    filter: str = tag("which filter was asked")
    canary_blocked: bool = flag("the canary name was blocked")
    filter_live: bool = flag("the filter answered at all")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage(Measurement):
    """One day of a take-home hotspot: totals only, for it is a household."""

    NAME: ClassVar[str] = "usage"
    CADENCE: ClassVar[str] = "1 day"
    KINDS: ClassVar[tuple[str, ...]] = ("hotspot",)
    carrier: str = tag("carrier, or unknown")
    down_bytes: int = integer("towards clients", "bytes")
    up_bytes: int = integer("from clients", "bytes")
    active_hours: int = integer("clock hours with traffic", "h", maximum=25)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceStatus(Measurement):
    """What the collector believes of every known device, silent ones included."""

    NAME: ClassVar[str] = "device_status"
    CADENCE: ClassVar[str] = "30 s"
    ORIGIN: ClassVar[Origin] = "server"
    KINDS: ClassVar[tuple[str, ...]] = BUS_AND_HOTSPOT
    state: str = tag(
        "presence",
        choices=("unknown", "online", "degraded", "offline", "parked", "unscheduled", "retired"),
    )
    age_s: float | None = real(
        "since the newest live point", "s", minimum=0.0, maximum=1e10, optional=True
    )
    level: int = integer("0 offline or unknown, 1 degraded, 2 online; else 3", "", maximum=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline(Measurement):
    """The collector's own ledger since its start."""

    NAME: ClassVar[str] = "pipeline"
    CADENCE: ClassVar[str] = "30 s"
    ORIGIN: ClassVar[Origin] = "server"
    received: int = integer("points received, duplicates included", "points")
    stored: int = integer("points committed", "points")
    refused: int = integer("points refused", "points")
    follower_lag_s: float | None = real(
        "age of the oldest point not yet in InfluxDB", "s", minimum=0.0, maximum=1e10, optional=True
    )
    queue: int = integer("batches waiting for validation", "batches")
    broker_connected: bool | None = flag("connected to the broker", optional=True)
    disk_free_ratio: float | None = real(
        "free share of the disk with the archive",
        "ratio",
        minimum=0.0,
        maximum=1.0,
        optional=True,
    )
    calendar_days: float | None = real(
        "until the last imported calendar ends; below 0: it has ended",
        "d",
        minimum=-1e6,
        maximum=1e6,
        optional=True,
    )
    certificate_days: float | None = real(
        "until the first certificate of the broker ends; below 0: it has ended",
        "d",
        minimum=-1e6,
        maximum=1e6,
        optional=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerState(Measurement):
    """What the broker says of itself (its ``$SYS`` topics), where it does."""

    NAME: ClassVar[str] = "broker"
    CADENCE: ClassVar[str] = "30 s"
    ORIGIN: ClassVar[Origin] = "server"
    uptime_s: int = integer("since the broker's start", "s")
    connected: int | None = integer("MQTT clients connected now", "connections", optional=True)
    received: int | None = integer("messages received since its start", "messages", optional=True)
    dropped: int | None = integer("messages given up since its start", "messages", optional=True)
    kept: int | None = integer("messages it holds, retained and queued", "messages", optional=True)


RECORDS: tuple[type[Measurement], ...] = (
    Wifi,
    Session,
    Traffic,
    Uplink,
    Activity,
    Filter,
    Position,
    Health,
    Agent,
    FilterCheck,
    Usage,
    DeviceStatus,
    Pipeline,
    BrokerState,
)

MEASUREMENTS: dict[str, MeasurementSpec] = {r.NAME: spec_of(r) for r in RECORDS}
"""Every measurement by name."""

FROM_DEVICES: dict[str, MeasurementSpec] = {
    name: spec for name, spec in MEASUREMENTS.items() if spec.origin == "device"
}
"""What a device may send."""
