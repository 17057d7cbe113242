"""Trying what a gateway knows of itself: counters, uplink, position, health. Read-only."""

from __future__ import annotations

import asyncio
import dataclasses
import ipaddress
import sys
from pathlib import Path
from typing import Any

from homeroute_agent.config import Config, Gpsd, Health, Network, Uplink
from homeroute_agent.probe_finding import Finding, lacking, read, toml
from homeroute_agent.sample import NoData
from homeroute_agent.samplers import health, network, uplink
from homeroute_agent.samplers.gpsd import WATCH
from homeroute_agent.samplers.gpsd_text import Fix, parse_report
from homeroute_wire import measurements

FIX_S = 6.0


async def probe_network(settings: Config | None) -> list[Finding]:
    """Byte counters: the interfaces there are, and a second of traffic."""
    configured = settings.network if settings is not None else None
    chosen = configured or guess_network(Path("/"))
    try:
        before = network.read_counters(chosen.proc_net_dev)
        meter = network.Meter(chosen)
        meter.read(before, 0)
        await asyncio.sleep(1.0)
        flows = meter.read(network.read_counters(chosen.proc_net_dev), 1_000)
    except OSError as error:
        return [lacking("network", f"{error}.")]
    missing = f"no interface {', '.join(meter.absent)} here" if meter.absent else ""
    if not flows:
        there = ", ".join(sorted(before)) or "none"
        return [
            lacking(
                "network",
                f"{missing or 'found no interface towards the internet'}. Interfaces: {there}.",
                "Name them in [network]: wan towards the internet, lan towards clients.",
            )
        ]
    values: dict[str, Any] = {"wan": list(chosen.wan), "lan": list(chosen.lan)}
    if chosen.proc_net_dev != Network().proc_net_dev:
        values["proc_net_dev"] = str(chosen.proc_net_dev)
    section = toml("[network]", values)
    return [
        Finding("network", works=True, sample=flows[0].traffic(), note=missing, section=section)
    ]


def guess_network(root: Path) -> Network:
    """WAN is where the default route goes; LAN the radios, or OpenWrt's bridge."""
    devices = root / "sys/class/net"
    wan = default_route(read(root / "proc/net/route"))
    names = sorted(path.name for path in devices.iterdir()) if devices.is_dir() else []
    lan = [
        name
        for name in names
        if name != wan
        and (
            name == "br-lan"
            or (devices / name / "wireless").exists()
            or (devices / name / "phy80211").exists()
        )
    ]
    lan = ["br-lan"] if "br-lan" in lan else lan
    return Network(wan=(wan,) if wan else (), lan=tuple(lan))


def default_route(text: str) -> str | None:
    """The interface of the default route with the least metric, from ``/proc/net/route``."""
    routes = []
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) >= 8 and words[1] == "00000000" and words[7] == "00000000":
            routes.append((int(words[6]) if words[6].isdigit() else 0, words[0]))
    return min(routes)[1] if routes else None


def route_to(text: str, target: str) -> str | None:
    """The interface that ``/proc/net/route`` sends a target to; None when it does not tell."""
    host, _ = uplink.split_target(target, 443)
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError:
        return None  # a name, or IPv6
    if address.is_loopback:
        return "lo"
    routes = []
    for words in (line.split() for line in text.splitlines()[1:]):
        if len(words) >= 8:
            # Numbers of the machine's own byte order; some OpenWrt routers are big-endian.
            to, mask = (int.from_bytes(bytes.fromhex(words[i]), sys.byteorder) for i in (1, 7))
            if int(address) & mask == to:
                routes.append((-mask, int(words[6]), words[0]))
    return min(routes)[2] if routes else None


async def probe_uplink(settings: Config | None, root: Path = Path("/")) -> list[Finding]:
    """The way to the internet, with the probes a bus would send.

    An interface that is not there, or that the probes did not take, gets no credit.
    """
    configured = settings.uplink if settings is not None else None
    routes = read(root / "proc/net/route")
    interface = default_route(routes) or "wan"
    chosen = configured or Uplink(interface=interface)
    sample = await uplink.measure(chosen)
    if sample.state == measurements.UPLINK_NO_SERVICE and configured is None:
        # Some networks let nothing but name lookups through.
        by_dns = Uplink(interface=interface, method="dns", targets=("1.1.1.1:53", "8.8.8.8:53"))
        answer = await uplink.measure(by_dns)
        if answer.state != measurements.UPLINK_NO_SERVICE:
            chosen, sample = by_dns, answer
    answered = sample.state != measurements.UPLINK_NO_SERVICE
    taken = {route_to(routes, target) for target in chosen.targets} - {None, chosen.interface}
    path = ", ".join(sorted(filter(None, taken)))
    devices = root / "sys/class/net"
    if configured and devices.is_dir() and not (devices / chosen.interface).exists():
        went = f"; the targets answered through {path}" if answered and path else ""
        return [
            lacking(
                "uplink",
                f"no interface {chosen.interface} here{went}.",
                "Plug the modem in, or set interface in [uplink] to the one that is used.",
            )
        ]
    note = ""
    if answered and path:
        note = f"The probes went through {path}, not through {chosen.interface} as configured."
        sample = dataclasses.replace(sample, interface=path.split(", ")[0])
    elif not answered:
        note = (
            f"No target answered ({', '.join(chosen.targets)}): no service now, or a firewall. "
            "Targets of your own may be named in [uplink]."
        )
    values = {
        "interface": chosen.interface,
        "technology": chosen.technology,
        "carrier": chosen.carrier,
        "method": chosen.method,
        "targets": list(chosen.targets),
    }
    return [
        Finding("uplink", works=True, sample=sample, note=note, section=toml("[uplink]", values))
    ]


async def probe_gpsd(settings: Config | None) -> list[Finding]:
    """Position: whether gpsd answers, has a receiver, and a fix."""
    if settings is not None and settings.kind == "hotspot":
        return [lacking("gpsd", "not sampled on a hotspot: its position is a household's.")]
    chosen = (settings.gpsd if settings is not None else None) or Gpsd()
    host, port = uplink.split_target(chosen.address, 2947)
    section = toml("[gpsd]", {"address": chosen.address})
    try:
        fix, receivers = await _listen(host, port)
    except (OSError, TimeoutError):
        return [
            lacking(
                "gpsd",
                f"nobody answers at {chosen.address}.",
                "Install gpsd and name the receiver in DEVICES of /etc/default/gpsd.",
            )
        ]
    position = fix.position() if fix is not None else None
    note = ""
    if position is None:
        note = "no fix yet; under open sky it takes some minutes"
        if not receivers:
            note = "gpsd has no receiver: name it in DEVICES of /etc/default/gpsd"
    return [Finding("gpsd", works=True, sample=position, note=note, section=section)]


async def _listen(host: str, port: int) -> tuple[Fix | None, bool]:
    """The best report of some seconds, and whether there is a receiver at all."""
    best: Fix | None = None
    receivers = False
    async with asyncio.timeout(3.0):
        reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(WATCH)
        async with asyncio.timeout(FIX_S):
            while line := await reader.readline():
                if b'"class":"DEVICES"' in line:
                    receivers = b'"path"' in line
                fix = parse_report(line)
                if fix is not None:
                    receivers, best = True, fix
                    if fix.position() is not None:
                        break
    except TimeoutError:
        pass
    finally:
        writer.close()
    return best, receivers


async def probe_health(settings: Config | None) -> list[Finding]:
    """The gateway itself."""
    default = Health(disk=Path("/overlay")) if Path("/overlay").is_dir() else Health()
    chosen = settings.health if settings is not None else default
    try:
        _, before = await health.measure(chosen, None, None)
        await asyncio.sleep(0.5)
        sample, _ = await health.measure(chosen, before, None)
    except NoData as error:
        return [lacking("health", f"{error}.")]
    optional = ("cpu_ratio", "memory_ratio", "disk_ratio", "temperature_c", "undervoltage")
    absent = [name for name in optional if getattr(sample, name) is None]
    note = f"This machine does not tell: {', '.join(absent)}." if absent else ""
    values = {}
    if chosen.disk != Health().disk:
        values["disk"] = str(chosen.disk)
    if chosen.root != Health().root:
        values["root"] = str(chosen.root)
    section = toml("[health]", values) if values else ""
    return [Finding("health", works=True, sample=sample, note=note, section=section)]
