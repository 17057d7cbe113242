"""A broker of each kind, with two buses enrolled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from homeroute_collector.broker import Credentials
from tests.collector.broker.served import ProgramName, Served

BOTH = [pytest.param("mosquitto", marks=pytest.mark.real("mosquitto")), "nats"]


@pytest.fixture(params=BOTH)
def program(request: pytest.FixtureRequest) -> ProgramName:
    name: ProgramName = request.param
    return name


@pytest.fixture
def passwords(tmp_path: Path) -> dict[str, str]:
    return Credentials(tmp_path).add_all(["bus-a", "bus-b"])


@pytest.fixture
def served(tmp_path: Path, program: ProgramName, passwords: dict[str, str]) -> Iterator[Served]:
    with Served(tmp_path, program) as running:
        yield running
