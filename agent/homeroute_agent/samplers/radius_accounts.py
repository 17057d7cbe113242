"""What RADIUS accounting tells, packet by packet, as stays of clients. Pure.

An *account* is one accounting session, named by NAS and Acct-Session-Id. Guarantees:
packets may come twice, late, or in another order: within the 90 s of grace the result
is the same, and no byte is counted twice; an account whose Start was lost begins where
its Acct-Session-Time says; a stay is told once it has ended for good, and ends where
its client was last known to be, never later. Does not: know a clock; undo a 32-bit wrap
of a NAS without Gigawords; or miss a client of a NAS that sends no interims and then
loses the Stop, but for :data:`STALE_MS`.

Times are ms of one monotonic clock. MACs come in and are not kept; ordinals go out.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from homeroute_agent.clients import CLIENTS_BOUND, Stay
from homeroute_agent.samplers.radius_packet import Accounting
from homeroute_agent.samplers.radius_stays import SETTLE_MS, Account, Group, group
from homeroute_agent.sessions import GRACE_MS, Totals

SILENT_MS = 180_000
INTERVALS_MISSED = 3
"""A NAS that sends interims and misses three of an account's, for 3 min, has lost its client."""

STALE_MS = 12 * 3_600_000
"""Where no interims come, an account unheard of for so long has lost its Stop."""

BOUND = CLIENTS_BOUND
"""Accounts, told ones and foreign ones remembered, each. Beyond it the one unheard of
for longest goes: an open account then ends where it was last heard of."""

SESSION_BOUND_S = 31 * 86_400
DELAY_BOUND_S = 86_400
"""A longer Acct-Session-Time or Acct-Delay-Time comes from a clock that jumped: ignored."""

Key = tuple[str, str]
KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")


@dataclass(frozen=True, slots=True)
class Change:
    """What a packet, or silence, changed for one client.

    ``moved_bytes`` were moved from ``since_ms`` to ``until_ms``.
    """

    client: int
    ssid: str
    came: bool = False
    went: bool = False
    moved_bytes: int = 0
    since_ms: int = 0
    until_ms: int = 0


@dataclass(slots=True)
class _Nas:
    """One NAS: its longest interim interval, and when it last started."""

    interval_ms: int = 0
    restarted_ms: int | None = None

    @property
    def limit_ms(self) -> int:
        if not self.interval_ms:
            return STALE_MS
        return max(SILENT_MS, INTERVALS_MISSED * self.interval_ms)


@dataclass(frozen=True, slots=True)
class _Told:
    """An account whose stay has been told."""

    until_ms: int
    final: bool
    down: int
    up: int


class Accounts:
    """The accounts of every NAS that reports here.

    ``number`` turns a MAC into an ordinal. ``ssids`` are the students' networks; the
    first stands for a NAS that names none. ``began_ms`` is when listening began: who
    was there before did not associate now.
    """

    def __init__(
        self,
        number: Callable[[str], int],
        ssids: Iterable[str],
        *,
        began_ms: int,
        interim_ms: int = 600_000,
    ) -> None:
        self._number = number
        self._ssids = tuple(ssids)
        self._began_ms = began_ms
        self._interim_ms = interim_ms
        self._accounts: OrderedDict[Key, Account] = OrderedDict()
        self._told: OrderedDict[Key, _Told] = OrderedDict()
        self._foreign: OrderedDict[Key, None] = OrderedDict()
        self._nases: OrderedDict[str, _Nas] = OrderedDict()
        self._last_end: OrderedDict[tuple[str, int], int] = OrderedDict()
        self._interims: OrderedDict[tuple[str, int], int] = OrderedDict()
        self._crowded_out: list[tuple[str, Totals]] = []

    def __repr__(self) -> str:
        return f"<{len(self._accounts)} accounts>"

    def hear(self, said: Accounting, now_ms: int) -> list[Change]:
        """Take a packet that arrived now. Returns what it changed for clients of ours."""
        delay_s = said.delay_s if said.delay_s <= DELAY_BOUND_S else 0
        at_ms = now_ms - delay_s * 1000
        nas = _kept(self._nases, said.nas, self._nases.get(said.nas) or _Nas())
        if said.status in {"on", "off"}:
            return list(self._restart(nas, said, at_ms))
        key = (said.nas, said.session)
        if self._is_foreign(key, said):
            return []
        self._set_aside_if_reused(key, said, at_ms)
        account = self._accounts.get(key)
        here, fresh = False, account is None
        if account is not None:
            here = self._is_here(account)
            if said.status == "interim" and at_ms > account.heard_ms:
                nas.interval_ms = max(nas.interval_ms, at_ms - account.heard_ms)
        else:
            account = self._begin(key, said, at_ms)
            if account is None:
                return []
            here = self._is_here(account)
            self._accounts[key] = account
        self._accounts.move_to_end(key)
        moved, since_ms = account.moved, account.started_ms if fresh else account.heard_ms
        _update(account, said, at_ms)
        self._bound_accounts()
        return [self._changed(account, fresh=fresh, was_here=here, moved=moved, since_ms=since_ms)]

    def tick(self, now_ms: int) -> tuple[list[Change], list[tuple[str, Totals]]]:
        """End what is silent. Returns who went, and the records due, each with its SSID."""
        went = list(self._silence(now_ms))
        records, self._crowded_out = self._crowded_out, []
        for (ssid, client), stay in self._stays():
            if stay.is_open:
                told_ms = max(stay.started_ms, self._interims.get((ssid, client), 0))
                if now_ms - told_ms >= self._interim_ms:
                    missed = (now_ms - told_ms) // self._interim_ms
                    _kept(self._interims, (ssid, client), told_ms + self._interim_ms * missed)
                    records.append((ssid, stay.totals("interim", stay.until_ms)))
            elif now_ms - stay.until_ms > GRACE_MS:
                records.append((ssid, self._tell(stay)))
        return went, records

    def shutdown(self, now_ms: int) -> list[tuple[str, Totals]]:
        """Close everything, and take all records still due.

        Accounting says when a client leaves: who has not left, and is not silent, is here.
        """
        list(self._silence(now_ms))
        records, self._crowded_out = self._crowded_out, []
        for (ssid, _), stay in self._stays():
            open_now = stay.is_open
            records.append(
                (ssid, stay.totals("shutdown", now_ms) if open_now else self._tell(stay))
            )
        self._accounts.clear()
        return records

    def present(self, ssid: str) -> set[int]:
        """The clients on an SSID now."""
        return {a.client for a in self._accounts.values() if a.ssid == ssid and a.ended_ms is None}

    def stay(self, client: int, ssid: str) -> Stay | None:
        """The latest stay of a client that has not been told yet; ended, as yet, if it is gone."""
        mine = [a for a in self._accounts.values() if a.client == client and a.ssid == ssid]
        stays = list(group(mine))
        if not stays:
            return None
        last = stays[-1]
        return Stay(last.started_ms, None if last.is_open else last.until_ms)

    def _is_foreign(self, key: Key, said: Accounting) -> bool:
        """Whether it is of a network that is none of ours, which only a Start may say."""
        if said.ssid and said.ssid not in self._ssids:
            _kept(self._foreign, key, None)
            self._accounts.pop(key, None)
        return key in self._foreign

    def _set_aside_if_reused(self, key: Key, said: Accounting, at_ms: int) -> None:
        """A NAS that starts again may count its session ids anew."""
        start_ms = _start_ms(said, at_ms)
        account, told = self._accounts.get(key), self._told.get(key)
        restarted_ms = self._nases[key[0]].restarted_ms
        if restarted_ms is None or start_ms is None or start_ms < restarted_ms - SETTLE_MS:
            return
        if account is not None and account.started_ms < restarted_ms - SETTLE_MS:
            del self._accounts[key]
            self._accounts[key[0], f"{key[1]} before {restarted_ms}"] = account
        if told is not None and told.until_ms < restarted_ms:
            del self._told[key]

    def _begin(self, key: Key, said: Accounting, at_ms: int) -> Account | None:
        """An account not known, or told already and now found to go on; None when it is over."""
        told = self._told.get(key)
        over = told is not None and (told.final or said.status == "start" or at_ms <= told.until_ms)
        if said.mac is None or over:
            return None
        ssid = said.ssid or self._ssids[0]
        client = self._number(said.mac)
        floor_ms = self._last_end.get((ssid, client))
        start_ms = _start_ms(said, at_ms)
        start_ms = at_ms if start_ms is None else start_ms
        if told is None:
            start_ms = start_ms if floor_ms is None else max(start_ms, floor_ms)
            return Account(client, ssid, said.access_point, start_ms, at_ms, floor_ms)
        del self._told[key]
        go_on_ms = told.until_ms if floor_ms is None else max(told.until_ms, floor_ms)
        account = Account(client, ssid, said.access_point, go_on_ms, at_ms, go_on_ms)
        account.count(told.down, told.up)
        account.told_down, account.told_up = told.down, told.up
        return account

    def _restart(self, nas: _Nas, said: Accounting, at_ms: int) -> Iterator[Change]:
        """Accounting-On or -Off: what the NAS had open is over, and no stay goes on past it.

        An access point that names itself speaks for itself alone: hostapd says it once
        for each of its networks.
        """
        nas.restarted_ms = max(at_ms, nas.restarted_ms or at_ms)
        for (name, _), account in self._accounts.items():
            other = said.access_point and account.access_point not in {"", said.access_point}
            older = account.started_ms < at_ms - SETTLE_MS and account.heard_ms <= at_ms
            if name != said.nas or not older or other:
                continue
            if account.ended_ms is None:
                account.end(at_ms if said.status == "off" else account.heard_ms, "restart")
                if not self._is_here(account):
                    yield Change(account.client, account.ssid, went=True)
            account.parted_ms = at_ms

    def _silence(self, now_ms: int) -> Iterator[Change]:
        for (name, _), account in self._accounts.items():
            nas = self._nases.get(name) or _Nas()
            if account.ended_ms is None and now_ms - account.heard_ms > nas.limit_ms:
                account.end(account.heard_ms, "silent")
                if not self._is_here(account):
                    yield Change(account.client, account.ssid, went=True)

    def _changed(
        self, account: Account, *, fresh: bool, was_here: bool, moved: int, since_ms: int
    ) -> Change:
        is_here = self._is_here(account)
        # One that came and went before we heard of it did both.
        came = is_here and not was_here if not fresh else not was_here
        new = came and (not fresh or account.started_ms >= self._began_ms)
        went = (was_here or came) and not is_here
        # What a client moved before we listened was not moved now.
        counted = not fresh or account.started_ms >= self._began_ms
        moved = account.moved - moved if counted else 0
        span_ms = (since_ms, account.heard_ms) if moved else (0, 0)
        return Change(account.client, account.ssid, new, went, moved, *span_ms)

    def _is_here(self, account: Account) -> bool:
        return account.client in self.present(account.ssid)

    def _stays(self) -> Iterator[tuple[tuple[str, int], Group]]:
        clients: dict[tuple[str, int], list[Account]] = {}
        for account in self._accounts.values():
            clients.setdefault((account.ssid, account.client), []).append(account)
        for name, accounts in clients.items():
            for stay in group(accounts):
                yield name, stay

    def _tell(self, stay: Group) -> Totals:
        totals = stay.totals(stay.cause, stay.until_ms)
        told = {id(account) for account in stay.accounts}
        for key in [key for key, account in self._accounts.items() if id(account) in told]:
            account = self._accounts.pop(key)
            over = _Told(
                totals.until_ms, account.cause == "left", account.down or 0, account.up or 0
            )
            _kept(self._told, key, over)
        name = (stay.accounts[0].ssid, totals.client)
        _kept(self._last_end, name, totals.until_ms)
        return totals

    def _bound_accounts(self) -> None:
        while len(self._accounts) > BOUND:
            account = next(iter(self._accounts.values()))
            if account.ended_ms is None:
                account.end(account.heard_ms, "silent")
            self._crowded_out.append((account.ssid, self._tell(Group([account]))))


def _update(account: Account, said: Accounting, at_ms: int) -> None:
    start_ms = _start_ms(said, at_ms)
    if start_ms is not None:
        account.began(start_ms)
    account.count(said.down_bytes, said.up_bytes)
    account.access_point = account.access_point or said.access_point
    ended_ms = account.ended_ms
    stopped = ended_ms is not None and account.cause == "left"
    if said.status == "stop":
        parted_ms = account.parted_ms
        account.reopen()
        if parted_ms is not None and at_ms <= parted_ms + SETTLE_MS:
            account.parted_ms = parted_ms  # overtaken by the word of its NAS that it restarts
        # Said twice, the first time was right: a repetition is only later.
        account.end(min(at_ms, ended_ms) if stopped and ended_ms is not None else at_ms, "left")
    elif not stopped and ended_ms is not None and at_ms > max(ended_ms, account.parted_ms or 0):
        # Silent, or its NAS said that it started: but the account goes on.
        account.reopen()
    account.heard_ms = max(account.heard_ms, at_ms)


def _start_ms(said: Accounting, at_ms: int) -> int | None:
    """When the account began, by this packet; None when it does not tell."""
    if said.status == "start":
        return at_ms
    if said.session_s is None or said.session_s > SESSION_BOUND_S:
        return None
    return at_ms - said.session_s * 1000


def _kept(kept: OrderedDict[KeyT, ValueT], key: KeyT, value: ValueT) -> ValueT:
    """Remember the latest :data:`BOUND` of a kind."""
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > BOUND:
        kept.popitem(last=False)
    return value
