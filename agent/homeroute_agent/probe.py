"""``homeroute-agent probe``: what this machine can measure, and why it cannot the rest.

Guarantees: changes nothing on the machine but the file it is asked to write; says
for each sampler whether it works, why not and how to get it, and shows one
sample; the configuration it offers is one that ``homeroute-agent run`` accepts;
a configuration that is there is never to be replaced, only added to.
MACs, addresses and looked-up names are not shown here either: only counts are.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
import tomllib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from homeroute_agent.config import Config, ConfigError, load
from homeroute_agent.probe_clients import probe_dns_log, probe_hostapd
from homeroute_agent.probe_finding import Finding
from homeroute_agent.probe_gateway import probe_gpsd, probe_health, probe_network, probe_uplink
from homeroute_agent.probe_others import probe_modem, probe_radius

PARTS: Mapping[str, Callable[[Config | None], Awaitable[Sequence[Finding]]]] = {
    "hostapd": probe_hostapd,
    "radius": probe_radius,
    "network": probe_network,
    "uplink": probe_uplink,
    "modem": probe_modem,
    "gpsd": probe_gpsd,
    "dns_log": probe_dns_log,
    "health": probe_health,
}
"""Every sampler's trial, in the order they are told."""

_HEAD = """\
district = "my-district"
device = "bus-01"
kind = "bus"

# `homeroute enroll` writes this section, with TLS, into the device's bundle.
[mqtt]
host = "127.0.0.1"
port = 1883"""


def main(config: Path | None = None, *, as_json: bool = False, write: Path | None = None) -> int:
    """Probe, print, and write the configuration if asked. 0, or 2 for a bad file.

    With ``config`` what it configures is looked for where it says, the rest in the
    usual places; what works and is not in it is offered, and nothing is written.
    """
    if config is not None and write is not None:
        print("probe: --write makes a new file, --config keeps one: not both", file=sys.stderr)
        return 2
    try:
        settings = load(config) if config is not None else None
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    findings = asyncio.run(find(settings))
    offered = "additions" if settings else "configuration"
    text = additions(findings, settings) if settings else configuration(findings)
    if as_json:
        print(json.dumps({"samplers": [f.document() for f in findings], offered: text}))
    else:
        print(report(findings))
        if settings is not None:
            print(f"{config} is kept as it is.")
            if text:
                print(f"What works here and is not in it may be added:\n\n{text}")
        elif write is None:
            print("A configuration for this machine (--write FILE saves it):\n")
            print(text)
    if write is not None:
        try:
            with write.open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            print(f"probe: cannot write {write}: {(error.strerror or '').lower()}", file=sys.stderr)
            return 2
        print(f"written: {write}", file=sys.stderr)
    return 0


async def find(settings: Config | None) -> list[Finding]:
    """Try every sampler, all at the same time; some seconds at most."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_safely(name, settings)) for name in PARTS]
    return [finding for task in tasks for finding in task.result()]


async def _safely(name: str, settings: Config | None) -> Sequence[Finding]:
    try:
        return await PARTS[name](settings)
    except Exception as error:  # noqa: BLE001 -- one part's trouble must not hide the others
        return [Finding(name, works=False, reason=f"could not be tried: {type(error).__name__}")]


def report(findings: Sequence[Finding]) -> str:
    """The findings for people."""
    lines = []
    for finding in findings:
        lines.append(f"{'works' if finding.works else 'no':<6}{finding.sampler}")
        if finding.note:
            lines.append(f"      {finding.note}")
        if finding.sample is not None:
            values = dataclasses.asdict(finding.sample).items()
            told = ", ".join(f"{key} {value}" for key, value in values if value is not None)
            lines.append(f"      {finding.sample.NAME}: {told}")
        lines.extend(f"      {text}" for text in (finding.reason, finding.remedy) if text)
    return "\n".join(lines) + "\n"


def configuration(findings: Sequence[Finding]) -> str:
    """A new configuration of what works, in TOML; what does not stands as a comment."""
    parts = [_HEAD]
    for finding in findings:
        if finding.works and finding.section:
            parts.append(finding.section)
        elif not finding.works:
            said = " ".join(filter(None, (finding.reason, finding.remedy)))
            parts.append(f"# {finding.sampler}: {said}")
    return "\n\n".join(parts) + "\n"


def additions(findings: Sequence[Finding], settings: Config) -> str:
    """The sections, in TOML, of what works and is not configured yet; often none."""
    lacking = [
        finding.section
        for finding in findings
        if finding.works
        and any(getattr(settings, key) in (None, ()) for key in tomllib.loads(finding.section))
    ]
    return "\n\n".join(lacking) + "\n" if lacking else ""
