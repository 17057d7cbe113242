"""What those aboard a past drive left behind: Wi-Fi, sessions, traffic, lookups. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from homeroute_simulators.district import Client
from homeroute_simulators.drive import Drive
from homeroute_simulators.history_rows import MINUTE_MS, SAMPLE_MS, Ints, rows
from homeroute_simulators.names import BLOCKED, CATEGORIES, LEARNING, TASTES, lookups_per_min, pools
from homeroute_simulators.planned_drive import PlannedDrive
from homeroute_simulators.radio import GOOD_DBM, SERVICE_FLOOR_DBM
from homeroute_simulators.roads import Reals
from homeroute_wire.measurements import Activity, Filter, Session, Traffic, Wifi
from homeroute_wire.schema import Point

SSID, BAND, WAN, LAN = "Bus-WiFi", "5", "wwan0", "wlan0"
SESSION_INTERIM_S = 600


@dataclass(frozen=True, slots=True)
class Passage:
    """One past drive. ``definition`` and ``version`` are what the live agents say of themselves."""

    planned: PlannedDrive
    definition: str
    version: str

    @property
    def drive(self) -> Drive:
        """How the bus moved."""
        return self.planned.drive

    @property
    def clients(self) -> list[Client]:
        """Whose stays they are, in order of coming."""
        return [stay.client for stay in self.planned.stays]


def stays(passage: Passage) -> tuple[Ints, Ints]:
    """When each client came and went, ms since 1970."""
    came = [stay.came_ms for stay in passage.planned.stays]
    went = [stay.went_ms for stay in passage.planned.stays]
    return np.array(came, dtype=np.int64), np.array(went, dtype=np.int64)


def _aboard(times: Ints, came_ms: Ints, went_ms: Ints) -> NDArray[np.bool_]:
    """Times by riders: who is there."""
    return np.asarray((came_ms <= times[:, None]) & (times[:, None] < went_ms))


def wifi(passage: Passage, times: Ints, came_ms: Ints, went_ms: Ints) -> Iterator[Point]:
    """Clients present, come and gone at each time."""
    there = _aboard(times, came_ms, went_ms)
    clients = there.sum(axis=1)
    randomized = np.array([client.randomized for client in passage.clients], dtype=bool)
    private = there[:, randomized].sum(axis=1)
    came = np.histogram(came_ms, _edges(times))[0]
    went = np.histogram(went_ms, _edges(times))[0]
    peak = np.maximum(clients, np.concatenate(([0], clients[:-1])))
    for t, c, p, a, d, r in rows(times, clients, peak, came, went, private):
        yield Point(
            t,
            Wifi(
                ssid=SSID,
                band=BAND,
                clients=c,
                clients_peak=p,
                associated=a,
                disassociated=d,
                randomized=r,
            ),
        )


def _edges(times: Ints) -> Ints:
    return np.concatenate((times[:1] - SAMPLE_MS, times))


def traffic(
    passage: Passage,
    times: Ints,
    signal: Reals,
    came_ms: Ints,
    went_ms: Ints,
    rng: np.random.Generator,
) -> Iterator[Point]:
    """Bytes of both sides: what those aboard wanted and the signal let through."""
    there = _aboard(times, came_ms, went_ms)
    tastes = [TASTES[client.habit] for client in passage.clients]
    rates = np.array([taste.down_bytes_s for taste in tastes])
    ups = np.array([taste.down_bytes_s * taste.up_ratio for taste in tastes])
    usable = np.where(
        signal < SERVICE_FLOOR_DBM, 0.0, np.where(signal < GOOD_DBM, 0.15, 1.0)
    ) * rng.lognormal(-0.3, 0.75, len(times))
    down = (there @ rates * usable * SAMPLE_MS / 1000).astype(np.int64)
    up = (there @ ups * usable * SAMPLE_MS / 1000).astype(np.int64)
    for t, d, u in rows(times, down, up):
        for role, interface in (("wan", WAN), ("lan", LAN)):
            yield Point(
                t,
                Traffic(
                    role=role,
                    interface=interface,
                    down_bytes=d,
                    up_bytes=u,
                    interval_s=SAMPLE_MS / 1000,
                    resets=0,
                ),
            )


def sessions(passage: Passage, came_ms: Ints, went_ms: Ints) -> Iterator[Point]:
    """Each client's interims and its end."""
    ordinals = np.arange(1, len(came_ms) + 1)
    for (came, went, ordinal), client in zip(
        rows(came_ms, went_ms, ordinals), passage.clients, strict=True
    ):
        taste = TASTES[client.habit]
        lengths = [*range(SESSION_INTERIM_S, (went - came) // 1000, SESSION_INTERIM_S)]
        for length_s in [*lengths, (went - came) // 1000]:
            ends = length_s == (went - came) // 1000
            yield Point(
                # Unique, as every series' times are: no two clients share their last digits.
                (came + length_s * 1000) // 100 * 100 + ordinal,
                Session(
                    ssid=SSID,
                    cause="left" if ends else "interim",
                    client=ordinal,
                    started_min=came // MINUTE_MS,
                    session_s=length_s,
                    open=not ends,
                    down_bytes=int(length_s * taste.down_bytes_s * 0.9),
                    up_bytes=int(length_s * taste.down_bytes_s * taste.up_ratio * 0.9),
                ),
            )


def asked(
    passage: Passage, minutes: Ints, came_ms: Ints, went_ms: Ints, rng: np.random.Generator
) -> Iterator[Point]:
    """Activity and filter hits: counts of lookups by client and minute, then summed."""
    there = _aboard(minutes, came_ms, went_ms)
    rates = [lookups_per_min(client) for client in passage.clients]
    lookups = rng.poisson(rates, there.shape) * there
    heard = [pools(client) for client in passage.clients]

    def of(names: Iterable[str]) -> Ints:
        wanted = set(names)
        weights = [
            sum(share * len(wanted.intersection(pool)) / len(pool) for pool, share in theirs)
            / sum(share for _, share in theirs)
            for theirs in heard
        ]
        return np.asarray(rng.binomial(lookups, weights), dtype=np.int64)

    learning = of(LEARNING)
    background = of((*CATEGORIES["update"], *CATEGORIES["publicite"]))
    listed = of(name for names in CATEGORIES.values() for name in names)
    counts = (
        ((lookups - np.minimum(background, lookups)) > 0).sum(axis=1),
        (learning >= 2).sum(axis=1),
        (learning >= 4).sum(axis=1),
        (learning >= 1).sum(axis=1),
        lookups.sum(axis=1),
        np.minimum(learning + listed, lookups).sum(axis=1),
    )
    for t, active, default, strict, loose, total, classified in rows(minutes, *counts):
        yield Point(
            t,
            Activity(
                definition=passage.definition,
                active_clients=max(active, loose),
                learning_clients=default,
                learning_clients_strict=strict,
                learning_clients_loose=loose,
                lookups=total,
                classified_lookups=classified,
            ),
        )
    for category, names in CATEGORIES.items():
        hits = of(BLOCKED.intersection(names))
        for t, total, clients in rows(minutes, hits.sum(axis=1), (hits > 0).sum(axis=1)):
            if total:
                yield Point(
                    t, Filter(category=category, action="blocked", hits=total, clients=clients)
                )
