"""Sessions: one client's stay on one SSID, from events and a reconciling poll. Pure.

Guarantees: a session starts when the association did (now - connected time),
survives an absence of up to 90 s, ends once, and ends where the client was last
known to be, never later; its byte counts never go down. Records fall due at
:meth:`Sessions.tick` only, so that their times tell no exact start. Does not: know
a MAC, read a clock, or take a silent access point for a departed client.

Times are ms of one monotonic clock; clients are ordinals; a *radio* is any text
that names one access point interface. Several radios may serve one SSID.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from homeroute_agent.clients import CLIENTS_BOUND, Stay

Cause = Literal["interim", "left", "silent", "restart", "shutdown"]

GRACE_MS = 90_000
"""How long a client may be absent and come back to the same session."""

SLACK_MS = 3_000
"""Connected times are whole seconds: starts closer than this are the same start."""

RECENT_MS = 60_000
"""A client seen this recently (two polls) is taken to be here at a shutdown."""

COUNTER_32 = 2**32


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a poll says of one authorised client. Absent where the driver does not tell.

    ``connected_s`` is how long it has been associated; bytes are since then,
    from the rider's side.
    """

    client: int
    connected_s: int | None = None
    down_bytes: int | None = None
    up_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """A session so far, or as it ended at ``until_ms``."""

    client: int
    cause: Cause
    started_ms: int
    until_ms: int
    open: bool
    down_bytes: int | None
    up_bytes: int | None

    @property
    def session_s(self) -> int:
        """Length in whole seconds."""
        return (self.until_ms - self.started_ms) // 1000


@dataclass(slots=True)
class _Counter:
    """Bytes of one direction over all associations of a session."""

    before: int = 0
    now: int | None = None

    def renew(self) -> None:
        self.before, self.now = self.before + (self.now or 0), 0 if self.now is not None else None

    def read(self, value: int | None, *, may_wrap: bool) -> None:
        if value is None:
            return
        if self.now is not None and value < self.now:
            # Old drivers count in 32 bits; otherwise a smaller count is a new association's.
            self.before += COUNTER_32 if may_wrap and self.now < COUNTER_32 else self.now
        self.now = value

    @property
    def total(self) -> int | None:
        return None if self.now is None else self.before + self.now


@dataclass(slots=True)
class _Open:
    client: int
    radio: str
    started_ms: int
    associated_ms: int
    seen_ms: int
    told_ms: int
    down: _Counter
    up: _Counter
    left_ms: int | None = None
    missing: bool = False
    renewed: bool = False

    @property
    def gone_ms(self) -> int | None:
        """Since when the client is known to be absent; None while it is here."""
        return self.left_ms if self.left_ms is not None else self.seen_ms if self.missing else None

    def totals(self, cause: Cause, until_ms: int) -> Totals:
        until_ms = max(until_ms, self.started_ms)
        ongoing = cause == "interim"
        return Totals(
            self.client,
            cause,
            self.started_ms,
            until_ms,
            ongoing,
            self.down.total,
            self.up.total,
        )


class Sessions:
    """The sessions of one SSID. Feed it what happens, in order of time."""

    def __init__(self, *, interim_ms: int = 600_000, grace_ms: int = GRACE_MS) -> None:
        self._interim_ms = interim_ms
        self._grace_ms = grace_ms
        self._open: dict[int, _Open] = {}
        self._ended: list[Totals] = []
        self._last_end: dict[int, int] = {}

    def connected(self, client: int, radio: str, at_ms: int) -> bool:
        """A client associated. True when it was not here before."""
        session = self._still_open(client, at_ms)
        if session is None:
            self._begin(client, radio, at_ms, at_ms)
            return True
        arrived = session.gone_ms is not None
        if arrived or session.radio != radio:
            session.renewed = True
            session.associated_ms = at_ms
        self._see(session, radio, at_ms)
        return arrived

    def disconnected(self, client: int, radio: str, at_ms: int) -> bool:
        """A client left a radio. True when it was here, and on that radio."""
        session = self._open.get(client)
        if session is None or session.radio != radio or session.gone_ms is not None:
            return False
        session.left_ms = session.seen_ms = at_ms
        return True

    def reconcile(
        self,
        radio: str,
        sightings: Iterable[Sighting],
        at_ms: int,
        *,
        leaving: Iterable[Sighting] = (),
    ) -> tuple[list[int], list[int]]:
        """A poll of one radio listed exactly these clients.

        ``leaving`` were listed too, and were gone before it ended: what they moved
        counts, and they left now.

        Returns the clients that turn out to have come, and gone, unannounced.
        """
        came = [left.client for left in leaving if self._sight(radio, left, at_ms)]
        present = set()
        for sighting in sightings:
            present.add(sighting.client)
            if self._sight(radio, sighting, at_ms):
                came.append(sighting.client)
        went = [
            session.client
            for session in self._open.values()
            if session.radio == radio and session.client not in present and session.gone_ms is None
        ]
        for client in went:
            self._open[client].missing = True
        return came, went

    def restarted(self, radio: str) -> None:
        """The access point started again: every session on it ended when last seen."""
        for session in [s for s in self._open.values() if s.radio == radio]:
            self._end(session, "restart")

    def shutdown(self, at_ms: int) -> list[Totals]:
        """Close everything, and take all records that are still due."""
        for session in list(self._open.values()):
            gone = session.gone_ms
            if gone is not None:
                self._end(session, "left" if session.left_ms is not None else "silent")
            else:
                recent = at_ms - session.seen_ms <= RECENT_MS
                self._end(session, "shutdown", at_ms if recent else session.seen_ms)
        return self._take_ended()

    def tick(self, at_ms: int) -> list[Totals]:
        """Take the records that are due: ends past their grace, then interims."""
        for session in list(self._open.values()):
            self._still_open(session.client, at_ms)
        records = self._take_ended()
        for session in self._open.values():
            if session.gone_ms is None and at_ms - session.told_ms >= self._interim_ms:
                session.told_ms += self._interim_ms * (
                    (at_ms - session.told_ms) // self._interim_ms
                )
                records.append(session.totals("interim", session.seen_ms))
        return records

    def present(self, radio: str) -> list[int]:
        """The clients on a radio now."""
        return [s.client for s in self._open.values() if s.radio == radio and s.gone_ms is None]

    def stay(self, client: int) -> Stay | None:
        """The open session of a client as a stay; ended, as yet, if it is absent."""
        session = self._open.get(client)
        return None if session is None else Stay(session.started_ms, session.gone_ms)

    def stays(self, client: int) -> list[Stay]:
        """All stays of a client that no record has told yet, the oldest first."""
        ended = [Stay(t.started_ms, t.until_ms) for t in self._ended if t.client == client]
        open_ = self.stay(client)
        return ended if open_ is None else [*ended, open_]

    def bytes_of(self, client: int) -> int | None:
        """What a client moved so far, both ways together, in its open session."""
        session = self._open.get(client)
        if session is None or (session.down.total is None and session.up.total is None):
            return None
        return (session.down.total or 0) + (session.up.total or 0)

    def _sight(self, radio: str, sighting: Sighting, at_ms: int) -> bool:
        connected_s = sighting.connected_s
        start_ms = at_ms if connected_s is None else at_ms - connected_s * 1000
        session = self._still_open(sighting.client, start_ms)
        again = session is not None and start_ms > session.associated_ms + SLACK_MS
        again = again and connected_s is not None
        if session is not None and again and start_ms - session.seen_ms > self._grace_ms:
            # It left and came back while nobody was watching.
            self._end(session, "silent")
            session = None
        if session is None:
            session = self._begin(sighting.client, radio, start_ms, at_ms)
            came = True
        else:
            came = session.gone_ms is not None
            if again or session.renewed or session.radio != radio:
                session.down.renew()
                session.up.renew()
                session.associated_ms = start_ms if connected_s is not None else at_ms
            self._see(session, radio, at_ms)
        session.renewed = False
        same = connected_s is not None
        session.down.read(sighting.down_bytes, may_wrap=same)
        session.up.read(sighting.up_bytes, may_wrap=same)
        return came

    def _begin(self, client: int, radio: str, start_ms: int, at_ms: int) -> _Open:
        # An association may outlive a session that was ended: they never overlap.
        start_ms = max(start_ms, self._last_end.pop(client, start_ms))
        session = _Open(client, radio, start_ms, start_ms, at_ms, start_ms, _Counter(), _Counter())
        self._open[client] = session
        return session

    @staticmethod
    def _see(session: _Open, radio: str, at_ms: int) -> None:
        session.radio, session.seen_ms = radio, at_ms
        session.left_ms, session.missing = None, False

    def _still_open(self, client: int, at_ms: int) -> _Open | None:
        """The session that goes on at ``at_ms``; one past its grace is ended here."""
        session = self._open.get(client)
        if session is None:
            return None
        gone = session.gone_ms
        if gone is not None and at_ms - gone > self._grace_ms:
            self._end(session, "left" if session.left_ms is not None else "silent")
            return None
        return session

    def _end(self, session: _Open, cause: Cause, until_ms: int | None = None) -> None:
        gone = session.gone_ms
        at_ms = gone if gone is not None else session.seen_ms
        totals = session.totals(cause, at_ms if until_ms is None else until_ms)
        self._ended.append(totals)
        del self._open[session.client]
        self._last_end[session.client] = totals.until_ms
        if len(self._last_end) > CLIENTS_BOUND:
            del self._last_end[next(iter(self._last_end))]

    def _take_ended(self) -> list[Totals]:
        ended, self._ended = self._ended, []
        return ended
