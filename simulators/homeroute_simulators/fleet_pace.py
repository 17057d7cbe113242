"""How a probe's real round trip fits into faster time.

The uplink's probe is timed by the machine's own clock, and the network it crosses
is a real one, of sockets. At ten times the speed a weak cell's 420 ms would be
four seconds; and a busy machine's own delays are not the world's. So the world's round
trips, the agent's ``usable_rtt_ms`` and its ``timeout_s`` are all scaled alike, to fill
the time between two samples: the state judged is the same, and ``rtt_ms`` as reported is
the world's divided by the scale.
"""

from __future__ import annotations

import dataclasses

from homeroute_simulators.agent_file import Cadence

RTT_SCALE_BOUND = 4.0
"""Past this, a busy event loop's delay looks like a weak cell's."""

LEAST_RTT_SCALE = 0.5
"""Round trips are no more than doubled: time in which nothing is misjudged for a delay of ours."""

ROOM = 0.9
"""How much of the time between two samples a probe without an answer may take."""

PROBES = 1
"""A sample's probes in faster time: several stand 100 ms of our own time apart."""


def pace(cadence: Cadence, speed: float) -> tuple[Cadence, float]:
    """The cadence for that speed, and the scale of round trips."""
    if speed <= 1.0:
        return cadence, 1.0
    scale = cadence.timeout_s / (ROOM * cadence.sample_s / speed)
    scale = min(max(LEAST_RTT_SCALE, scale), RTT_SCALE_BOUND)
    return (
        dataclasses.replace(
            cadence,
            probes=PROBES,
            timeout_s=cadence.timeout_s / scale,
            usable_rtt_ms=cadence.usable_rtt_ms / scale,
        ),
        scale,
    )
