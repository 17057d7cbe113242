"""A district of real processes: `homeroute up` and `homeroute-agent run`, as a user starts them."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from homeroute_agent.spool import Ledger, Spool
from homeroute_wire.measurements import FROM_DEVICES
from tests.servers import Server, pick_port, responds
from tests.stores import InfluxDB

DISTRICT = "springfield"
BIN = Path(sys.executable).parent


class CollectorProcess(Server):
    """`homeroute up --config`, killed and started again at will.

    Ready once it serves; with ``impatient`` as soon as its process lives.
    """

    def __init__(self, folder: Path, settings: str) -> None:
        port = pick_port()
        self.impatient = False
        self.url = f"http://127.0.0.1:{port}"
        self.archive = folder / "data" / "archive.duckdb"
        config = folder / "collector.toml"
        config.write_text(
            f'district = "{DISTRICT}"\ndata_dir = "data"\n[http]\nport = {port}\n' + settings
        )
        super().__init__(
            [str(BIN / "homeroute"), "up", "--config", str(config)],
            folder,
            lambda: self.impatient or responds(f"{self.url}/api/1/fleet"),
            port=port,
        )


class AgentProcess(Server):
    """`homeroute-agent run --config`; ready once it has a spool."""

    def __init__(self, folder: Path, device: str, settings: str) -> None:
        self.device = device
        self.spool = folder / "state" / "spool.sqlite"
        config = folder / "agent.toml"
        config.write_text(
            f'district = "{DISTRICT}"\ndevice = "{device}"\nstate_dir = "state"\n' + settings
        )
        super().__init__(
            [str(BIN / "homeroute-agent"), "run", "--config", str(config)],
            folder,
            self.spool.exists,
        )

    def ledger(self) -> Ledger:
        """What its spool says of every point it ever sampled. It must not be running."""
        assert not self.running
        spool = Spool.open(self.spool)
        try:
            return spool.ledger()
        finally:
            spool.close()

    def waiting(self) -> list[tuple[str, int, int]]:
        """Batches still on the device: stream, seq, points."""
        assert not self.running
        spool = Spool.open(self.spool)
        try:
            return spool.pending()
        finally:
            spool.close()


@dataclass(frozen=True, slots=True)
class Archived:
    """What the archive holds of one device, counted from its tables."""

    batches: int
    stored: int
    refused: int
    rows: int
    batch_keys: set[tuple[str, int]]


def archived(path: Path, device: str) -> Archived:
    """Count one device's points. No collector may be running."""
    with duckdb.connect(str(path), read_only=True) as db:
        keys = db.execute("SELECT stream, seq FROM batches WHERE device = ?", [device]).fetchall()
        stored, refused = db.execute(
            "SELECT coalesce(sum(stored), 0), coalesce(sum(refused), 0) FROM batches "
            "WHERE device = ?",
            [device],
        ).fetchall()[0]
        rows = sum(
            int(
                db.execute(f"SELECT count(*) FROM {name} WHERE device = ?", [device]).fetchall()[0][
                    0
                ]
            )
            for name in FROM_DEVICES
        )
    return Archived(len(keys), int(stored), int(refused), rows, {(s, int(q)) for s, q in keys})


def archived_points(path: Path, measurement: str) -> Counter[tuple[Any, ...]]:
    """How often each identity of a measurement stands in the archive."""
    spec = FROM_DEVICES[measurement]
    columns = ", ".join(("time_ms", "device", *(tag.name for tag in spec.tags)))
    with duckdb.connect(str(path), read_only=True) as db:
        return Counter(db.execute(f"SELECT {columns} FROM {measurement}").fetchall())


def influx_points(influxdb: InfluxDB, measurement: str) -> Counter[tuple[Any, ...]]:
    """How often each identity of a measurement stands in InfluxDB."""
    spec = FROM_DEVICES[measurement]
    names = ("time", "device", *(tag.name for tag in spec.tags))
    rows = influxdb.query(f'SELECT * FROM "{measurement}" GROUP BY *', database="telemetry")
    return Counter(tuple(row[name] for name in names) for row in rows)
