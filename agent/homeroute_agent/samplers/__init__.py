"""The samplers: each an async function and one row in :data:`SAMPLERS`."""

from __future__ import annotations

from homeroute_agent import usage
from homeroute_agent.sample import Sampler
from homeroute_agent.samplers import dns_log, gpsd, health, hostapd, modem, network, radius, uplink

SAMPLERS: tuple[Sampler, ...] = (
    hostapd.SAMPLER,
    radius.SAMPLER,
    network.SAMPLER,
    modem.SAMPLER,
    uplink.SAMPLER,
    gpsd.SAMPLER,
    dns_log.SAMPLER,
    health.SAMPLER,
    usage.SAMPLER,
)
"""Every sampler there is. The agent runs those that the configuration wants."""
