"""What the JSON API says, as plain documents.

Guarantees: a device that is not reporting has no present uplink or clients: the
last known ones would be taken for now. Does not: know HTTP.
"""

from __future__ import annotations

from typing import Any

from homeroute_collector.api_device import device_row
from homeroute_collector.collector import Collector
from homeroute_collector.influx import Following

LAG_BOUND_S = 300.0
"""A follower further behind than this is a problem even while it writes."""

OUTAGE_BOUND_S = 60.0
"""An InfluxDB that takes nothing is a problem once points have waited this long."""

RECENT_BATCHES = 20


async def fleet(collector: Collector) -> dict[str, Any]:
    """The whole fleet now."""
    now_ms = collector.clock.now_ms()
    routes = await _routes(collector, now_ms)
    counts = collector.ingest.counts
    devices = sorted(collector.presence.devices.values(), key=lambda d: d.device)
    return {
        "now_ms": now_ms,
        "district": collector.config.district,
        "simulated": collector.config.simulated,
        "timezone": collector.timezone,
        "timezone_assumed": collector.timezone_assumed,
        "clock_trusted": collector.clock.trusted,
        "broker": {
            "connected": collector.mqtt.connected,
            "since_ms": collector.mqtt.since_ms,
            "problem": collector.mqtt.problem,
        },
        "influx": _influx(collector),
        "ledger": {
            "received": counts.received,
            "stored": counts.stored,
            "refused": counts.refused,
        },
        "devices": [device_row(collector, d, routes.get(d.device), now_ms) for d in devices],
    }


async def device(collector: Collector, name: str) -> dict[str, Any] | None:
    """One device: its row in the fleet, its last batches, its refusals; None: not known."""
    known = collector.presence.devices.get(name)
    if known is None:
        return None
    now_ms = collector.clock.now_ms()
    query = collector.archive.query
    batches = await query(
        "SELECT received_ms, stream, seq, points, stored, refused, sent_ms, bytes FROM batches "
        "WHERE device = ? ORDER BY commit_id DESC, seq DESC LIMIT ?",
        [name, RECENT_BATCHES],
    )
    refusals = await query(
        "SELECT measurement, reason, sum(points)::BIGINT, max(received_ms) FROM refusals "
        "WHERE device = ? GROUP BY ALL ORDER BY 4 DESC LIMIT ?",
        [name, RECENT_BATCHES],
    )
    seen = await query("SELECT first_seen_ms FROM devices WHERE device = ?", [name])
    routes = await _routes(collector, now_ms)
    return device_row(collector, known, routes.get(name), now_ms) | {
        "now_ms": now_ms,
        "stream": known.stream or None,
        "batch_s": known.batch_s,
        "first_seen_ms": seen[0][0] if seen else None,
        "uplinks": [
            {
                "interface": u.interface,
                "time_ms": u.time_ms,
                "state": u.state,
                "rtt_ms": u.rtt_ms,
                "loss_ratio": u.loss_ratio,
                "technology": u.technology,
                "carrier": u.carrier,
                "rsrp_dbm": u.rsrp_dbm,
                "sinr_db": u.sinr_db,
            }
            for u in known.uplinks
        ],
        "batches": _rows(
            ("received_ms", "stream", "seq", "points", "stored", "refused", "sent_ms", "bytes"),
            batches,
        ),
        "refusals": _rows(("measurement", "reason", "points", "newest_ms"), refusals),
    }


def problems(collector: Collector) -> list[str]:
    """What is wrong now, in plain words; empty when all is well."""
    found = [
        collector.clock.problem,
        collector.archive.problem,
        collector.rollup_problem,
        collector.publication_problem,
    ]
    if not collector.mqtt.connected:
        found.append(collector.mqtt.problem)
    if collector.follower is not None:
        follower = collector.follower.following()
        lag_s = follower.lag_s or 0.0
        if follower.problem and lag_s > OUTAGE_BOUND_S:
            found.append(f"InfluxDB takes no points since {lag_s:.0f} s: {follower.problem}")
        elif lag_s > LAG_BOUND_S:
            found.append(f"InfluxDB is {lag_s:.0f} s behind the archive")
    for database, fed in collector.aggregate_followers.items():
        following = fed.follower.following()
        behind_s = following.lag_s or 0.0
        if behind_s > OUTAGE_BOUND_S:
            why = f": {following.problem}" if following.problem else ""
            found.append(f"InfluxDB's {database} is {behind_s:.0f} s behind the rollups{why}")
    return [problem for problem in found if problem]


def _influx(collector: Collector) -> dict[str, Any] | None:
    if collector.follower is None:
        return None
    follower = collector.follower.following()
    return {
        "connected": follower.connected,
        "commit_id": follower.commit_id,
        "newest_commit_id": collector.archive.newest_commit_id,
        "lag_s": follower.lag_s,
        "problem": follower.problem,
        "written": follower.written,
        "rejected": follower.rejected,
        "aggregates": {
            database: _aggregates(fed.follower.following())
            for database, fed in collector.aggregate_followers.items()
        },
    }


def _aggregates(following: Following) -> dict[str, Any]:
    return {
        "connected": following.connected,
        "writing": following.commit_id,
        "lag_s": following.lag_s,
        "problem": following.problem,
        "written": following.written,
        "rejected": following.rejected,
    }


async def _routes(collector: Collector, now_ms: int) -> dict[str, str]:
    """The route each device drives now, where legs are kept at all."""
    query = collector.archive.query
    if not await query("SELECT 1 FROM information_schema.tables WHERE table_name = 'legs'", []):
        return {}
    return dict(
        await query(
            "SELECT device, arg_max(route, start_ms) FROM legs "
            "WHERE start_ms <= ? AND end_ms > ? GROUP BY device",
            [now_ms, now_ms],
        )
    )


def _rows(names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    return [dict(zip(names, row, strict=True)) for row in rows]
