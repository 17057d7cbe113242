"""Waits until every service of the compose project is healthy, or has done its one thing.

    python tests/compose/wait_healthy.py [--timeout SECONDS]

Exit code 1 with each service's state when one fails or the time is up. Standard library only.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

LISTING = ("docker", "compose", "--profile", "demo", "ps", "--all", "--format", "json")
EVERY_S = 3.0


@dataclass(frozen=True, slots=True)
class Service:
    """One container as Compose lists it. ``health`` is empty where nobody checks it."""

    name: str
    state: str
    health: str
    exit_code: int

    @property
    def ready(self) -> bool:
        """Running and healthy, or ended well."""
        if self.state == "exited":
            return self.exit_code == 0
        return self.state == "running" and self.health in ("healthy", "")


def read(text: str) -> list[Service]:
    """Compose 2.21 and later print an object a line, earlier ones a list."""
    text = text.strip()
    rows = json.loads(text) if text.startswith("[") else [json.loads(x) for x in text.splitlines()]
    return [
        Service(row["Service"], row["State"], row.get("Health", ""), int(row.get("ExitCode", 0)))
        for row in rows
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Wait."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--timeout", type=float, default=300.0)
    args = parser.parse_args(argv)
    deadline = time.monotonic() + args.timeout
    while True:
        listed = subprocess.run(LISTING, capture_output=True, text=True, check=True).stdout
        services = read(listed)
        if services and all(service.ready for service in services):
            print(f"{len(services)} services are ready")
            return 0
        if time.monotonic() > deadline or any(s.state == "dead" for s in services):
            break
        time.sleep(EVERY_S)
    for one in services:
        if not one.ready:
            said = f"{one.state} {one.health}".strip()
            print(f"{one.name}: {said}, exit code {one.exit_code}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
