"""Writes the dashboards' JSON: ``python -m homeroute_dashboards.grafana FOLDER``.

Without a folder, to ``dashboards/grafana/dashboards`` of the working directory.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from homeroute_dashboards.grafana import fleet_today

FOLDER = Path("dashboards/grafana/dashboards")


def files() -> dict[str, str]:
    """Every dashboard's JSON by file name."""
    built = [fleet_today.build()]
    return {
        f"{d['uid'].removeprefix('homeroute-')}.json": json.dumps(d, indent=2, ensure_ascii=False)
        + "\n"
        for d in built
    }


def main(argv: list[str]) -> int:
    """Write them all."""
    folder = Path(argv[0]) if argv else FOLDER
    if not folder.is_dir():
        print(f"{folder}: no such folder; run this where the repository is", file=sys.stderr)
        return 2
    for name, text in files().items():
        (folder / name).write_text(text, encoding="utf-8")
        print(folder / name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
