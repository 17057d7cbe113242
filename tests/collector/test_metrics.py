"""The collector's metrics: a well-formed exposition, by the letter and by a real scraper."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from homeroute_collector import metrics
from homeroute_collector.metrics import Family, Sample
from tests.brokers import Mosquitto
from tests.collector.serving import batch, config, offer, serving, until, uplink, wifi
from tests.servers import wait_until
from tests.stores import VictoriaMetrics

SAMPLE = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)")
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')

Parsed = dict[str, tuple[str, dict[tuple[tuple[str, str], ...], float]]]


@pytest.mark.slow
def test_metrics_are_a_well_formed_exposition(
    mosquitto: Mosquitto, victoria_metrics: VictoriaMetrics, tmp_path: Path
) -> None:
    async def run() -> str:
        settings = config(
            tmp_path / "data", mosquitto.port, influx={"url": victoria_metrics.url, "version": 2}
        )
        async with serving(settings) as (collector, session):
            await offer(collector, batch(1, wifi(), uplink()))
            follower = collector.follower
            assert follower is not None
            await until(lambda: follower.following().written >= 2)
            await until(lambda: collector.presence.devices["bus-07"].state == "online")
            async with session.get("/metrics") as response:
                assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
                return await response.text()

    text = asyncio.run(run())
    families = parsed(text)
    assert families["homeroute_points_stored_total"] == ("counter", {(): 2.0})
    assert families["homeroute_broker_connected"] == ("gauge", {(): 1.0})
    assert families["homeroute_devices"][1][(("state", "online"),)] == 1.0
    age = families["homeroute_device_age_seconds"][1]
    assert list(age) == [(("device", "bus-07"), ("kind", "bus"))]
    assert families["homeroute_influx_points_written_total"][1][()] >= 2
    # A real scraper takes every sample too.
    victoria_metrics.import_exposition(text)
    wanted = {name for name, (_, samples) in families.items() if samples}

    def taken() -> set[str]:
        series = victoria_metrics.export('{__name__=~"homeroute.*"}')
        return {one["metric"]["__name__"] for one in series}

    wait_until(lambda: taken() == wanted, "every metric to be found")


def test_metrics_escape_what_a_label_or_a_help_may_hold() -> None:
    family = Family("a_b", "gauge", "one\\two\nthree", (Sample(float("nan"), {"x": 'a"\\\n'}),))
    text = metrics.exposition([family])
    assert text == ('# HELP a_b one\\\\two\\nthree\n# TYPE a_b gauge\na_b{x="a\\"\\\\\\n"} NaN\n')
    assert list(parsed(text)) == ["a_b"]


def parsed(text: str) -> Parsed:
    """Read an exposition by the letter of the format; anything else is an AssertionError."""
    assert text.endswith("\n")
    families: Parsed = {}
    current = ""
    for line in text.splitlines():
        if line.startswith("# HELP "):
            current = line.split(" ", 3)[2]
            assert current not in families, "a family comes once"
            families[current] = ("", {})
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == current
            assert kind in {"counter", "gauge"}
            assert name.endswith("_total") == (kind == "counter")
            families[current] = (kind, {})
        else:
            match = SAMPLE.fullmatch(line)
            assert match, line
            assert match[1] == current
            labels = tuple((m[1], m[2]) for m in LABEL.finditer(match[2] or ""))
            assert "".join(m[0] for m in LABEL.finditer(match[2] or "")) == (match[2] or "")
            samples = families[current][1]
            assert labels not in samples, "a series comes once"
            samples[labels] = float(match[3])
    return families
