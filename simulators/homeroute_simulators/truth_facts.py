"""One device's facts as its world makes them, gathered into records of the truth.

The simulated gateway tells it who associates and leaves, what each client moves
and looks up, and what the uplink is worth in each second; this turns it into
sessions, runs of states, client-minutes and blocks.

Guarantees: it knows nothing of points, batches or the agent; records are written
as soon as they are sure, in the order of their certainty; what is held is the
last few minutes. Does not: decide what was lost; faults do, with ``recorder.lost``.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field

from homeroute_simulators import truth_minutes
from homeroute_simulators.names import CATEGORIES, LEARNING
from homeroute_simulators.truth import Recorder
from homeroute_simulators.truth_minutes import BRIDGED_MIN, DEFAULT, LOOSE, MINUTE_MS, STRICT, Deeds

GRACE_MS = 90_000
"""An absence up to this does not end a session."""

ONCE_MS = 10_000
"""A client that asks for one name again within this asked once."""

POLLED_MS = 40_000
"""A device asks its access point every half minute, and asking takes a while: what moved
before that could be known."""

BACKGROUND = frozenset(
    name for category in ("update", "publicite", "doh") for name in CATEGORIES.get(category, ())
)
"""What a device asks for on its own: it makes nobody active."""

_CATEGORY = {name: category for category, names in CATEGORIES.items() for name in names}


@dataclass(slots=True)
class _Stay:
    client: str
    start_ms: int
    left_ms: int | None = None
    down_bytes: int = 0
    up_bytes: int = 0
    untold: deque[tuple[int, int, int]] = field(default_factory=deque)
    unseen_down: int = 0
    unseen_up: int = 0

    def forget(self) -> None:
        """Its counters are gone, and what they had not told with them."""
        self.unseen_down += sum(down for _, down, _ in self.untold)
        self.unseen_up += sum(up for _, _, up in self.untold)
        self.untold.clear()


@dataclass(slots=True)
class Facts:
    """What happens on one device. Times are ms since 1970, and never go back.

    ``since_ms`` is when its gateway was switched on. Only whole minutes after that are
    told: nobody can count a minute who has to start in it.
    """

    recorder: Recorder
    device: str
    ssid: str
    since_ms: int
    _here: dict[str, _Stay] = field(init=False, default_factory=dict)
    _past: dict[str, list[tuple[int, int]]] = field(init=False, default_factory=dict)
    _deeds: dict[str, dict[int, Deeds]] = field(init=False, default_factory=dict)
    _asked: OrderedDict[tuple[str, str, bool], int] = field(init=False, default_factory=OrderedDict)
    _state: tuple[int, int] | None = field(init=False, default=None)
    _minute: int = field(init=False)

    def __post_init__(self) -> None:
        self._minute = -(-self.since_ms // MINUTE_MS)

    def joined(self, client: str, at_ms: int) -> None:
        """A client associated."""
        stay = self._here.get(client)
        if stay is not None and stay.left_ms is not None and at_ms - stay.left_ms > GRACE_MS:
            self._end(stay)
            stay = None
        if stay is None:
            self._here[client] = _Stay(client, at_ms)
        else:
            stay.left_ms = None

    def left(self, client: str, at_ms: int, *, forgotten: bool = False) -> None:
        """A client is gone; ``forgotten``: its access point's counters of it with it."""
        stay = self._here.get(client)
        if stay is not None and stay.left_ms is None:
            stay.left_ms = at_ms
            if forgotten:
                stay.forget()

    def told(self, client: str) -> None:
        """The access point was asked what this client has moved, and said it."""
        if (stay := self._here.get(client)) is not None:
            stay.untold.clear()

    def parted(self, at_ms: int) -> None:
        """The access point starts again: no stay goes on past that."""
        for stay in list(self._here.values()):
            self._end(stay, at_ms)

    def moved(self, client: str, at_ms: int, down_bytes: int, up_bytes: int) -> None:
        """A client moved bytes, from its side. KeyError when it is not here."""
        stay = self._here[client]
        stay.down_bytes += down_bytes
        stay.up_bytes += up_bytes
        stay.untold.append((at_ms, down_bytes, up_bytes))
        while stay.untold[0][0] <= at_ms - POLLED_MS:
            stay.untold.popleft()
        self._deed(client, at_ms).moved_bytes += down_bytes + up_bytes

    def asked(self, client: str, at_ms: int, name: str, *, blocked: bool) -> None:
        """A client looked up a name; the filter answered it, or did not."""
        while self._asked and next(iter(self._asked.values())) <= at_ms - ONCE_MS:
            self._asked.popitem(last=False)
        domain = name.partition(".")[2]
        if blocked and (client, name, True) not in self._asked:
            self._asked[client, name, True] = at_ms
            category = _CATEGORY.get(domain, "uncategorized")
            self.recorder.block(device=self.device, time_ms=at_ms, category=category)
        if (client, name, False) in self._asked:
            return
        self._asked[client, name, False] = at_ms
        deed = self._deed(client, at_ms)
        deed.lookups += 1
        if domain in LEARNING:
            deed.learning += 1
        elif domain not in BACKGROUND:
            deed.other += 1

    def service(self, at_ms: int, state: int) -> None:
        """The uplink's state from this moment on: 0 no service, 1 connected, 2 usable."""
        if self._state is not None and self._state[0] != state:
            self._end_state(at_ms)
        if self._state is None:
            self._state = (state, at_ms)

    def tick(self, at_ms: int) -> None:
        """Time went on: write what has become sure."""
        for stay in [s for s in self._here.values() if s.left_ms is not None]:
            if at_ms - (stay.left_ms or 0) > GRACE_MS:
                self._end(stay)
        while self._minute + BRIDGED_MIN + 1 < at_ms // MINUTE_MS:
            self._tell_minute()

    def power_off(self, at_ms: int) -> None:
        """The gateway went off, or the run ended: nothing goes on past it."""
        for stay in list(self._here.values()):
            self._end(stay, at_ms)
        if self._state is not None:
            self._end_state(at_ms)
        while (self._minute + 1) * MINUTE_MS <= at_ms:
            self._tell_minute()
        self._deeds.clear()
        self._past.clear()
        self._asked.clear()

    def power_on(self, at_ms: int) -> None:
        """The gateway is on again; the first whole minute is told next."""
        self._minute = max(self._minute, -(-at_ms // MINUTE_MS))

    def _deed(self, client: str, at_ms: int) -> Deeds:
        return self._deeds.setdefault(client, {}).setdefault(at_ms // MINUTE_MS, Deeds())

    def _end(self, stay: _Stay, at_ms: int | None = None) -> None:
        end_ms = stay.left_ms if stay.left_ms is not None else at_ms
        assert end_ms is not None
        del self._here[stay.client]
        self._past.setdefault(stay.client, []).append((stay.start_ms, end_ms))
        self.recorder.session(
            device=self.device,
            client=stay.client,
            ssid=self.ssid,
            start_ms=stay.start_ms,
            end_ms=end_ms,
            down_bytes=stay.down_bytes,
            up_bytes=stay.up_bytes,
        )
        if stay.unseen_down or stay.unseen_up:
            self.recorder.unseen(
                device=self.device,
                client=stay.client,
                start_ms=stay.start_ms,
                down_bytes=stay.unseen_down,
                up_bytes=stay.unseen_up,
                why="moved after the access point was last asked",
            )

    def _end_state(self, at_ms: int) -> None:
        assert self._state is not None
        state, start_ms = self._state
        self._state = None
        if at_ms > start_ms:
            self.recorder.uplink(device=self.device, state=state, start_ms=start_ms, end_ms=at_ms)

    def _stays(self, client: str) -> list[tuple[int, int | None]]:
        stays: list[tuple[int, int | None]] = [*self._past.get(client, [])]
        if (here := self._here.get(client)) is not None:
            stays.append((here.start_ms, here.left_ms))
        return stays

    def _tell_minute(self) -> None:
        minute = self._minute
        counts = dict.fromkeys(("active", "learning", "strict", "loose", "lookups"), 0)
        for client, deeds in self._deeds.items():
            stays = self._stays(client)

            def together(
                start_ms: int, end_ms: int, stays: list[tuple[int, int | None]] = stays
            ) -> bool:
                return any(s <= start_ms and (e is None or e >= end_ms) for s, e in stays)

            start_ms, end_ms = minute * MINUTE_MS, (minute + 1) * MINUTE_MS
            if not any(s < end_ms and (e is None or e > start_ms) for s, e in stays):
                continue
            counts["active"] += truth_minutes.active(deeds, minute, together)
            counts["learning"] += truth_minutes.learning(deeds, minute, DEFAULT, together)
            counts["strict"] += truth_minutes.learning(deeds, minute, STRICT, together)
            counts["loose"] += truth_minutes.learning(deeds, minute, LOOSE, together)
            counts["lookups"] += deeds[minute].lookups if minute in deeds else 0
        self.recorder.minute(device=self.device, minute=minute, **counts)
        self._minute += 1
        self._forget()

    def _forget(self) -> None:
        oldest = self._minute - BRIDGED_MIN
        for client in list(self._deeds):
            kept = {m: deeds for m, deeds in self._deeds[client].items() if m >= oldest}
            if kept:
                self._deeds[client] = kept
            else:
                del self._deeds[client]
                self._past.pop(client, None)
