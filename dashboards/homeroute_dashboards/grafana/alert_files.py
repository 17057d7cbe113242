"""The alert rules as Grafana reads them from a file (alerting provisioning, apiVersion 1).

    python -m homeroute_dashboards.grafana.alert_files [--check] [FILE]

Without a file, into ``dashboards/grafana/provisioning/alerting/rules.yml`` of the
working directory. ``--check`` writes nothing, and says whether it differs.

Guarantees: no ``$`` in what Grafana would interpolate (a query's model, with its
``$timeFilter``, and annotations it leaves alone; texts use ``.Labels``, which needs
none). Does not: name a receiver; policies do.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from homeroute_dashboards.grafana.alerts import Watch, watches

FILE = Path("dashboards/grafana/provisioning/alerting/rules.yml")
FOLDER = "Homeroute alerts"
INTERVAL_S = 60
"""How often Grafana looks; a rule that is to hold for two minutes is looked at three times."""

EXPRESSION = "__expr__"
DEVICE_BOARD, DISTRICT_BOARD = "homeroute-device", "homeroute-pipeline"
MAX_POINTS = 43_200

HEAD = """\
# Generated: python -m homeroute_dashboards.grafana.alert_files; words and thresholds are those
# of collector/homeroute_collector/alert_rules.py. Grafana reads it at its start.
"""


def document() -> dict[str, Any]:
    """What the file holds."""
    groups = {"device": "homeroute-devices", "district": "homeroute-district"}
    built = watches()
    return {
        "apiVersion": 1,
        "groups": [
            {
                "orgId": 1,
                "name": name,
                "folder": FOLDER,
                "interval": f"{INTERVAL_S}s",
                "rules": [rule(watch) for watch in built if watch.rule.scope == scope],
            }
            for scope, name in groups.items()
        ],
    }


def rule(watch: Watch) -> dict[str, Any]:
    """One rule: the query, its last number, and the comparison.

    A failing InfluxDB is told once, by the rule to whose silence that belongs: the
    others keep what they last knew.
    """
    of_device = watch.rule.scope == "device"
    board = DEVICE_BOARD if of_device else DISTRICT_BOARD
    return {
        "uid": f"homeroute-{watch.rule.name.replace('_', '-')}",
        "title": watch.rule.title,
        "condition": "C",
        "data": [_query(watch), _reduced(), _compared(watch)],
        "dashboardUid": board,
        "panelId": 1,
        "noDataState": watch.silence,
        "execErrState": "Alerting" if watch.silence == "Alerting" else "KeepLast",
        "for": f"{watch.rule.for_s:g}s",
        "keepFiringFor": f"{watch.rule.calm_s:g}s",
        "annotations": _words(watch, board),
        "labels": {
            "rule": watch.rule.name,
            "severity": watch.rule.severity,
            "always": "yes" if watch.rule.always else "no",
        },
        "isPaused": False,
    }


def _words(watch: Watch, board: str) -> Mapping[str, str]:
    of_device = watch.rule.scope == "device"
    who = "{{ .Labels.device }}: " if of_device else ""
    chosen = "?var-device={{ .Labels.device }}" if of_device else ""
    return {
        "summary": f"{who}{watch.rule.title}",
        "description": " ".join(filter(None, (watch.rule.meaning, watch.note))),
        "what_to_do": watch.rule.todo,
        "dashboard": "{{ externalURL }}d/" + board + chosen,
    }


def _query(watch: Watch) -> dict[str, Any]:
    return _step(
        "A",
        watch.query.database.uid,
        watch.since_s,
        {
            "datasource": {"type": "influxdb", "uid": watch.query.database.uid},
            "rawQuery": True,
            "query": watch.query.text,
            # One frame for each group, its tags as labels: an alert of its own for each device.
            "resultFormat": "time_series",
        },
    )


def _reduced() -> dict[str, Any]:
    return _step(
        "B",
        EXPRESSION,
        0,
        {
            "datasource": {"type": EXPRESSION, "uid": EXPRESSION},
            "type": "reduce",
            "expression": "A",
            "reducer": "last",
            # A null is no number; a device that has none is left out.
            "settings": {"mode": "dropNN"},
        },
    )


def _compared(watch: Watch) -> dict[str, Any]:
    evaluator = {"type": watch.comparison, "params": [watch.bound]}
    return _step(
        "C",
        EXPRESSION,
        0,
        {
            "datasource": {"type": EXPRESSION, "uid": EXPRESSION},
            "type": "threshold",
            "expression": "B",
            "conditions": [{"evaluator": evaluator}],
        },
    )


def _step(ref: str, source: str, since_s: int, model: dict[str, Any]) -> dict[str, Any]:
    return {
        "refId": ref,
        "relativeTimeRange": {"from": since_s, "to": 0},
        "datasourceUid": source,
        "model": {**model, "refId": ref, "intervalMs": 1_000, "maxDataPoints": MAX_POINTS},
    }


def text() -> str:
    """The file."""
    written: str = yaml.safe_dump(document(), sort_keys=False, width=96, allow_unicode=True)
    return HEAD + written


def main(argv: list[str]) -> int:
    """Write it, or check; 1 when it differs."""
    check = "--check" in argv
    places = [Path(word) for word in argv if word != "--check"]
    file = places[0] if places else FILE
    if not file.parent.is_dir():
        print(f"{file.parent}: no such folder; run this where the repository is", file=sys.stderr)
        return 2
    wanted = text()
    if file.exists() and file.read_text(encoding="utf-8") == wanted:
        return 0
    print(f"{file}{': differs; run make generate' if check else ''}")
    if not check:
        file.write_text(wanted, encoding="utf-8")
    return int(check)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
