"""The demo profile of docker-compose.yml, its pieces run as plain processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest

from homeroute_collector.config import load
from homeroute_command import running as asked
from homeroute_simulators.world import found
from tests.compose.test_compose import FOLDER, ROOT, SERVICES, SETTINGS, running, script
from tests.servers import answers, wait_until


@pytest.mark.slow
def test_the_demos_history_of_the_buses_that_drive_is_filled_once_beside_the_brokers_files(
    tmp_path: Path,
) -> None:
    shell, (line,) = (
        SERVICES["simulated-history"]["entrypoint"],
        SERVICES["simulated-history"]["command"],
    )
    buses = script("simulated_buses")
    assert f"--seed {buses.SEED} " in f"{line} "
    assert f"--buses {len(found(buses.SEED).buses)} " in line
    data = tmp_path / "data"
    keeper = [sys.executable, str(FOLDER / "broker_files.py"), str(data), SETTINGS["DISTRICT"]]
    subprocess.run([*keeper, str(tmp_path / "broker"), "--once"], check=True)
    here = line.replace("/var/lib/homeroute", str(data)).replace("--days 15", "--days 1")
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    filled = []
    for _ in range(2):
        subprocess.run([*shell, here], env=environment, check=True)
        filled.append((data / "archive.duckdb").stat().st_mtime_ns)
    assert filled[0] == filled[1]


def test_simulated_buses_refuse_a_collector_that_hides_it() -> None:
    objection = script("simulated_buses").objection
    ours = found(7).name
    assert "COLLECTOR_SETTINGS" in objection({"simulated": False, "district": ours}, ours)
    assert "DISTRICT" in objection({"simulated": True, "district": "other"}, ours)
    assert objection({"simulated": True, "district": ours}, ours) is None


def test_the_collector_answers_to_the_name_that_simulated_buses_ask_for() -> None:
    collector, broker_port = SERVICES["simulated-buses"]["command"][2:]
    settings = load(FOLDER / "collector-demo.toml")
    address = urlsplit(collector)
    assert address.hostname in SERVICES and address.hostname in settings.http.allowed_hosts
    assert (address.port, broker_port) == (settings.http.port, "1883")


@pytest.mark.slow
def test_simulated_buses_are_on_trips_of_a_timetable_that_the_collector_imported(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    ours, port, mqtt_port = found(7), free_port(), free_port()
    data, url = tmp_path / "data", f"http://127.0.0.1:{port}"
    data.mkdir(mode=0o700)
    (data / "collector.toml").write_text(
        f'district = "{ours.name}"\ndata_dir = "."\nsimulated = true\n', "utf-8"
    )

    def on_trips() -> bool:
        # As the collector does every minute by itself.
        today = datetime.now(ZoneInfo(ours.timezone)).date()
        asked.post(url, "/api/1/rollup", {"day": today.isoformat()})
        rows = asked.get(url, "/api/1/fleet")["devices"]
        buses = [row for row in rows if row["kind"] == "bus"]
        return len(buses) == len(ours.buses) and sum(row["route"] is not None for row in buses) > 6

    with running(
        *(sys.executable, "-m", "homeroute_command", "up", "--data", data, "--port", str(port)),
        *("--broker-port", str(mqtt_port), "--timezone", ours.timezone),
    ):
        wait_until(lambda: answers(port) and answers(mqtt_port), "the collector is up", 30)
        python, file = SERVICES["simulated-buses"]["entrypoint"]
        assert python == "python"
        program = ROOT / file.removeprefix("/opt/homeroute/")
        with running(
            sys.executable, program, data, tmp_path / "state", url, str(mqtt_port)
        ) as buses:
            wait_until(on_trips, "live buses are on trips", 60)
            assert buses.poll() is None
