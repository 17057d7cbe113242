"""Bytes over hostapd's control socket, as activity is told of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from homeroute_agent.clients import Move
from homeroute_agent.samplers import hostapd
from homeroute_simulators.hostapd import AccessPoint
from homeroute_wire.measurements import Session
from tests.agent.bench import Bench, configure, until

EARLY, LATE = "0a:00:00:00:00:01", "0a:00:00:00:00:02"


def test_all_a_client_moved_since_it_came_is_noted_and_nothing_from_before_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hostapd, "POLL_S", 0.2)
    path = tmp_path / "wlan0"
    bench = Bench(configure(tmp_path, f'[[hostapd]]\nsocket = "{path}"\nssid = "Bus-WiFi"\n'))
    moves: list[Move] = []

    def both_moved() -> bool:
        moves.extend(bench.clients.take_moves())
        return len(moves) >= 2

    async def script() -> None:
        access_point = AccessPoint(path, "Bus-WiFi")
        access_point.open()
        try:
            early = access_point.associate(EARLY)
            early.connected_s -= 100
            early.tx_bytes = 1_000_000
            await until(lambda: bench.worked, "the first poll")
            late = access_point.associate(LATE)
            late.tx_bytes, late.rx_bytes = 5_000, 500
            early.tx_bytes += 70
            await until(both_moved, "both to be noted")
        finally:
            access_point.close()

    bench.run(hostapd.SAMPLER, script)
    assert {move.client: move.moved_bytes for move in moves} == {1: 70, 2: 5_500}
    assert all(move.since_ms < move.at_ms for move in moves)


def test_told_to_stop_it_asks_once_more_and_no_byte_of_who_is_here_is_missing(
    tmp_path: Path,
) -> None:
    path = tmp_path / "wlan0"
    bench = Bench(configure(tmp_path, f'[[hostapd]]\nsocket = "{path}"\nssid = "Bus-WiFi"\n'))
    access_point = AccessPoint(path, "Bus-WiFi")

    async def script() -> None:
        access_point.open()
        station = access_point.associate(LATE)
        await until(lambda: bench.worked, "the only poll for half a minute")
        station.tx_bytes, station.rx_bytes = 5_000, 500

    bench.run(hostapd.SAMPLER, script)
    (last,) = [session for session in bench.of(Session) if not session.open]
    assert (last.cause, last.down_bytes, last.up_bytes) == ("shutdown", 5_000, 500)
