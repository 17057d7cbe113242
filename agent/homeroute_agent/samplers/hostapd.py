"""Wi-Fi clients and sessions from hostapd's control socket.

Guarantees: events at once and a reconciling poll every 30 s, so that a lost
event costs at most 30 s; when hostapd restarts, its sessions end where they were
last seen and watching goes on; one radio's trouble is not another's. A MAC dies
here. Does not: report a radio that does not answer (no point is *unreported*,
never zero), or end a session because hostapd is silent.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from homeroute_agent.clients import is_randomised
from homeroute_agent.clock import every
from homeroute_agent.sample import Context, NoData, Sampler
from homeroute_agent.samplers.hostapd_control import Control, open_control
from homeroute_agent.samplers.hostapd_text import parse_event, parse_station
from homeroute_agent.samplers.session_record import Since, emit_session
from homeroute_agent.sessions import Sessions, Sighting
from homeroute_wire.measurements import Wifi

if TYPE_CHECKING:
    from homeroute_agent.config import Config
    from homeroute_agent.config import Hostapd as HostapdSettings

NAME = "hostapd"
POLL_S = 30.0
RETRY_S = 2.0
LAST_S = 1.0
"""What the poll of a farewell may take."""

WALKS = 3
STATIONS_BOUND = 2_048
"""Stations walked in one poll: hostapd itself allows 2007 on one radio."""


def wanted(config: Config) -> bool:
    """Buses only: a hotspot is a household."""
    return config.kind == "bus" and bool(config.hostapd)


async def run(ctx: Context) -> None:
    """Watch every configured radio until cancelled; then close all sessions."""
    interim_ms = round(ctx.config.session_interim_s * 1000)
    sessions = {r.ssid: Sessions(interim_ms=interim_ms) for r in ctx.config.hostapd}
    radios = [_Radio(ctx, settings, sessions[settings.ssid]) for settings in ctx.config.hostapd]
    try:
        async with asyncio.TaskGroup() as group:
            for radio in radios:
                group.create_task(radio.watch(), name=f"hostapd {radio.settings.socket}")
                group.create_task(radio.report(), name=f"wifi {radio.settings.socket}")
            for ssid, of_ssid in sessions.items():
                group.create_task(_tell(ctx, ssid, of_ssid), name=f"sessions {ssid}")
    finally:
        for ssid, of_ssid in sessions.items():
            for totals in of_ssid.shutdown(ctx.clock.boot_ms()):
                emit_session(ctx, ssid, totals)


async def _tell(ctx: Context, ssid: str, sessions: Sessions) -> None:
    async for _ in every(ctx.clock, ctx.config.minute_s):
        for totals in sessions.tick(ctx.clock.boot_ms()):
            emit_session(ctx, ssid, totals)


class _Radio:
    def __init__(self, ctx: Context, settings: HostapdSettings, sessions: Sessions) -> None:
        self.settings = settings
        self._ctx = ctx
        self._sessions = sessions
        self._radio = str(settings.socket)
        self._name = f"{NAME} {self._radio}"
        self._since = Since()
        self._randomised: set[int] = set()
        self._answering = False
        self._polled_ms: int | None = None
        self._birth: tuple[int, int] | None = None

    async def watch(self) -> None:
        """Converse with hostapd; begin again whenever it goes."""
        while True:
            try:
                await self._converse()
            except FileNotFoundError:
                absent = NoData(f"no hostapd socket at {self._radio}: is ctrl_interface set?")
                self._ctx.failed(self._name, absent)
            except (OSError, TimeoutError) as error:
                self._ctx.failed(self._name, error)
            finally:
                self._answering = False
            await self._ctx.clock.sleep(RETRY_S)

    async def report(self) -> None:
        """Emit ``wifi`` at every sample while hostapd answers."""
        async for _ in every(self._ctx.clock, self._ctx.config.sample_s):
            if self._answering:
                self._emit_wifi()

    async def _converse(self) -> None:
        path = Path(self.settings.socket)
        async with open_control(path) as control:
            await _expect(control, "PING", "PONG")
            self._notice_restart(path)
            try:
                while True:
                    await self._poll(control)
                    self._ctx.working(self._name)
                    await self._listen(control)
                    # hostapd silently forgets a listener that it once could not reach.
                    await control.request("DETACH")
            except asyncio.CancelledError:
                await self._look_once_more(control)
                raise
            finally:
                control.farewell()

    async def _look_once_more(self, control: Control) -> None:
        """Told to stop: what clients moved since the last poll can still be told."""
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(LAST_S):
                await self._poll(control)

    def _notice_restart(self, path: Path) -> None:
        status = path.stat()
        birth = (status.st_ino, status.st_mtime_ns)  # chmod changes neither
        if self._birth not in {None, birth}:
            self._sessions.restarted(self._radio)
        self._birth = birth

    async def _poll(self, control: Control) -> None:
        await _expect(control, "ATTACH", "OK")
        sightings, leaving = await self._list(control)
        now_ms = self._ctx.clock.boot_ms()
        since_ms = now_ms if self._polled_ms is None else self._polled_ms
        listed = [*sightings, *leaving]
        before = {s.client: self._sessions.bytes_of(s.client) for s in listed}
        came, went = self._sessions.reconcile(self._radio, sightings, now_ms, leaving=leaving)
        if self._polled_ms is not None:  # who was here before us did not associate just now
            self._since.associated += len(came)
            self._since.disassociated += len(went)
        for sighting in listed:
            self._note_moved(sighting.client, before[sighting.client], since_ms, now_ms)
            self._note_stay(sighting.client)
        for client in went:
            self._note_stay(client)
        self._polled_ms, self._answering = now_ms, True
        self._count_peak()

    async def _list(self, control: Control) -> tuple[list[Sighting], list[Sighting]]:
        """Who is here, and who was listed and left before the list was whole."""
        seen: dict[int, Sighting] = {}
        for _ in range(WALKS):
            sightings, whole = await self._walk(control)
            if whole:
                for sighting in sightings:
                    seen.pop(sighting.client, None)
                return sightings, list(seen.values())
            seen |= {sighting.client: sighting for sighting in sightings}
        raise ConnectionError(f"hostapd at {self._radio}: {WALKS} walks of its stations broke off")

    async def _walk(self, control: Control) -> tuple[list[Sighting], bool]:
        """List authorised stations; not whole when one left just as we stood on it."""
        sightings = []
        text = await control.request("STA-FIRST")
        for _ in range(STATIONS_BOUND):
            station = parse_station(text)
            if station is None:
                break
            if station.authorized:
                client = self._number(station.mac)
                sightings.append(
                    Sighting(client, station.connected_s, station.tx_bytes, station.rx_bytes)
                )
            text = await control.request(f"STA-NEXT {station.mac}")
        return sightings, not (text.startswith("FAIL") and sightings)

    async def _listen(self, control: Control) -> None:
        """Take events until the next poll is due. ConnectionError when hostapd says farewell."""
        due_ms = self._ctx.clock.boot_ms() + round(POLL_S * 1000)
        while (left_ms := due_ms - self._ctx.clock.boot_ms()) > 0:
            text = await control.event(left_ms / 1000)
            if text is None:
                return
            if "CTRL-EVENT-TERMINATING" in text:
                raise ConnectionResetError(f"hostapd at {self._radio} is ending")
            event = parse_event(text)
            if event is None:
                continue
            client, now_ms = self._number(event.mac), self._ctx.clock.boot_ms()
            if event.connected:
                self._since.associated += self._sessions.connected(client, self._radio, now_ms)
            else:
                self._since.disassociated += self._sessions.disconnected(
                    client, self._radio, now_ms
                )
            self._note_stay(client)
            self._count_peak()

    def _number(self, mac: str) -> int:
        client = self._ctx.clients.ordinal(mac)
        if is_randomised(mac):
            self._randomised.add(client)
        return client

    def _note_stay(self, client: int) -> None:
        # One that was ended first: an open one that is still remembered would be replaced.
        for stay in self._sessions.stays(client):
            self._ctx.clients.note_stay(client, stay)

    def _note_moved(self, client: int, before: int | None, since_ms: int, now_ms: int) -> None:
        after, stay = self._sessions.bytes_of(client), self._sessions.stay(client)
        if after is None or stay is None:
            return
        if before is None:
            # Its first count is of all it moved since it came, unless that was before us.
            before = 0 if stay.start_ms >= since_ms else after
        if after > before:
            since_ms = max(since_ms, stay.start_ms)
            self._ctx.clients.note_bytes(client, since_ms, now_ms, after - before)

    def _count_peak(self) -> None:
        self._since.peak = max(self._since.peak, len(self._sessions.present(self._radio)))

    def _emit_wifi(self) -> None:
        present = self._sessions.present(self._radio)
        self._randomised.intersection_update(present)
        since, self._since = self._since, Since(peak=len(present))
        self._ctx.emit(
            Wifi(
                ssid=self.settings.ssid,
                band=self.settings.band,
                clients=len(present),
                clients_peak=max(since.peak, len(present)),
                associated=since.associated,
                disassociated=since.disassociated,
                randomized=len(self._randomised),
            )
        )


async def _expect(control: Control, command: str, answer: str) -> None:
    said = (await control.request(command)).strip()
    if said != answer:
        raise ConnectionError(f"hostapd answered {command} with {said[:20]!r}, not {answer}")


SAMPLER = Sampler(NAME, wanted, run)
