"""The configuration file of a simulated device's agent, as an installer would write it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from homeroute_simulators.district import District
from homeroute_simulators.gateway import LAN, WAN, BusGateway, Gateway
from homeroute_simulators.wifi import SSID, Accounting, Socket, Wifi

MODEM_S = 5.0
"""A modem is asked no more often: each question is a process."""


@dataclass(frozen=True, slots=True)
class Cadence:
    """How often agents do things, in seconds. The defaults are the demonstration's.

    ``probes``, ``timeout_s`` and ``usable_rtt_ms`` are the uplink's, in our own time, as is
    ``modem_timeout_s``.
    """

    sample_s: float = 1.0
    batch_s: float = 2.0
    minute_s: float = 10.0
    session_interim_s: float = 60.0
    boot_delay_s: float = 1.0
    probes: int = 5
    timeout_s: float = 0.6
    usable_rtt_ms: float = 300.0
    modem_timeout_s: float = 2.0
    spool_bytes: int = 67_108_864


def bus_file(
    district: District, gateway: BusGateway, cadence: Cadence, learning: Path, categories: Path
) -> str:
    """TOML of a bus's agent."""
    return (
        _common(district, gateway, cadence, "bus")
        + _wifi(gateway.wifi)
        + _modem(gateway, cadence)
        + f"""
[gpsd]
address = "127.0.0.1:{gateway.receiver.port}"

[[dns_log]]
path = {_text(gateway.query_log.path)}
format = "dnsmasq"

[names]
leases_file = {_text(gateway.leases_file)}
learning_file = {_text(learning)}
categories_dir = {_text(categories)}
"""
    )


def hotspot_file(district: District, gateway: Gateway, cadence: Cadence) -> str:
    """TOML of a take-home hotspot's agent."""
    return _common(district, gateway, cadence, "hotspot")


def spare_file(district: District, gateway: Gateway, cadence: Cadence) -> str:
    """TOML of an agent of the same name on a bench, which has nothing to watch but itself."""
    return _head(district, gateway, cadence, "bus") + _health(gateway)


def _head(district: District, gateway: Gateway, cadence: Cadence, kind: str) -> str:
    return f"""\
# A simulated device: written anew at every start of the demonstration.
district = {_text(district.name)}
device = {_text(gateway.device)}
kind = {_text(kind)}
state_dir = "."
sample_s = {cadence.sample_s}
batch_s = {cadence.batch_s}
minute_s = {cadence.minute_s}
session_interim_s = {cadence.session_interim_s}
boot_delay_s = {cadence.boot_delay_s}
timezone = {_text(district.timezone)}

[mqtt]
host = "127.0.0.1"
port = {gateway.link.local_port}
password_file = "password"
keepalive_s = 10
ack_timeout_s = 5.0

[spool]
max_bytes = {cadence.spool_bytes}
"""


def _common(district: District, gateway: Gateway, cadence: Cadence, kind: str) -> str:
    return (
        _head(district, gateway, cadence, kind)
        + f"""
[network]
wan = [{_text(WAN)}]
lan = [{_text(LAN)}]
proc_net_dev = {_text(gateway.root.path / "proc/net/dev")}

[uplink]
interface = {_text(WAN)}
technology = "lte"
carrier = {_text(gateway.carrier)}
method = "dns"
targets = ["127.0.0.1:{gateway.resolver.port}"]
probes = {cadence.probes}
timeout_s = {cadence.timeout_s}
usable_rtt_ms = {cadence.usable_rtt_ms}
"""
        + _health(gateway)
    )


def _wifi(wifi: Wifi) -> str:
    if isinstance(wifi, Accounting):
        return f"""
[radius]
listen = "127.0.0.1:{wifi.port}"
secret_file = {_text(wifi.secret_file)}
ssid = {_text(SSID)}
band = "5"
"""
    assert isinstance(wifi, Socket)
    return f"""
[[hostapd]]
socket = {_text(wifi.access_point.path)}
ssid = {_text(SSID)}
band = "5"
"""


def _modem(gateway: BusGateway, cadence: Cadence) -> str:
    if gateway.modem is None:
        return ""
    return f"""
[modem]
tool = "mmcli"
command = {_text(gateway.modem.path)}
every_s = {max(MODEM_S, cadence.sample_s)}
timeout_s = {cadence.modem_timeout_s}
"""


def _health(gateway: Gateway) -> str:
    return f"\n[health]\nroot = {_text(gateway.root.path)}\n"


def _text(value: object) -> str:
    """A TOML basic string, whose escapes are those of JSON."""
    return json.dumps(str(value), ensure_ascii=False)
