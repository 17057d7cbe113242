"""The real agents over the fakes: each measurement arrives, none of what is private does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from homeroute_agent.clock import wall_clock_ms
from homeroute_agent.run import SPOOL_NAME
from homeroute_agent.spool import Ledger, Spool
from homeroute_simulators.agent_file import Cadence
from homeroute_simulators.district import District
from homeroute_simulators.fleet import Broker, Fleet, devices
from homeroute_simulators.fleet_wear import Wear
from homeroute_simulators.names import definition
from homeroute_simulators.school_calendar import EveryWeekday
from homeroute_simulators.wifi import Kind
from homeroute_simulators.world import World, found
from homeroute_wire.batch import Header, inflate

QUICK = Cadence(sample_s=0.2, batch_s=0.5, minute_s=0.5, session_interim_s=0.5, boot_delay_s=0.0)


DAY = date(2026, 11, 16)


def small() -> District:
    whole = found(7)
    bus = max(whole.trips, key=lambda t: sum(len(rider.clients) for rider in t.riders)).bus
    return replace(
        whole,
        buses=(bus,),
        hotspots=whole.hotspots[:1],
        trips=tuple(trip for trip in whole.trips if trip.bus is bus),
        zones=(),
    )


def drive(
    district: District, state: Path, port: int, seconds: float, wears: Kind
) -> tuple[dict[str, Ledger], int]:
    """Ledgers, and how far the world still moved once told to stop, ms."""

    async def run() -> tuple[dict[str, Ledger], int]:
        # In the middle of a drive, whatever the time.
        planned = World(district, EveryWeekday(DAY)).drives(DAY)[0]
        middle_ms = (planned.depart_ms + planned.arrive_ms) // 2
        fleet = Fleet(
            district,
            {planned.bus.device: [planned.moved(wall_clock_ms() - middle_ms)]},
            state=state,
            broker=Broker("127.0.0.1", port),
            passwords=dict.fromkeys(devices(district), "secret"),
            cadence=QUICK,
            wears=lambda _: Wear(wears),
        )
        stop = asyncio.Event()
        told_ms = 0

        def tell() -> None:
            nonlocal told_ms
            told_ms = fleet.at_ms
            stop.set()

        asyncio.get_running_loop().call_later(seconds, tell)
        ledgers = await fleet.run(stop, quiesce_s=0.1)
        return ledgers, fleet.at_ms - told_ms

    return asyncio.run(run())


def spooled(path: Path) -> list[dict[str, Any]]:
    spool = Spool.open(path)
    bodies = []
    while (batch := spool.take()) is not None:
        header = Header(batch.stream, batch.seq, 0, batch.points)
        bodies.append(json.loads(inflate(batch.body, header)))
    spool.close()
    return bodies


SEPARATORS = str.maketrans("", "", ":-. ")


def plain(text: str) -> str:
    """A text as an address would have to be looked for in it, however it is written."""
    return text.lower().translate(SEPARATORS)


@pytest.mark.parametrize(
    "leak", ["9e:1a:00:5e:53:01", "9E-1A-00-5E-53-01", "9e1a.005e.5301", "9E1A005E5301"]
)
def test_an_address_is_found_in_each_way_that_access_points_write_it(leak: str) -> None:
    assert plain("9e:1a:00:5e:53:01") in plain(json.dumps({"values": [12, leak, 5]}))


@pytest.mark.slow
@pytest.mark.parametrize("wears", ["hostapd", "radius"])
def test_agents_sample_what_the_fakes_offer_keep_it_without_a_broker_and_see_everybody_get_off(
    tmp_path: Path, free_port: Callable[[], int], wears: Kind
) -> None:
    district = small()
    (bus,), (hotspot,) = district.buses, district.hotspots
    ledgers, moved_ms = drive(district, tmp_path, free_port(), 5.0, wears)
    assert moved_ms == 0  # who pressed Ctrl-C waits for no step of it

    assert set(ledgers) == {bus.device, hotspot.device}
    for ledger in ledgers.values():
        assert ledger.sampled == ledger.spooled > 0
        assert ledger.stored == ledger.refused == ledger.dropped == 0

    bodies = spooled(tmp_path / bus.device / SPOOL_NAME)
    measurements = {name for body in bodies for name in body["m"]}
    assert measurements >= {"wifi", "session", "traffic", "uplink", "position", "health", "agent"}
    text = json.dumps(bodies)
    riders = {rider for trip in district.trips for rider in trip.riders}
    sessions = [body["m"]["session"] for body in bodies if "session" in body["m"]]
    causes = {cause for session in sessions for cause in session["cause"]}
    assert "left" in causes
    assert causes <= {"left", "interim"}  # and not "shutdown": agents heard each of them go
    for client in (client for rider in riders for client in rider.clients):
        assert plain(client.mac) not in plain(text)
        assert plain(client.host_name) not in plain(text)
    assert ".example" not in text
    # Nor in the file itself, deleted pages and all.
    written = b"".join(file.read_bytes() for file in (tmp_path / bus.device).glob("spool*"))
    assert written
    kept = plain(written.decode("latin-1"))
    assert not [c.mac for r in riders for c in r.clients if plain(c.mac) in kept]


def test_the_fleets_lists_make_one_definition() -> None:
    assert definition() == definition()
    assert len(definition()) == 12


def test_cutting_a_device_that_is_not_there_is_a_key_error(tmp_path: Path) -> None:
    fleet = Fleet(
        small(), {}, state=tmp_path, broker=Broker("127.0.0.1", 1), passwords={}, cadence=QUICK
    )
    with pytest.raises(KeyError):
        fleet.cut("bus-99", 1.0)
