"""What a bus's agent would have measured on a past drive, as columns. Pure.

Made from the facts as an agent on that bus would see them: the uplink every ten
seconds and not between, sessions with interims every ten minutes, counts by
clock minute. Guarantees: nothing after the agent fell silent; no two points of
one series at one time. Does not: look at the truth.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeroute_simulators.faults_wire import OPTIONAL
from homeroute_simulators.history_facts import GROUPS, MINUTE_MS, STEP_MS, Ints, Passage
from homeroute_simulators.names import CATEGORIES
from homeroute_simulators.radio import Radio, probe_rtt_ms
from homeroute_simulators.seeds import columns
from homeroute_simulators.truth_minutes import (
    DEFAULT,
    LOOSE,
    STRICT,
    active_matrix,
    learning_matrix,
)
from homeroute_wire.batch import RawColumns

SSID, BAND, WAN, LAN, TECHNOLOGY = "Bus-WiFi", "5", "wwan0", "wlan0", "lte"
INTERIM_MS = 600_000
COUNTED = ("activity", "filter")
"""Counted by minute, and told late."""

PROBES = 5

Array = NDArray[Any]


def measured(
    passage: Passage, radio: Radio, *, definition: str, version: str
) -> dict[str, RawColumns]:
    """Every measurement with a row, each in order of time."""
    rng = columns("samples", radio.district.seed, passage.planned.bus.device, passage.planned.name)
    steps = passage.steps_ms
    second = (steps - passage.first_ms) // 1000
    at = (steps - passage.reception.start_ms) // 1000
    found = {
        "wifi": _wifi(passage, steps),
        "session": _sessions(passage),
        "traffic": _traffic(passage, steps),
        "uplink": _uplink(
            passage, steps, passage.states[second], passage.reception.signal_dbm[at], rng
        ),
        "activity": _activity(passage, definition),
        "filter": _filter(passage),
        "position": _position(passage, steps, radio, rng),
        **_gateway(passage, version, rng),
    }
    _mar(passage, found)
    if passage.told_until_ms < passage.last_ms:
        ends = dict.fromkeys(COUNTED, passage.counted_until_ms)
        found = {
            name: _until(raw, ends.get(name, passage.told_until_ms)) for name, raw in found.items()
        }
    return {name: raw for name, raw in found.items() if raw.times_ms}


def _mar(passage: Passage, found: dict[str, RawColumns]) -> None:
    """What a mishap does to what is measured; other mishaps befall the way or the batches."""
    kind = passage.mishap.kind if passage.mishap else ""
    begin_ms, end_ms = passage.stretch_ms
    if kind == "gps_loss":
        found["position"] = _without(found["position"], begin_ms, end_ms)
    elif kind == "counter_reset":
        traffic = found["traffic"]
        for row, time_ms in enumerate(traffic.times_ms):
            if time_ms == end_ms:
                # Only what came after the reset is known: half of it.
                traffic.values["down_bytes"][row] //= 2
                traffic.values["up_bytes"][row] //= 2
                traffic.values["resets"][row] = 1
    elif kind == "older_agent":
        for raw in found.values():
            for name in OPTIONAL:
                raw.values.pop(name, None)


def _without(raw: RawColumns, begin_ms: int, end_ms: int) -> RawColumns:
    kept = [row for row, time_ms in enumerate(raw.times_ms) if not begin_ms <= time_ms < end_ms]
    return RawColumns(
        [raw.times_ms[row] for row in kept],
        {name: [of[row] for row in kept] for name, of in raw.values.items()},
    )


def _until(raw: RawColumns, end_ms: int) -> RawColumns:
    if not raw.times_ms or raw.times_ms[-1] < end_ms:
        return raw
    size = int(np.searchsorted(np.array(raw.times_ms), end_ms))
    return RawColumns(raw.times_ms[:size], {k: rows[:size] for k, rows in raw.values.items()})


def _wifi(passage: Passage, steps: Ints) -> RawColumns:
    there = (passage.came_ms <= steps[:, None]) & (steps[:, None] < passage.went_ms)
    private = [client.randomized for client in passage.clients]
    edges = np.concatenate((steps[:1] - STEP_MS, steps))
    clients = there.sum(axis=1)
    size = len(steps)
    return RawColumns(
        steps.tolist(),
        {
            "ssid": [SSID] * size,
            "band": [BAND] * size,
            "clients": clients.tolist(),
            "clients_peak": np.maximum(clients, np.concatenate(([0], clients[:-1]))).tolist(),
            "associated": np.histogram(passage.came_ms, edges)[0].tolist(),
            "disassociated": np.histogram(passage.went_ms, edges)[0].tolist(),
            "randomized": there[:, private].sum(axis=1).tolist() if private else [0] * size,
        },
    )


def _sessions(passage: Passage) -> RawColumns:
    """Each client's interims and its end. Ordinals go by when a client came."""
    down, up = passage.down_bytes.cumsum(axis=0), passage.up_bytes.cumsum(axis=0)
    rows = []
    for number, (came, went) in enumerate(
        zip(passage.came_ms.tolist(), passage.went_ms.tolist(), strict=True)
    ):
        for told in (*range(came + INTERIM_MS, went, INTERIM_MS), went):
            ends = told == went
            # What an interim tells was read at the step before it.
            step = -1 if ends else (told - passage.first_ms) // STEP_MS - 1
            # Times of one series are unique: no two clients share their last digits.
            time_ms = (told // 1000 + 1) * 1000 + number
            length_s = (told - came) // 1000
            rows.append(
                (
                    time_ms,
                    "left" if ends else "interim",
                    number + 1,
                    came // MINUTE_MS,
                    length_s if ends else length_s - length_s % 60,
                    not ends,
                    int(down[step, number]),
                    int(up[step, number]),
                )
            )
    if not rows:
        return RawColumns([], {})
    times, cause, client, started, length, still, got, gave = map(
        list, zip(*sorted(rows), strict=True)
    )
    return RawColumns(
        times,
        {
            "ssid": [SSID] * len(times),
            "cause": cause,
            "client": client,
            "started_min": started,
            "session_s": length,
            "open": still,
            "down_bytes": got,
            "up_bytes": gave,
        },
    )


def _traffic(passage: Passage, steps: Ints) -> RawColumns:
    size = len(steps)
    # A point covers the ten seconds before it.
    down, up = (
        np.repeat(np.concatenate(([0], moved.sum(axis=1)[:-1])), 2).tolist()
        for moved in (passage.down_bytes, passage.up_bytes)
    )
    return RawColumns(
        np.repeat(steps, 2).tolist(),
        {
            "role": ["wan", "lan"] * size,
            "interface": [WAN, LAN] * size,
            "down_bytes": down,
            "up_bytes": up,
            "interval_s": [STEP_MS / 1000] * (2 * size),
            "resets": [0] * (2 * size),
        },
    )


def _uplink(
    passage: Passage, steps: Ints, states: Array, signal: Array, rng: np.random.Generator
) -> RawColumns:
    size = len(steps)
    rtt = np.round(probe_rtt_ms(signal) * rng.uniform(0.86, 1.2, size), 1)
    lost = np.array([PROBES, 1, 0])[states] / PROBES
    told = states > 0
    return RawColumns(
        steps.tolist(),
        {
            "interface": [WAN] * size,
            "technology": [TECHNOLOGY] * size,
            "carrier": [passage.planned.bus.carrier] * size,
            "state": states.tolist(),
            "rtt_ms": [
                value if there else None
                for value, there in zip(rtt.tolist(), told.tolist(), strict=True)
            ],
            "loss_ratio": lost.tolist(),
            "rsrp_dbm": signal.round(1).tolist(),
        },
    )


def _activity(passage: Passage, definition: str) -> RawColumns:
    minutes = passage.minutes
    learning, other = passage.of("learning"), passage.of("other")
    listed = [index for index, group in enumerate(GROUPS) if group.category]
    active = active_matrix(learning, other, passage.minute_bytes())
    whole = minutes * MINUTE_MS
    return RawColumns(
        whole.tolist(),
        {
            "definition": [definition] * len(minutes),
            "active_clients": active.sum(axis=1).tolist(),
            "learning_clients": learning_matrix(learning, DEFAULT).sum(axis=1).tolist(),
            "learning_clients_strict": learning_matrix(learning, STRICT).sum(axis=1).tolist(),
            "learning_clients_loose": learning_matrix(learning, LOOSE).sum(axis=1).tolist(),
            "lookups": passage.lookups.sum(axis=(1, 2)).tolist(),
            "classified_lookups": passage.lookups[:, :, listed].sum(axis=(1, 2)).tolist(),
        },
    )


def _filter(passage: Passage) -> RawColumns:
    rows = []
    for category in CATEGORIES:
        chosen = [i for i, g in enumerate(GROUPS) if g.blocked and g.category == category]
        if not chosen:
            continue
        hits = passage.blocked(chosen)
        sums, clients = hits.sum(axis=1), (hits > 0).sum(axis=1)
        for index in np.flatnonzero(sums).tolist():
            minute = passage.first_minute + index
            rows.append((minute * MINUTE_MS, category, int(sums[index]), int(clients[index])))
    rows.sort()
    return RawColumns(
        [row[0] for row in rows],
        {
            "category": [row[1] for row in rows],
            "action": ["blocked"] * len(rows),
            "hits": [row[2] for row in rows],
            "clients": [row[3] for row in rows],
        },
    )


def _position(passage: Passage, steps: Ints, radio: Radio, rng: np.random.Generator) -> RawColumns:
    drive, size = passage.planned.drive, len(steps)
    after_s = (steps - passage.planned.depart_ms) / 1000.0
    along = drive.along_m(after_s)
    east, north = drive.route.shape.at(along)
    lat, lon = radio.district.projection.degrees(
        east + rng.normal(0.0, 1.8, size), north + rng.normal(0.0, 1.8, size)
    )
    speed = np.abs(drive.speed_mps(after_s) + rng.normal(0.0, 0.15, size))
    return RawColumns(
        steps.tolist(),
        {
            "lat": lat.round(6).tolist(),
            "lon": lon.round(6).tolist(),
            "fix": [3] * size,
            "speed_mps": speed.round(2).tolist(),
            "heading_deg": drive.heading_deg(along).round(1).tolist(),
            "accuracy_m": rng.uniform(2.5, 7.0, size).round(1).tolist(),
        },
    )


def _gateway(passage: Passage, version: str, rng: np.random.Generator) -> dict[str, RawColumns]:
    """Health and the agent's own ledger, by the minute."""
    times = passage.minutes * MINUTE_MS
    size = len(times)
    load = min(1.0, len(passage.came_ms) / 60.0)
    uptime = (times - passage.first_ms) // 1000 + 45
    cpu = np.clip(rng.normal(0.15 + 0.25 * load, 0.05, size), 0.01, 1.0).round(3)
    memory = np.clip(rng.normal(0.4 + 0.1 * load, 0.01, size), 0.1, 0.95).round(3)
    warm = 46.0 + 10.0 * load + np.minimum(uptime / 240.0, 6.0) + rng.normal(0, 0.4, size)
    sampled = (uptime * 0.55).astype(np.int64)
    stored = np.maximum(0, sampled - 33)
    health = {
        "uptime_s": uptime.tolist(),
        "cpu_ratio": cpu.tolist(),
        "memory_ratio": memory.tolist(),
        "disk_ratio": [0.31] * size,
        "temperature_c": warm.round(1).tolist(),
    }
    none = [0] * size
    ledger = {
        "version": [version] * size,
        "sampled": sampled.tolist(),
        "stored": stored.tolist(),
        "refused": none,
        "dropped": none,
        "spooled": (sampled - stored).tolist(),
        "spool_bytes": (9 * (sampled - stored)).tolist(),
        "sampler_errors": none,
        "config_version": none,
    }
    return {
        "health": RawColumns(times.tolist(), health),
        "agent": RawColumns(times.tolist(), ledger),
    }
