"""The health checks of docker-compose.yml, run as they stand against what they watch."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from tests.collector.serving import config, serving
from tests.compose.test_compose import SERVICES
from tests.dashboards.fake_grafana import fake_grafana


def check(service: str, was: str, port: int) -> list[str]:
    """A service's check for another port, with this machine's Python and BusyBox."""
    kind, program, *words = SERVICES[service]["healthcheck"]["test"]
    assert kind == "CMD"
    here = {"python": [sys.executable], "wget": ["busybox", "wget"]}[program]
    assert any(was in word for word in words)
    return [*here, *(word.replace(was, f":{port}/") for word in words)]


@pytest.mark.slow
def test_the_collectors_check_passes_while_it_serves_and_fails_when_it_has_ended(
    tmp_path: Path,
) -> None:
    async def run() -> list[str]:
        async with serving(config(tmp_path, None)) as (_, session):
            port = int(str(session._base_url).rpartition(":")[2].rstrip("/"))
            argv = check("collector", ":8080/", port)
            done = await asyncio.to_thread(subprocess.run, argv, check=False, timeout=20)
            assert done.returncode == 0
        return argv

    argv = asyncio.run(run())
    assert subprocess.run(argv, capture_output=True, check=False, timeout=20).returncode != 0


@pytest.mark.real("busybox")
def test_grafanas_check_passes_while_it_answers_and_fails_when_it_does_not() -> None:
    with fake_grafana() as grafana:
        argv = check("grafana", ":3000/", int(grafana.url.rpartition(":")[2]))
        assert subprocess.run(argv, check=False, timeout=10).returncode == 0
        assert grafana.asked == [("GET", "/api/health")]
    assert subprocess.run(argv, capture_output=True, check=False, timeout=10).returncode != 0
