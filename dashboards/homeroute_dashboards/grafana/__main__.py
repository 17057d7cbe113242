"""Writes the dashboards' JSON: ``python -m homeroute_dashboards.grafana [--check] [FOLDER]``.

Without a folder, to ``dashboards/grafana/dashboards`` of the working directory.
``--check`` writes nothing and says what differs.
"""

from __future__ import annotations

import sys
from pathlib import Path

from homeroute_dashboards.grafana.catalogue import dashboards
from homeroute_dashboards.grafana.lint import faults

FOLDER = Path("dashboards/grafana/dashboards")


def files() -> dict[str, str]:
    """Every dashboard's JSON by its path within the folder."""
    return {built.path: built.text for built in dashboards()}


def main(argv: list[str]) -> int:
    """Write them all, or check; 1 when something differs or breaks a rule of the craft."""
    check = "--check" in argv
    places = [Path(word) for word in argv if word != "--check"]
    folder = places[0] if places else FOLDER
    if not folder.is_dir():
        print(f"{folder}: no such folder; run this where the repository is", file=sys.stderr)
        return 2
    broken = faults([built.json for built in dashboards()])
    for fault in broken:
        print(fault, file=sys.stderr)
    there = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.json")}
    wanted = files()
    differing = [
        name
        for name in sorted({*there, *wanted})
        if name not in there or there[name].read_text(encoding="utf-8") != wanted.get(name)
    ]
    for name in differing:
        print(f"{folder / name}{': differs; run make generate' if check else ''}")
        if not check and name in wanted:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(wanted[name], encoding="utf-8")
        elif not check:
            there[name].unlink()
    return int(bool(broken) or (check and bool(differing)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
