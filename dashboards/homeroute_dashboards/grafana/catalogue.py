"""Every dashboard, in the order of the home list."""

from __future__ import annotations

from homeroute_dashboards.grafana import home
from homeroute_dashboards.grafana.board import Built
from homeroute_dashboards.grafana.directors import fleet_today, route_coverage
from homeroute_dashboards.grafana.engineers import (
    content_filter,
    device,
    devices,
    hotspots,
    pipeline,
    power,
    signal,
    throughput,
    versions,
)
from homeroute_dashboards.grafana.evaluators import completeness, filter_rates, learning

MODULES = (
    home,
    route_coverage, fleet_today,
    devices, device, signal, throughput, power, versions, hotspots, pipeline, content_filter,
    learning, completeness, filter_rates,
)  # fmt: skip


def dashboards() -> list[Built]:
    """All of them, built anew."""
    return [module.build() for module in MODULES]
