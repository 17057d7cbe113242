"""Keeps mosquitto's files up to date with who is enrolled, for mosquitto in its own container.

    python broker_files.py DATA DISTRICT FOLDER

The same credential store, authority, access list and configuration as the
embedded broker's. FOLDER gets them, and last of all `version`, which differs
after every change: `mosquitto.sh` then reloads.
"""

# ruff: noqa: INP001 - a script beside the recipe, not a package
from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

from homeroute_collector.broker import Credentials, site
from homeroute_collector.broker.certificates import ensure_authority, ensure_server
from homeroute_collector.broker.mosquitto import MOSQUITTO
from homeroute_collector.broker.private_files import private_directory, write_private
from homeroute_collector.broker.program import Plan, TlsListener

SERVICE = "mosquitto"
"""The broker's name in the network of the containers: the collector calls it so."""

WATCH_S = 0.5
PLAIN_PORT = 1883


def render(data: Path, district: str, folder: Path, port: int) -> None:
    """Write every file, `version` last."""
    credentials = Credentials(data)
    credentials.ensure_collector()
    known = site.recall(data)
    if known.district is None:
        site.remember(data, replace(known, district=district))
    authority = ensure_authority(data, district)
    made = ensure_server(authority, {SERVICE, *([known.host] if known.host else [])})
    tls = TlsListener(
        "0.0.0.0",  # noqa: S104 - the one door that is meant to be open
        port,
        made.certificate.read_text(),
        made.key.read_text(),
    )
    plan = Plan(district, PLAIN_PORT, tls, folder, credentials.accounts())
    for name, text in MOSQUITTO.files(plan).items():
        write_private(folder / name, text)
    write_private(folder / "ca.pem", authority.certificate.read_text())  # its health check's
    write_private(folder / "version", f"{time.time_ns()}\n")


def stamp(data: Path) -> object:
    """Differs after every enrolment, and when the remembered address changes."""
    file = site.site_file(data)
    return (Credentials(data).version(), file.stat().st_mtime_ns if file.exists() else None)


def main() -> int:
    """Render, then watch until ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("district")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=site.MQTT_TLS_PORT)
    parser.add_argument("--once", action="store_true", help="write and end")
    args = parser.parse_args()
    private_directory(args.folder)
    seen: object = None
    while True:
        now = stamp(args.data)
        if now != seen:
            render(args.data, args.district, args.folder, args.port)
            seen = stamp(args.data)
            print(f"broker files: {len(Credentials(args.data).list())} devices", flush=True)
        if args.once:
            return 0
        time.sleep(WATCH_S)


if __name__ == "__main__":
    sys.exit(main())
