"""Every query of every dashboard and alert, on a real InfluxDB full of a simulated district.

    python benchmarks/dashboards.py [--buses N] [--days N] [--markdown]

A history is filled, attributed to trips, rolled up, published and followed into InfluxDB 1.x
the way a district's is; then each query is interpolated as Grafana would and asked. Exit code
1 when one fails, or is empty where there is data.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from homeroute_simulators.world import world  # noqa: E402
from tests.dashboards.followed_history import followed  # noqa: E402
from tests.dashboards.grafana_rows import Answered, Viewer, everything, table  # noqa: E402
from tests.servers import absent  # noqa: E402
from tests.stores import InfluxDB  # noqa: E402

BEFORE = date(2026, 11, 18)


def main() -> int:
    """Print the table; 1 when a query fails or finds nothing where there is something."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--buses", type=int, default=12)
    parser.add_argument("--days", type=int, default=15)
    args = parser.parse_args()
    if reason := absent("influxdb"):
        print(f"dashboards: {reason}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "influx").mkdir()
        server = InfluxDB(folder / "influx")
        server.start()
        try:
            return _run(folder, server, args.buses, args.days)
        finally:
            server.stop()


def _run(folder: Path, server: InfluxDB, buses: int, days: int) -> int:
    where = world(7, buses=buses)
    history = followed(folder, server.url, where, BEFORE, days, min_clients=10)
    print(
        f"{buses} buses, {len(history.days)} school days, {history.points:,} points filled, rolled "
        f"up and followed in {history.seconds:.0f} s\n"
    )
    viewer = Viewer(server, history.timezone)
    answers: list[Answered] = []
    broken: list[str] = []
    for one in everything():
        try:
            answer = viewer.look(one)
        except AssertionError as error:
            broken.append(f"{one.dashboard}: {one.title}: {error}\n    {one.query}")
            continue
        answers.append(answer)
        if not answer.values and not answer.none_of_that_kind:
            broken.append(f"{one.dashboard}: {one.title}: empty\n    {answer.text}")
    print("\n".join(table(answers)))
    slowest = max(answers, key=lambda answer: answer.milliseconds)
    total = sum(answer.milliseconds for answer in answers)
    print(
        f"\n{len(answers)} queries in {total / 1000:.1f} s, the slowest {slowest.milliseconds:.0f} "
        f"ms: {slowest.asked.dashboard}, {slowest.asked.title}"
    )
    for fault in broken:
        print(fault, file=sys.stderr)
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
