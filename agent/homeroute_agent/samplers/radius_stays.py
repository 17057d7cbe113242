"""Accounts of RADIUS, and the stays they make up. Pure.

A client's stay is what its accounts cover together, gaps of up to 90 s included, as
on any other access point; a NAS that started again parts two stays. Guarantees: the
order in which accounts became known does not matter. Times are ms of one clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from homeroute_agent.sessions import GRACE_MS, Cause, Totals

SETTLE_MS = 2_000
"""An account begun so shortly before its NAS said that it started is of the new start:
packets overtake one another, and Acct-Delay-Time is in whole seconds."""


@dataclass(slots=True)
class Account:
    """One accounting session, so far.

    ``heard_ms`` is the time of its last news, ``ended_ms`` None while it is open.
    ``parted_ms`` is when its NAS started again and so ended it. ``told_down`` and
    ``told_up`` were part of a stay told before; ``floor_ms`` is where that one ended.
    """

    client: int
    ssid: str
    access_point: str
    started_ms: int
    heard_ms: int
    floor_ms: int | None = None
    ended_ms: int | None = None
    cause: Cause = "left"
    parted_ms: int | None = None
    down: int | None = None
    up: int | None = None
    told_down: int = 0
    told_up: int = 0

    @property
    def until_ms(self) -> int:
        """Where it ended, or was last heard of."""
        return self.heard_ms if self.ended_ms is None else self.ended_ms

    @property
    def moved(self) -> int:
        """Bytes so far, both ways together."""
        return (self.down or 0) + (self.up or 0)

    def began(self, at_ms: int) -> None:
        """It began then, or earlier, by one more account of it."""
        at_ms = at_ms if self.floor_ms is None else max(at_ms, self.floor_ms)
        self.started_ms = min(self.started_ms, at_ms)

    def count(self, down: int | None, up: int | None) -> None:
        """Take its counters. An overtaken packet brings smaller ones: they never go down."""
        self.down = _highest(self.down, down)
        self.up = _highest(self.up, up)

    def end(self, at_ms: int, cause: Cause) -> None:
        """It ended then."""
        self.ended_ms, self.cause = at_ms, cause

    def reopen(self) -> None:
        """It had not ended after all."""
        self.ended_ms, self.parted_ms = None, None


@dataclass(slots=True)
class Group:
    """Accounts of one client on one SSID that make one stay; at least one."""

    accounts: list[Account] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Whether the client is still here."""
        return any(account.ended_ms is None for account in self.accounts)

    @property
    def started_ms(self) -> int:
        """Where the stay began."""
        return min(account.started_ms for account in self.accounts)

    @property
    def until_ms(self) -> int:
        """Where it ended, or was last heard of; never before its start."""
        return max(self.started_ms, *(account.until_ms for account in self.accounts))

    @property
    def cause(self) -> Cause:
        """Why it ended: as its last account did."""
        return max(self.accounts, key=lambda account: account.until_ms).cause

    def takes(self, account: Account) -> bool:
        """Whether an account that starts no earlier than these belongs to this stay."""
        parted = [a.parted_ms for a in self.accounts if a.parted_ms is not None]
        if parted and account.started_ms >= max(parted) - SETTLE_MS:
            return False
        return self.is_open or account.started_ms - self.until_ms <= GRACE_MS

    def totals(self, cause: Cause, until_ms: int) -> Totals:
        """The stay as a record."""
        return Totals(
            self.accounts[0].client,
            cause,
            self.started_ms,
            max(until_ms, self.started_ms),
            cause == "interim",
            _sum((account.down, account.told_down) for account in self.accounts),
            _sum((account.up, account.told_up) for account in self.accounts),
        )


def group(accounts: Iterable[Account]) -> Iterator[Group]:
    """Sort one client's accounts on one SSID into stays, the earliest first."""
    current: Group | None = None
    for account in sorted(accounts, key=lambda account: account.started_ms):
        if current is not None and current.takes(account):
            current.accounts.append(account)
            continue
        if current is not None:
            yield current
        current = Group([account])
    if current is not None:
        yield current


def _highest(before: int | None, now: int | None) -> int | None:
    return before if now is None else now if before is None else max(before, now)


def _sum(counted: Iterable[tuple[int | None, int]]) -> int | None:
    values = [value - told for value, told in counted if value is not None]
    return sum(values) if values else None
