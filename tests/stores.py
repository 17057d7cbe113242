"""Real time-series stores: InfluxDB 1.x, and VictoriaMetrics for InfluxDB 2.x's write path."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from tests.servers import Server, pick_port, responds, wait_until

_CONFIG = """\
reporting-disabled = true
bind-address = "127.0.0.1:{rpc_port}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
[http]
  bind-address = "127.0.0.1:{port}"
  auth-enabled = {auth}
  log-enabled = false
[monitor]
  store-enabled = false
"""


class InfluxDB(Server):
    """InfluxDB 1.x with a folder and ports of its own.

    With ``auth`` there is one user, ``admin`` with password ``admin-secret``;
    others are made with :meth:`query`.
    """

    def __init__(self, folder: Path, *, auth: bool = False) -> None:
        port, rpc_port = pick_port(), pick_port()
        self.url = f"http://127.0.0.1:{port}"
        self.username, self.password = ("admin", "admin-secret") if auth else ("", "")
        config = folder / "influxdb.conf"
        config.write_text(
            _CONFIG.format(folder=folder, port=port, rpc_port=rpc_port, auth=str(auth).lower())
        )
        super().__init__(
            ["influxd", "-config", str(config)],
            folder,
            lambda: responds(f"{self.url}/ping"),
            port=port,
        )
        self._auth = auth

    def start(self) -> None:
        """As a server; the first start with ``auth`` makes the administrator."""
        super().start()
        if self._auth:
            self.query("CREATE USER admin WITH PASSWORD 'admin-secret' WITH ALL PRIVILEGES")
            self._auth = False

    def query(self, text: str, *, database: str = "") -> list[dict[str, Any]]:
        """Run InfluxQL; rows as dicts, with the series' name as ``_name`` and its tags.

        Times are ms. AssertionError with the server's words when it objects.
        """
        form = urllib.parse.urlencode({"q": text, "db": database, "epoch": "ms"}).encode()
        request = urllib.request.Request(f"{self.url}/query", data=form)
        if self.username:
            pair = f"{self.username}:{self.password}".encode()
            request.add_header("Authorization", "Basic " + base64.b64encode(pair).decode())
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                answer = json.load(response)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"influxdb: {error.code} {error.read()[:500]!r}") from None
        rows: list[dict[str, Any]] = []
        for result in answer["results"]:
            assert "error" not in result, result["error"]
            for series in result.get("series", ()):
                fixed = {"_name": series.get("name", "")} | series.get("tags", {})
                rows += [
                    fixed | dict(zip(series["columns"], v, strict=True))
                    for v in series.get("values", ())
                ]
        return rows

    def count(self, measurement: str, *, database: str = "telemetry") -> int:
        """Points of a measurement: rows of ``SELECT *``, so series are not merged."""
        rows = self.query(f'SELECT * FROM "{measurement}" GROUP BY *', database=database)
        return len(rows)


class VictoriaMetrics(Server):
    """A single-node VictoriaMetrics: takes InfluxDB 2.x's ``/api/v2/write`` under any bucket."""

    def __init__(self, folder: Path) -> None:
        port = pick_port()
        self.url = f"http://127.0.0.1:{port}"
        argv = [
            "victoria-metrics",
            f"-httpListenAddr=127.0.0.1:{port}",
            f"-storageDataPath={folder / 'data'}",
            "-retentionPeriod=100y",
            "-search.latencyOffset=0s",
        ]
        super().__init__(argv, folder, lambda: responds(f"{self.url}/health"), port=port)

    def export(self, match: str) -> list[dict[str, Any]]:
        """Every series that matches, as ``{"metric", "values", "timestamps"}``, freshly flushed."""
        wait_until(lambda: responds(f"{self.url}/internal/force_flush"), "a flush")
        query = urllib.parse.urlencode({"match[]": match})
        with urllib.request.urlopen(f"{self.url}/api/v1/export?{query}", timeout=30) as response:
            return [json.loads(line) for line in response.read().splitlines()]

    def import_exposition(self, text: str) -> None:
        """Take a Prometheus text exposition, as if scraped now."""
        request = urllib.request.Request(
            f"{self.url}/api/v1/import/prometheus", data=text.encode(), method="POST"
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            assert response.status == 204
