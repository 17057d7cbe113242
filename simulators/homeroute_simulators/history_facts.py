"""What happened on one past drive: the facts, all at once, before anybody measures them. Pure.

The world says who drove, who was aboard and what the modem received; this adds
what the clients did in that air: bytes by ten seconds, lookups by minute. Both
the truth and the points are made from these facts, and neither from the other.

Guarantees: the same world, the same facts; a client does nothing before it came
or after it went, and moves nothing without service.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from homeroute_simulators.district import Client
from homeroute_simulators.history_faults import REST_OF_DRIVE, WHOLE_DRIVE, Mishap
from homeroute_simulators.names import BLOCKED, CATEGORIES, DOH_LOOKUPS_PER_MIN, LEARNING, TASTES
from homeroute_simulators.planned_drive import PlannedDrive
from homeroute_simulators.radio import GOOD_DBM, SERVICE_FLOOR_DBM, Radio
from homeroute_simulators.reception import Reception, receive
from homeroute_simulators.seeds import columns
from homeroute_simulators.truth_facts import BACKGROUND

STEP_MS, MINUTE_MS = 10_000, 60_000
LATE_MS = 180_000
"""A minute is judged so long after it began, as agents do."""

AROUND_MS = 60_000
"""The gateway runs so long before the first stop and after the last."""

Ints = NDArray[np.int64]
Kind = Literal["learning", "background", "other"]


@dataclass(frozen=True, slots=True)
class Group:
    """Names that count alike, and how often a minute each use asks for them.

    ``category`` is empty for names on no list. A use is a habit, or ``doh``.
    """

    category: str
    kind: Kind
    blocked: bool
    rates: dict[str, float]


def _use(client: Client) -> str:
    return "doh" if client.doh else client.habit


def _kind(category: str) -> Kind:
    if category == "learning":
        return "learning"
    background = any(name in BACKGROUND for name in CATEGORIES.get(category, ()))
    return "background" if background else "other"


def _groups() -> tuple[Group, ...]:
    listed = {name: category for category, names in CATEGORIES.items() for name in names}
    listed |= dict.fromkeys(LEARNING, "learning")
    uses = {habit: (taste.lookups_per_min, taste.shares) for habit, taste in TASTES.items()}
    asks_doh = {"doh": (DOH_LOOKUPS_PER_MIN, ((CATEGORIES["doh"], 1.0),))}
    found: dict[tuple[str, bool], dict[str, float]] = {}
    for use, (per_min, shares) in (*uses.items(), *asks_doh.items()):
        total = sum(share for _, share in shares)
        for names, share in shares:
            for name in names:
                rates = found.setdefault((listed.get(name, ""), name in BLOCKED), {})
                rates[use] = rates.get(use, 0.0) + per_min * share / total / len(names)
    return tuple(
        Group(category, _kind(category), blocked, rates)
        for (category, blocked), rates in sorted(found.items())
    )


GROUPS = _groups()
"""Every group of names that riders look up."""


@dataclass(frozen=True, slots=True)
class Passage:
    """The facts of one drive. Arrays are by step or by whole clock minute, then by client.

    The gateway is on from ``first_ms`` until ``last_ms``, in whole steps; the bytes
    of a step were moved in the ten seconds that begin with it. ``lookups`` has a
    third axis: :data:`GROUPS`. ``told_until_ms`` is when the agent fell silent;
    ``mishap`` is what else went wrong, in whole steps from ``stretch_ms[0]`` on.
    """

    planned: PlannedDrive
    reception: Reception
    first_ms: int
    last_ms: int
    states: NDArray[np.int8]
    clients: tuple[Client, ...]
    came_ms: Ints
    went_ms: Ints
    down_bytes: Ints
    up_bytes: Ints
    first_minute: int
    lookups: Ints
    told_until_ms: int
    mishap: Mishap | None = None

    @property
    def stretch_ms(self) -> tuple[int, int]:
        """From when until when the mishap lasted; nothing where there was none."""
        return _stretch(self.planned, self.mishap, self.first_ms, self.last_ms)

    @property
    def reported_until_ms(self) -> int:
        """Until when what was told can be stored: a wrong date is as good as silence."""
        jumped = self.mishap is not None and self.mishap.kind == "clock_jump"
        return self.stretch_ms[0] if jumped else self.told_until_ms

    @property
    def counted_until_ms(self) -> int:
        """Of which minutes the counts were told: they are three minutes late."""
        until_ms = self.reported_until_ms
        return (
            self.last_ms
            if until_ms == self.last_ms
            else until_ms // MINUTE_MS * MINUTE_MS - LATE_MS
        )

    @property
    def steps_ms(self) -> Ints:
        """When each step begins."""
        return np.arange(self.first_ms, self.last_ms, STEP_MS, dtype=np.int64)

    @property
    def minutes(self) -> Ints:
        """The whole clock minutes, since 1970."""
        return np.arange(self.first_minute, self.last_ms // MINUTE_MS, dtype=np.int64)

    def of(self, kind: str) -> Ints:
        """Lookups of that kind, by minute and client."""
        chosen = [index for index, group in enumerate(GROUPS) if group.kind == kind]
        return np.asarray(self.lookups[:, :, chosen].sum(axis=2))

    def blocked(self, groups: Sequence[int]) -> Ints:
        """Lookups of those groups that the filter answered, by minute and client."""
        hits = np.asarray(self.lookups[:, :, list(groups)].sum(axis=2))
        if self.mishap is not None and self.mishap.kind == "filter_off":
            begin_ms, end_ms = self.stretch_ms
            began = self.minutes * MINUTE_MS
            hits[(began + MINUTE_MS > begin_ms) & (began < end_ms)] = 0
        return hits

    def minute_bytes(self) -> Ints:
        """Bytes both ways, by minute and client."""
        skipped = (self.first_minute * MINUTE_MS - self.first_ms) // STEP_MS
        a_minute = MINUTE_MS // STEP_MS
        moved = (self.down_bytes + self.up_bytes)[skipped:]
        size = len(self.minutes)
        whole = moved[: size * a_minute].reshape(size, a_minute, moved.shape[1])
        return np.asarray(whole.sum(axis=1))


def passage(
    radio: Radio, planned: PlannedDrive, *, heard: float = 1.0, mishap: Mishap | None = None
) -> Passage:
    """The facts of one drive, of which the agent lived to tell a share.

    ``heard`` 0: the gateway had no power, so there was no Wi-Fi either.
    """
    words = (radio.district.seed, planned.bus.device, planned.name)
    reception = receive(radio, planned)
    first_ms = (planned.depart_ms - AROUND_MS) // STEP_MS * STEP_MS
    last_ms = -(-(planned.arrive_ms + AROUND_MS) // STEP_MS) * STEP_MS
    stays = planned.stays if heard else ()
    clients = tuple(stay.client for stay in stays)
    came_ms = np.array([stay.came_ms for stay in stays], dtype=np.int64)
    went_ms = np.array([stay.went_ms for stay in stays], dtype=np.int64)
    rng = columns("use", *words)
    states = _states(reception, first_ms, last_ms)
    if mishap is not None and mishap.kind in {"no_coverage", "modem_flap"}:
        begin_ms, end_ms = _stretch(planned, mishap, first_ms, last_ms)
        states[(begin_ms - first_ms) // 1000 : (end_ms - first_ms) // 1000] = 0
    down, up = _moved(clients, states, came_ms, went_ms, first_ms, rng)
    first_minute = -(-first_ms // MINUTE_MS)
    minutes = np.arange(first_minute, last_ms // MINUTE_MS, dtype=np.int64)
    return Passage(
        planned=planned,
        reception=reception,
        first_ms=first_ms,
        last_ms=last_ms,
        states=states,
        clients=clients,
        came_ms=came_ms,
        went_ms=went_ms,
        down_bytes=down,
        up_bytes=up,
        first_minute=first_minute,
        lookups=_looked_up(clients, minutes, came_ms, went_ms, rng),
        told_until_ms=first_ms + round(heard * (last_ms - first_ms)),
        mishap=mishap,
    )


def _stretch(
    planned: PlannedDrive, mishap: Mishap | None, first_ms: int, last_ms: int
) -> tuple[int, int]:
    if mishap is None:
        return first_ms, first_ms
    if mishap.kind in WHOLE_DRIVE:
        return first_ms, last_ms
    begin_ms = (
        first_ms + (planned.depart_ms + mishap.after_s * 1000 - first_ms) // STEP_MS * STEP_MS
    )
    rest = mishap.kind in REST_OF_DRIVE
    end_ms = last_ms if rest else begin_ms + -(-mishap.for_s * 1000 // STEP_MS) * STEP_MS
    return begin_ms, min(end_ms, last_ms)


def _states(reception: Reception, first_ms: int, last_ms: int) -> NDArray[np.int8]:
    """The service of each second from ``first_ms`` on: bad air answers nothing."""
    begin = (first_ms - reception.start_ms) // 1000
    chosen = slice(begin, begin + (last_ms - first_ms) // 1000)
    signal, bad = reception.signal_dbm[chosen], reception.bad[chosen]
    state = np.where(signal < GOOD_DBM, 1, 2)
    return np.where(bad | (signal < SERVICE_FLOOR_DBM), 0, state).astype(np.int8)


def _overlap(starts_ms: Ints, size_ms: int, came_ms: Ints, went_ms: Ints) -> NDArray[np.float64]:
    """The share of each stretch that each client was there, by stretch and client."""
    begin = np.maximum(starts_ms[:, None], came_ms)
    end = np.minimum(starts_ms[:, None] + size_ms, went_ms)
    return np.asarray(np.clip(end - begin, 0, None) / size_ms)


def _moved(
    clients: tuple[Client, ...],
    states: NDArray[np.int8],
    came_ms: Ints,
    went_ms: Ints,
    first_ms: int,
    rng: np.random.Generator,
) -> tuple[Ints, Ints]:
    tastes = [TASTES[client.habit] for client in clients]
    served = states.reshape(-1, STEP_MS // 1000)
    starts = first_ms + np.arange(len(served), dtype=np.int64) * STEP_MS
    # What the air lets through: all of it, a seventh, nothing.
    air = np.array([0.0, 0.15, 1.0])[served].mean(axis=1) * rng.lognormal(-0.3, 0.75, len(starts))
    there = _overlap(starts, STEP_MS, came_ms, went_ms) * (STEP_MS / 1000)
    wanted = there * np.array([taste.down_bytes_s for taste in tastes]) * air[:, None]
    ratio = np.array([taste.up_ratio for taste in tastes])
    return wanted.astype(np.int64), (wanted * ratio).astype(np.int64)


def _looked_up(
    clients: tuple[Client, ...],
    minutes: Ints,
    came_ms: Ints,
    went_ms: Ints,
    rng: np.random.Generator,
) -> Ints:
    rates = [[group.rates.get(_use(client), 0.0) for group in GROUPS] for client in clients]
    there = _overlap(minutes * MINUTE_MS, MINUTE_MS, came_ms, went_ms)[:, :, None]
    wanted = there * np.array(rates).reshape(len(clients), len(GROUPS))
    return np.asarray(rng.poisson(wanted), dtype=np.int64)
