"""The DNS log sampler against real dnsmasq and unbound, with planted names and addresses."""

from __future__ import annotations

import asyncio
import logging
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from homeroute_agent.clients import Stay
from homeroute_agent.clock import Clock
from homeroute_agent.samplers import dns_log
from homeroute_wire.measurements import Activity, Filter
from tests.agent.bench import Bench, configure, until
from tests.rigs.dnsmasq_rig import DnsmasqRig
from tests.rigs.unbound_rig import UnboundRig

RIDER, OTHER = "127.0.0.2", "127.0.0.3"
MAC = "9e:1a:2b:3c:4d:5e"


def folder(parent: Path, name: str) -> Path:
    made = parent / name
    made.mkdir()
    return made


def section(path: Path, log_format: str, leases: Path | None = None) -> str:
    names = f'[names]\nleases_file = "{leases}"\n' if leases else ""
    return f'[[dns_log]]\npath = "{path}"\nformat = "{log_format}"\n{names}'


@pytest.mark.slow
@pytest.mark.real("dnsmasq")
@pytest.mark.parametrize("plain", [False, True])
def test_hits_of_a_real_dnsmasq(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, plain: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    rig = DnsmasqRig(folder(tmp_path, "dns"), plain=plain)
    rig.start()
    try:
        bench = Bench(configure(tmp_path, section(rig.queries, "dnsmasq")))
        bench.trust()

        async def script() -> None:
            await until(lambda: bench.worked, "the log to be followed")
            for rider in (RIDER, OTHER, "127.0.0.1"):
                for kind in (1, 28):
                    rig.ask("www.blocked-adult.example", rider, kind)
            rig.ask("allowed.example", RIDER)
            await until(lambda: bench.of(Filter), "a hit")

        bench.run(dns_log.SAMPLER, script)
    finally:
        rig.stop()
    assert sum(record.hits for record in bench.of(Filter)) == 2  # not 6, and not the gateway's own
    assert {(r.category, r.action) for r in bench.of(Filter)} == {("uncategorized", "blocked")}
    said = repr(bench.samples) + repr(bench.failures) + caplog.text
    for planted in ("blocked-adult", "allowed.example", RIDER):
        assert planted not in said


@pytest.mark.slow
@pytest.mark.real("unbound")
def test_hits_of_a_real_unbound_by_category(tmp_path: Path) -> None:
    rig = UnboundRig(folder(tmp_path, "unbound"))
    rig.start()
    try:
        bench = Bench(configure(tmp_path, section(rig.queries, "unbound")))
        bench.trust()

        async def script() -> None:
            await until(lambda: bench.worked, "the log to be followed")
            rig.ask("www.blocked-adult.example", RIDER)
            rig.ask("www.roblox.example", RIDER)
            rig.ask("ads.example", OTHER)
            await until(lambda: len(bench.of(Filter)) >= 3, "hits")

        bench.run(dns_log.SAMPLER, script)
    finally:
        rig.stop()
    assert {(r.category, r.action, r.hits, r.clients) for r in bench.of(Filter)} == {
        ("adult", "blocked", 1, 1),
        ("games", "blocked", 1, 1),
        ("uncategorized", "blocked", 1, 1),
    }


@pytest.mark.slow
@pytest.mark.real("dnsmasq")
def test_a_real_dnsmasq_may_log_into_a_fifo_or_rotate(tmp_path: Path) -> None:
    place = folder(tmp_path, "dns")
    fifo = place / "queries"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)  # dnsmasq wants one before it starts
    rig = DnsmasqRig(place, log=fifo)
    rig.start()
    try:
        bench = Bench(configure(tmp_path, section(fifo, "dnsmasq")))
        bench.trust()

        async def script() -> None:
            await until(lambda: bench.worked, "the FIFO to be followed")
            os.close(reader)
            rig.ask("nx-games.example", RIDER)
            await until(lambda: bench.of(Filter), "a hit")

        bench.run(dns_log.SAMPLER, script)
    finally:
        rig.stop()
    rig = DnsmasqRig(folder(tmp_path, "dns2"))
    rig.start()
    try:
        bench = Bench(configure(tmp_path, section(rig.queries, "dnsmasq")))
        bench.trust()

        async def rotated() -> None:
            await until(lambda: bench.worked, "the log to be followed")
            rig.rotate()
            await until(rig.queries.exists, "a new log")
            rig.ask("nx-games.example", RIDER)
            await until(lambda: bench.of(Filter), "a hit in the new log")

        bench.run(dns_log.SAMPLER, rotated)
    finally:
        rig.stop()


class Told:
    """A dnsmasq log written by hand, on a clock turned by hand."""

    def __init__(self, folder: Path, *, wifi: bool = False, radius: bool = False) -> None:
        self.log = folder / "queries.log"
        self.log.touch()
        self.leases = folder / "leases"
        self.leases.write_text(f"1795299506 {MAC} 10.0.0.2 Kids-iPad *\n")
        self.boot_ms = 0
        text = section(self.log, "dnsmasq", self.leases)
        if wifi:
            text += '[[hostapd]]\nsocket = "/nowhere"\nssid = "Bus-WiFi"\n'
        if radius:
            (folder / "secret").write_text("not told\n")
            text += f'[radius]\nsecret_file = "{folder / "secret"}"\nssid = "Bus-WiFi"\n'
        clock = Clock(
            monotonic_ms=lambda: self.boot_ms,
            wall_ms=lambda: BEGAN_MS + self.boot_ms,
            sleep=self._sleep,
            boot_id="b",
        )
        self.bench = Bench(configure(folder, text, head=""), clock=clock)

    async def _sleep(self, _seconds: float) -> None:
        await asyncio.sleep(0.002)

    def ask(self, name: str, address: str = "10.0.0.2", *, ago_ms: int = 0) -> None:
        when = datetime.fromtimestamp((BEGAN_MS + self.boot_ms - ago_ms) / 1000, UTC)
        with self.log.open("a") as log:
            log.write(
                f"{when:%b %d %H:%M:%S} dnsmasq[1]: 1 {address}/5 query[A] {name} from {address}\n"
            )

    async def at(self, boot_ms: int) -> None:
        """Let everything until now be taken in, then turn the clock."""
        await asyncio.sleep(0.05)
        self.boot_ms = boot_ms


BEGAN_MS = 1_795_299_000_000  # on a whole minute


def run(told: Told, story: list[tuple[int, str, str]], end_ms: int, trust_at: int = 0) -> None:
    """Lookups at boot times; the clock is trusted once the story has come to ``trust_at``."""

    async def script() -> None:
        await until(lambda: told.bench.worked, "the log to be followed")
        for boot_ms, name, address in story:
            await told.at(boot_ms)
            if boot_ms >= trust_at and not told.bench.clock.trusted:
                told.bench.trust(BEGAN_MS + boot_ms)
            told.ask(name, address)
        await told.at(end_ms)
        if not told.bench.clock.trusted:
            told.bench.trust(BEGAN_MS + end_ms)
        await asyncio.sleep(0.1)

    told.bench.run(dns_log.SAMPLER, script)


def test_what_was_written_after_the_last_reading_is_told_when_the_agent_is_stopped(
    tmp_path: Path,
) -> None:
    told = Told(tmp_path)

    async def sleep(_seconds: float) -> None:
        # Readings are far apart: nothing more is read before the end.
        await asyncio.sleep(0.002 if not told.bench.worked else 30.0)

    told.bench.clock = Clock(
        monotonic_ms=lambda: told.boot_ms,
        wall_ms=lambda: BEGAN_MS + told.boot_ms,
        sleep=sleep,
        boot_id="b",
    )

    async def script() -> None:
        await until(lambda: told.bench.worked, "the log to be followed")
        told.bench.trust(BEGAN_MS)
        told.boot_ms = 59_000
        told.ask("www.khanacademy.org")
        told.boot_ms = 61_000

    told.bench.run(dns_log.SAMPLER, script)
    assert [minute.lookups for minute in told.bench.of(Activity)] == [1]


LESSON = [
    (10_000, "www.khanacademy.org", "10.0.0.2"),
    (21_000, "www.khanacademy.org", "10.0.0.2"),
    (70_000, "doubleclick.net", "10.0.0.2"),
    (80_000, "somewhere.example", "10.0.0.3"),
]


def by_minute(bench: Bench) -> dict[int, Activity]:
    offset_ms = bench.clock.offset_ms
    assert offset_ms is not None
    return {
        (s.boot_ms + offset_ms - BEGAN_MS) // 60_000: s.record
        for s in bench.samples
        if isinstance(s.record, Activity)
    }


def test_activity_is_told_by_clock_minute(tmp_path: Path) -> None:
    told = Told(tmp_path, wifi=False)
    run(told, [(0, "first.example", "10.0.0.9"), *LESSON], 6 * 60_000)
    minutes = by_minute(told.bench)
    assert minutes[0].learning_clients == 1
    assert minutes[0].learning_clients_strict == 0
    assert (minutes[1].active_clients, minutes[1].lookups) == (1, 2)
    assert minutes[1].classified_lookups == 1
    assert sorted(minutes) == [0, 1, 2, 3, 4, 5]
    assert len({m.definition for m in minutes.values()}) == 1


def test_lookups_before_the_clock_is_trusted_are_held_and_counted_into_their_minutes(
    tmp_path: Path,
) -> None:
    told = Told(tmp_path, wifi=False)
    run(told, LESSON, 10 * 60_000, trust_at=10**9)
    minutes = by_minute(told.bench)
    assert minutes[0].learning_clients == 1
    assert minutes[1].active_clients == 1


def test_only_clients_on_a_student_ssid_count(tmp_path: Path) -> None:
    told = Told(tmp_path, wifi=True)
    told.bench.clients.note_stay(told.bench.clients.ordinal(MAC), Stay(0))
    run(told, [(0, "first.example", "10.0.0.9"), *LESSON], 6 * 60_000)
    minutes = by_minute(told.bench)
    assert minutes[0].learning_clients == 1
    assert (minutes[1].active_clients, minutes[1].lookups) == (0, 1)  # 10.0.0.3 is a tablet


def test_a_lookup_read_late_counts_in_the_minute_in_which_it_was_made(tmp_path: Path) -> None:
    told = Told(tmp_path, wifi=False)

    async def script() -> None:
        await until(lambda: told.bench.worked, "the log to be followed")
        told.bench.trust(BEGAN_MS)
        await told.at(50_000)
        told.boot_ms = 61_000  # nothing was read meanwhile
        told.ask("www.khanacademy.org", ago_ms=2_000)
        told.ask("somewhere.example")
        await told.at(6 * 60_000)
        await asyncio.sleep(0.1)

    told.bench.run(dns_log.SAMPLER, script)
    minutes = by_minute(told.bench)
    assert (minutes[0].lookups, minutes[0].learning_clients_loose) == (1, 1)
    assert (minutes[1].lookups, minutes[1].learning_clients_loose) == (1, 0)


def test_over_radius_too_only_clients_on_a_student_ssid_count(tmp_path: Path) -> None:
    told = Told(tmp_path, radius=True)
    told.bench.clients.note_stay(told.bench.clients.ordinal(MAC), Stay(0))
    run(told, [(0, "first.example", "10.0.0.9"), *LESSON], 6 * 60_000)
    minutes = by_minute(told.bench)
    assert minutes[0].learning_clients == 1
    assert (minutes[1].active_clients, minutes[1].lookups) == (0, 1)


def test_nothing_of_a_name_an_address_or_a_host_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told = Told(tmp_path, wifi=True)
    run(told, [*LESSON, (90_000, "secret-name.example", "10.99.98.97")], 6 * 60_000)
    said = repr(told.bench.samples) + repr(told.bench.failures) + caplog.text
    for planted in ("secret-name", "khan", "10.99.98", "10.0.0.2", MAC, "Kids-iPad"):
        assert planted not in said


def test_a_log_that_is_not_there_is_no_data_and_no_minute_is_told(tmp_path: Path) -> None:
    bench = Bench(configure(tmp_path, section(tmp_path / "none.log", "dnsmasq")))
    bench.trust()

    async def script() -> None:
        await until(lambda: bench.absences, "absence")

    bench.run(dns_log.SAMPLER, script)
    assert not bench.samples


def test_a_hotspots_lookups_are_not_read(tmp_path: Path) -> None:
    text = section(tmp_path / "log", "dnsmasq")
    assert not dns_log.SAMPLER.wanted(configure(tmp_path, text, head='kind = "hotspot"'))
