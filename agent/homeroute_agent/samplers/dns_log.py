"""Activity and filter hits from the log of the gateway's name server.

Guarantees: a name and an address die here, within the line that brought them,
but for a memory of 10 s; what goes on is a category and an ordinal. Where Wi-Fi is
watched, only clients on a configured SSID count, and only while they are there;
the gateway's own lookups never do. Until the clock is trusted, lookups are held,
bounded, and counted into their minutes afterwards. A lookup's minute is the one its
line says, however late it is read. Does not: run on a hotspot.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from homeroute_agent.activity import Activity, Kind, Minute
from homeroute_agent.clients import Clients, Stay
from homeroute_agent.clock import every
from homeroute_agent.filter_hits import Action, FilterHits, Hits, Once
from homeroute_agent.names import EXCLUDED, LEARNING, UNCATEGORIZED, Names, load, tag_of
from homeroute_agent.sample import Context, NoData, Sampler
from homeroute_agent.samplers import addresses
from homeroute_agent.samplers.dns_text import Block, Lookup, SteadyWall, parser_of, written_ms
from homeroute_agent.samplers.follow import Follower
from homeroute_wire import measurements

if TYPE_CHECKING:
    from homeroute_agent.config import Config
    from homeroute_agent.config import DnsLog as DnsLogSettings

NAME = "dns_log"
POLL_S = 0.5
LATE_MS = 3_000
"""A minute's hits are told so long after its end: its last lines have been read by then."""

HELD_BOUND = 20_000
"""Lookups held while the clock is not trusted; the oldest go first."""

OWN = frozenset({"127.0.0.1", "::1"})
"""The gateway asking itself: no client."""

_log = logging.getLogger(__name__)


def wanted(config: Config) -> bool:
    """Buses only: what a household looks up is nobody's business."""
    return config.kind == "bus" and bool(config.dns_log)


async def run(ctx: Context) -> None:
    """Follow every configured log; emit ``activity`` and ``filter`` by clock minute."""
    settings = ctx.config.names
    names = await asyncio.to_thread(load, settings.categories_dir, settings.learning_file)
    counter = Counter(ctx, names)
    try:
        async with asyncio.TaskGroup() as group:
            for log in ctx.config.dns_log:
                group.create_task(_follow(ctx, log, counter), name=f"dns log {log.path}")
            group.create_task(counter.tell(), name="dns minutes")
    finally:
        counter.finish()


async def _follow(ctx: Context, log: DnsLogSettings, counter: Counter) -> None:
    name = f"{NAME} {log.path}"
    reader = _Reader(ctx, log)
    poll_s = min(POLL_S, ctx.config.minute_s / 4)
    try:
        while True:
            try:
                reader.read()
            except FileNotFoundError:
                ctx.failed(name, NoData(f"no log at {log.path}: does the name server write one?"))
            except OSError as error:
                reader.close()
                ctx.failed(name, error)
            else:
                counter.listen()
                ctx.working(name)
                if addresses_read := {event.address for event, _ in reader.events} - OWN:
                    await reader.joined.refresh(addresses_read)
                reader.give(counter)
            await ctx.clock.sleep(poll_s)
    finally:
        # Told to stop: what was written since the last reading is there, and is told too.
        with contextlib.suppress(OSError):
            reader.read()
        reader.joined.refresh_leases()
        reader.give(counter)
        reader.close()


class _Reader:
    """One log, its lines dated. ``events`` are those read and not yet given away."""

    def __init__(self, ctx: Context, log: DnsLogSettings) -> None:
        self.joined = addresses.Joined(ctx.clients, ctx.config.names.leases_file)
        self.events: list[tuple[Lookup | Block, int]] = []
        self._clock = ctx.clock
        self._follower = Follower(Path(log.path))
        self._parse = parser_of(log.format)
        self._since_ms, self._wall = ctx.clock.boot_ms(), SteadyWall()

    def read(self) -> None:
        """Take what is new in the log. Raises OSError."""
        read_ms = self._clock.boot_ms()
        wall_ms = self._wall.at(read_ms, self._clock.wall_ms())
        for line in self._follower.read():
            if (event := self._parse(line)) is not None:
                at_ms = written_ms(line, read_ms=read_ms, wall_ms=wall_ms, since_ms=self._since_ms)
                self.events.append((event, at_ms))
        self._since_ms = read_ms

    def give(self, counter: Counter) -> None:
        """Have everything counted."""
        for event, at_ms in self.events:
            counter.take(event, at_ms)
        self.events.clear()

    def close(self) -> None:
        """Let go of the log."""
        self._follower.close()


@dataclass(frozen=True, slots=True)
class _Heard:
    """A lookup or a filter's action without name or address: safe to hold.

    ``client`` is an ordinal, or a stand-in for an address that no lease explains.
    """

    client: Hashable
    boot_ms: int
    kind: Kind | None
    classified: bool = False
    category: str = ""
    action: Action = "blocked"


class Counter:
    """Counts what the logs tell into minutes, once the minutes have dates.

    A filter's minute is ``minute_s`` of the configuration, which a demonstration
    may shorten; a client-minute of activity is always sixty seconds, or a sum of
    them would mean nothing.
    """

    def __init__(self, ctx: Context, names: Names) -> None:
        self._ctx = ctx
        self._names = names
        self._filter_ms = max(1, round(ctx.config.minute_s * 1000))
        self._once = Once()
        self._held: deque[_Heard] = deque(maxlen=HELD_BOUND)
        self._listening_ms: int | None = None
        self._activity: Activity | None = None
        self._filter: FilterHits | None = None
        self._definition = ""
        self._bus_ssids = bool(ctx.config.hostapd) or ctx.config.radius is not None

    def listen(self) -> None:
        """The first log has been opened: from now on silence means no lookups."""
        if self._listening_ms is None:
            self._listening_ms = self._ctx.clock.boot_ms()

    def take(self, event: Lookup | Block, at_ms: int) -> None:
        """Take an event of ``at_ms``; its name and address go no further."""
        if event.address in OWN:
            return
        client: Hashable = self._ctx.clients.at_address(event.address)
        if client is None:
            client = Unexplained(event.address)
        if not self._once.first((client, event.name, type(event)), at_ms):
            return
        category = self._names.category(event.name)
        if isinstance(event, Block):
            told = tag_of(event.category) if event.category else category or UNCATEGORIZED
            heard = _Heard(client, at_ms, None, category=told, action=event.action)
        else:
            kind: Kind = "other"
            if category == LEARNING:
                kind = "learning"
            elif category in EXCLUDED:
                kind = "excluded"
            heard = _Heard(client, at_ms, kind, classified=category is not None)
        self._held.append(heard)

    async def tell(self) -> None:
        """Emit what is due, a few times a minute."""
        clock = self._ctx.clock
        async for _ in every(clock, self._ctx.config.minute_s / 4):
            offset_ms = clock.offset_ms
            if offset_ms is None or not self._start(offset_ms):
                continue
            self._count(offset_ms)
            self._emit(offset_ms, clock.boot_ms() + offset_ms, final=False)

    def finish(self) -> None:
        """Emit what is over, bridged or not, and the hits of the minute going on."""
        offset_ms = self._ctx.clock.offset_ms
        if offset_ms is not None and self._start(offset_ms):
            self._count(offset_ms)
            self._emit(offset_ms, self._ctx.clock.boot_ms() + offset_ms, final=True)

    def _start(self, offset_ms: int) -> bool:
        if self._listening_ms is None:
            return False
        if self._activity is None:
            since_ms = self._listening_ms
            if len(self._held) == HELD_BOUND:
                since_ms = self._held[0].boot_ms
                _log.warning("dns_log: clock untrusted for long; the oldest lookups were let go")
            self._activity = Activity(since_ms + offset_ms)
            self._filter = FilterHits(since_ms + offset_ms, self._filter_ms)
            self._definition = self._names.definition(str(self._activity.thresholds))
        return True

    def _count(self, offset_ms: int) -> None:
        assert self._activity is not None
        assert self._filter is not None
        while self._held:
            heard = self._held.popleft()
            at_ms = heard.boot_ms + offset_ms
            if heard.kind is None:
                self._filter.hit(heard.client, at_ms, heard.category, heard.action)
            else:
                self._activity.lookup(heard.client, at_ms, heard.kind, classified=heard.classified)
        for move in self._ctx.clients.take_moves():
            self._activity.moved(
                move.client,
                move.at_ms + offset_ms,
                move.moved_bytes,
                since_ms=move.since_ms + offset_ms,
            )

    def _emit(self, offset_ms: int, now_ms: int, *, final: bool) -> None:
        assert self._activity is not None
        assert self._filter is not None
        presence = _Presence(self._ctx.clients, offset_ms, known=self._bus_ssids)
        if final:
            minutes = self._activity.rest(now_ms, presence)
            hits = self._filter.rest(now_ms, presence)
        else:
            minutes = self._activity.due(now_ms, presence)
            hits = self._filter.due(now_ms - min(LATE_MS, self._filter_ms // 4), presence)
        for minute in minutes:
            self._ctx.emit(self._activity_of(minute), boot_ms=minute.start_ms - offset_ms)
        for hit in hits:
            self._ctx.emit(_filter_of(hit), boot_ms=hit.start_ms - offset_ms)

    def _activity_of(self, minute: Minute) -> measurements.Activity:
        return measurements.Activity(
            definition=self._definition,
            active_clients=minute.active_clients,
            learning_clients=minute.learning_clients,
            learning_clients_strict=minute.learning_clients_strict,
            learning_clients_loose=minute.learning_clients_loose,
            lookups=minute.lookups,
            classified_lookups=minute.classified_lookups,
        )


def _filter_of(hit: Hits) -> measurements.Filter:
    return measurements.Filter(
        category=hit.category, action=hit.action, hits=hit.hits, clients=hit.clients
    )


@dataclass(frozen=True, slots=True)
class Unexplained:
    """A client known by nothing but an address that no lease or neighbour explains."""

    address: str

    def __repr__(self) -> str:
        return "<unexplained client>"


@dataclass(frozen=True, slots=True)
class _Presence:
    """The stays of clients on the wall clock; unknown where no Wi-Fi is watched."""

    clients: Clients
    offset_ms: int
    known: bool

    def __call__(self, client: Hashable) -> Sequence[Stay] | None:
        if not self.known:
            return None
        if isinstance(client, Unexplained):
            client = self.clients.at_address(client.address)
        if not isinstance(client, int):
            return ()
        return [
            Stay(
                stay.start_ms + self.offset_ms,
                None if stay.end_ms is None else stay.end_ms + self.offset_ms,
            )
            for stay in self.clients.stays(client)
        ]


SAMPLER = Sampler(NAME, wanted, run)
