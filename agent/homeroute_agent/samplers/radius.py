"""Wi-Fi clients and sessions from RADIUS accounting: an accounting server for the bus.

Any access point that speaks RADIUS accounting (RFC 2866) can be its NAS: it sends a
Start, interims and a Stop for each client. Guarantees: every authentic request is
answered, at once, understood or not, so that no NAS queues up; one whose authenticator
is wrong is not answered; repetitions and reordering change nothing. A MAC, a user name
and a session id die here: only the students' networks count, as ordinals. Does not:
authenticate clients, report before the first NAS was heard (no point is *unreported*,
never zero), or keep anything over a restart of the agent.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from homeroute_agent.clients import CLIENTS_BOUND, is_randomised
from homeroute_agent.clock import every
from homeroute_agent.sample import Context, Sampler
from homeroute_agent.samplers.radius_accounts import Accounts, Change
from homeroute_agent.samplers.radius_packet import (
    accounting,
    is_authentic,
    parse_request,
    response,
)
from homeroute_agent.samplers.session_record import Since, emit_session
from homeroute_agent.samplers.uplink import split_target
from homeroute_wire.measurements import Wifi

if TYPE_CHECKING:
    from homeroute_agent.config import Config
    from homeroute_agent.config import Radius as RadiusSettings

NAME = "radius"
PORT = 1813

REPEAT_MS = 60_000
REPEATS_BOUND = 4_096
"""Requests remembered: the same bytes within a minute are a repetition, answered only."""


class WrongSecret(Exception):
    """Requests come whose sender has another secret than ours."""


def wanted(config: Config) -> bool:
    """Buses only: a hotspot is a household."""
    return config.kind == "bus" and config.radius is not None


async def run(ctx: Context) -> None:
    """Serve until cancelled; then close all sessions. OSError when the port is taken."""
    settings = ctx.config.radius
    assert settings is not None
    server = Server(ctx, settings, await asyncio.to_thread(read_secret, settings.secret_file))
    host, port = split_target(settings.listen, PORT)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: server, local_addr=(host, port))
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(server.report(), name="wifi by radius")
            group.create_task(server.tell(), name="sessions by radius")
    finally:
        transport.close()
        server.farewell()


def read_secret(file: Path) -> bytes:
    """The shared secret: the file's first line. ValueError when it is empty."""
    secret = file.read_bytes().split(b"\n", 1)[0].rstrip(b"\r")
    if not secret:
        raise ValueError(f"radius.secret_file {file}: its first line is empty")
    return secret


class Server(asyncio.DatagramProtocol):
    """The accounting server, and what it knows of clients."""

    def __init__(self, ctx: Context, settings: RadiusSettings, secret: bytes) -> None:
        self._ctx = ctx
        self._settings = settings
        self._secret = secret
        self._ssids = (settings.ssid, *settings.more_ssids)
        self._accounts = Accounts(
            self._number,
            self._ssids,
            began_ms=ctx.clock.boot_ms(),
            interim_ms=round(ctx.config.session_interim_s * 1000),
        )
        self._since = {ssid: Since() for ssid in self._ssids}
        self._randomised: set[int] = set()
        self._repeats: OrderedDict[bytes, int] = OrderedDict()
        self._transport: asyncio.DatagramTransport | None = None
        self._heard = self._right = self._wrong = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The port is ours."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Prove, answer, take in."""
        request = parse_request(data)
        if request is None:
            return
        if not is_authentic(request, self._secret):
            self._wrong = True
            return
        self._heard = self._right = True
        if self._transport is not None:
            self._transport.sendto(response(request, self._secret), addr)
        said = accounting(request, addr[0])
        now_ms = self._ctx.clock.boot_ms()
        if said is not None and not self._is_repeated(request.authenticator, now_ms):
            self._note(self._accounts.hear(said, now_ms))

    async def report(self) -> None:
        """Emit ``wifi`` for each network at every sample, once a NAS was heard."""
        async for _ in every(self._ctx.clock, self._ctx.config.sample_s):
            if self._wrong:
                # Once a sample at most: a stranger on the network cannot fill the log.
                self._ctx.failed(NAME, WrongSecret())
            elif self._right or not self._heard:
                self._ctx.working(NAME)
            self._wrong = self._right = False
            if self._heard:
                for ssid in self._ssids:
                    self._emit_wifi(ssid)

    async def tell(self) -> None:
        """Emit the session records that are due, every minute."""
        async for _ in every(self._ctx.clock, self._ctx.config.minute_s):
            now_ms = self._ctx.clock.boot_ms()
            went, records = self._accounts.tick(now_ms)
            self._note(went)
            for ssid, totals in records:
                emit_session(self._ctx, ssid, totals)

    def farewell(self) -> None:
        """Close every session."""
        for ssid, totals in self._accounts.shutdown(self._ctx.clock.boot_ms()):
            emit_session(self._ctx, ssid, totals)

    def _is_repeated(self, authenticator: bytes, now_ms: int) -> bool:
        """Whether these very bytes came before: their authenticator is a hash of them."""
        before_ms = self._repeats.pop(authenticator, None)
        self._repeats[authenticator] = now_ms
        if len(self._repeats) > REPEATS_BOUND:
            self._repeats.popitem(last=False)
        return before_ms is not None and now_ms - before_ms <= REPEAT_MS

    def _number(self, mac: str) -> int:
        client = self._ctx.clients.ordinal(mac)
        if is_randomised(mac):
            if len(self._randomised) >= CLIENTS_BOUND:
                self._randomised.clear()
            self._randomised.add(client)
        return client

    def _note(self, changes: Iterable[Change]) -> None:
        for change in changes:
            since = self._since[change.ssid]
            since.associated += change.came
            since.disassociated += change.went
            since.peak = max(since.peak, len(self._accounts.present(change.ssid)))
            stay = self._accounts.stay(change.client, change.ssid)
            if stay is not None:
                self._ctx.clients.note_stay(change.client, stay)
            if change.moved_bytes > 0:
                self._ctx.clients.note_bytes(
                    change.client, change.since_ms, change.until_ms, change.moved_bytes
                )

    def _emit_wifi(self, ssid: str) -> None:
        present = self._accounts.present(ssid)
        since, self._since[ssid] = self._since[ssid], Since(peak=len(present))
        self._ctx.emit(
            Wifi(
                ssid=ssid,
                band=self._settings.band,
                clients=len(present),
                clients_peak=max(since.peak, len(present)),
                associated=since.associated,
                disassociated=since.disassociated,
                randomized=len(self._randomised & present),
            )
        )


SAMPLER = Sampler(NAME, wanted, run)
