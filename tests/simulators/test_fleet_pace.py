"""A probe's real round trip in faster time, and what buses wear."""

from __future__ import annotations

import pytest

from homeroute_simulators.agent_file import Cadence
from homeroute_simulators.fleet_pace import RTT_SCALE_BOUND, pace
from homeroute_simulators.fleet_wear import Wear, worn
from homeroute_simulators.gateway import CONNECTED_RTT_MS, USABLE_RTT_MS

CADENCE = Cadence(sample_s=10.0)


def test_at_real_speed_nothing_is_scaled() -> None:
    assert pace(CADENCE, 1.0) == (CADENCE, 1.0)


@pytest.mark.parametrize("speed", [1.5, 5.0, 12.0, 20.0, 40.0])
def test_a_probe_without_an_answer_ends_before_the_next_sample(speed: float) -> None:
    paced, scale = pace(CADENCE, speed)
    assert scale <= RTT_SCALE_BOUND
    assert paced.timeout_s < paced.sample_s / speed
    assert paced.timeout_s == pytest.approx(CADENCE.timeout_s / scale)


@pytest.mark.parametrize("speed", [5.0, 12.0, 20.0, 40.0])
def test_each_state_is_as_far_from_the_next_worse_as_it_can_be(speed: float) -> None:
    paced, scale = pace(CADENCE, speed)
    limit_ms, timeout_ms = paced.usable_rtt_ms, 1000 * paced.timeout_s
    assert USABLE_RTT_MS[1] / scale < 0.2 * limit_ms
    assert limit_ms < CONNECTED_RTT_MS[0] / scale
    assert CONNECTED_RTT_MS[1] / scale < 0.6 * timeout_ms


def test_three_buses_of_four_send_accounting_and_a_fault_brings_what_it_is_made_to() -> None:
    wears = [worn(index) for index in range(8)]
    assert [wear.wifi for wear in wears].count("radius") == 6
    assert [wear.modem for wear in wears].count(True) == 2
    socket = Wear("hostapd")
    assert socket.with_faults({"gps_loss"}) == socket
    assert socket.with_faults({"radius_disorder"}) == Wear("radius")
    assert socket.with_faults({"modem_hang"}) == Wear("hostapd", modem=True)
