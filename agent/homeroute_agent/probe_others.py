"""Trying what other machines and programs tell: RADIUS accounting, the modem. Read-only."""

from __future__ import annotations

import asyncio
import shutil
import socket
from typing import Any

from homeroute_agent.config import Config, Modem, Radius
from homeroute_agent.modem_signal import Signal
from homeroute_agent.probe_finding import Finding, lacking, toml
from homeroute_agent.sample import NoData
from homeroute_agent.samplers.modem import Tool, ask_registered, ask_signal, joined
from homeroute_agent.samplers.radius import PORT, read_secret
from homeroute_agent.samplers.uplink import split_target

_TRY = {"mmcli": "mmcli -L", "uqmi": "uqmi -d /dev/cdc-wdm0 --get-signal-info"}

_TELL = (
    "For an access point of another maker: give it this machine as RADIUS accounting server, "
    "with interims, and name the secret in [radius]."
)


async def probe_radius(settings: Config | None) -> list[Finding]:
    """RADIUS accounting: whether the secret is there and the port can be had.

    Nothing is listened to: a NAS whose requests are answered thinks them kept.
    """
    if settings is not None and settings.kind == "hotspot":
        return [lacking("radius", "not sampled on a hotspot: it is a household.")]
    if settings is None or settings.radius is None:
        return [lacking("radius", "no access point that sends accounting is configured.", _TELL)]
    return [await asyncio.to_thread(_try_port, settings.radius)]


def _try_port(radius: Radius) -> Finding:
    name = f"radius {radius.listen}"
    try:
        read_secret(radius.secret_file)
    except PermissionError as error:
        return lacking(name, f"may not read {error.filename}.", "Run as root, or give it to us.")
    except (OSError, ValueError) as error:
        return lacking(name, f"{error}.")
    host, port = split_target(radius.listen, PORT)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    note = "Whether an access point sends is seen once the agent runs."
    with socket.socket(family, socket.SOCK_DGRAM) as trial:
        try:
            trial.bind((host, port))
        except OSError as error:
            note = (
                f"The port is taken or not ours ({(error.strerror or '').lower()}): "
                "by the agent itself, if it runs."
            )
    values: dict[str, Any] = {"secret_file": str(radius.secret_file.resolve()), "ssid": radius.ssid}
    if radius.more_ssids:
        values["more_ssids"] = list(radius.more_ssids)
    values |= {"band": radius.band, "listen": radius.listen}
    return Finding(name, works=True, note=note, section=toml("[radius]", values))


async def probe_modem(settings: Config | None) -> list[Finding]:
    """The modem: the first tool there is, and one reading."""
    configured = settings.modem if settings is not None else None
    chosen = configured or next(
        (Modem(tool) for tool in ("mmcli", "uqmi") if shutil.which(tool)), None
    )
    if chosen is None:
        return [
            lacking(
                "modem",
                "neither mmcli nor uqmi on this machine.",
                "Install modemmanager (OpenWrt: uqmi) where a modem is built in.",
            )
        ]
    tool = Tool(chosen)
    try:
        signal = joined(await ask_signal(tool), await ask_registered(tool)).within()
    except (OSError, ValueError, NoData) as error:
        why = "hangs" if isinstance(error, TimeoutError) else "finds no modem, or none for us"
        return [
            lacking(
                "modem",
                f"{tool.name} {why} ({tool.device}).",
                f"Is the modem in, and may this user ask it? Try: {_TRY[tool.name]}",
            )
        ]
    values: dict[str, Any] = {"tool": chosen.tool}
    if chosen.device is not None:
        values["device"] = chosen.device
    if chosen.command is not None:
        values["command"] = str(chosen.command)
    return [Finding("modem", works=True, note=_told(signal), section=toml("[modem]", values))]


def _told(signal: Signal) -> str:
    figures = (
        ("RSRP", signal.rsrp_dbm, "dBm"),
        ("RSRQ", signal.rsrq_db, "dB"),
        ("SINR", signal.sinr_db, "dB"),
    )
    told = [f"{name} {value:g} {unit}" for name, value, unit in figures if value is not None]
    told += ["no figures yet"] if not told else []
    return ", ".join(filter(None, (signal.carrier, signal.technology, *told)))
