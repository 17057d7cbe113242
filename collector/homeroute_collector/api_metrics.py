"""The collector's metrics for Prometheus, read from its running parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version

from homeroute_collector.collector import Collector
from homeroute_collector.metrics import Family, Sample, counter, gauge
from homeroute_collector.presence import STATES


def families(collector: Collector) -> Iterator[Family]:
    """Every metric. Counters count since the start."""
    yield Family(
        "homeroute_collector_info",
        "gauge",
        "Version and district of this collector.",
        (Sample(1, {"version": version("homeroute"), "district": collector.config.district}),),
    )
    yield gauge(
        "homeroute_start_time_seconds",
        "When the collector started, since 1970.",
        collector.started_ms / 1000,
    )
    yield gauge(
        "homeroute_clock_trusted",
        "1 while the collector trusts its own clock; else it takes no point.",
        collector.clock.trusted,
    )
    yield from _ingest(collector)
    yield from _broker(collector)
    yield from _archive(collector)
    yield from _devices(collector)
    yield from _influx(collector)
    yield from _alerts(collector)
    yield gauge("homeroute_tail_listeners", "Listeners to what arrives.", len(collector.tail))
    yield counter(
        "homeroute_tail_lost_lines_total",
        "Lines that slow listeners did not get.",
        collector.tail.lost,
    )


def _ingest(collector: Collector) -> Iterator[Family]:
    counts = collector.ingest.counts
    yield counter(
        "homeroute_points_received_total",
        "Points received from devices, duplicates included.",
        counts.received,
    )
    yield counter("homeroute_points_stored_total", "Points committed.", counts.stored)
    yield counter("homeroute_points_refused_total", "Points refused and kept.", counts.refused)
    stored = counts.batches - counts.duplicates - counts.held
    yield Family(
        "homeroute_batches_total",
        "counter",
        "Batches by what became of them.",
        (
            Sample(stored, {"outcome": "stored"}),
            Sample(counts.duplicates, {"outcome": "duplicate"}),
            Sample(counts.held, {"outcome": "held"}),
            Sample(counts.overflowed, {"outcome": "overflowed"}),
            Sample(counts.garbage, {"outcome": "garbage"}),
        ),
    )
    yield gauge("homeroute_queue_batches", "Batches not yet answered.", collector.ingest.queued)


def _broker(collector: Collector) -> Iterator[Family]:
    counts = collector.mqtt.counts
    yield gauge(
        "homeroute_broker_connected",
        "1 while connected to the MQTT broker.",
        collector.mqtt.connected,
    )
    yield Family(
        "homeroute_messages_dropped_total",
        "counter",
        "MQTT messages dropped, by reason; devices send their batches again.",
        (
            Sample(counts.overflowed, {"reason": "overflow"}),
            Sample(counts.retained, {"reason": "retained"}),
            Sample(counts.unreadable, {"reason": "unreadable"}),
            Sample(counts.acks_dropped, {"reason": "acknowledgement"}),
        ),
    )


def _archive(collector: Collector) -> Iterator[Family]:
    commits, seconds = collector.archive.commit_cost
    yield counter("homeroute_archive_commits_total", "Transactions committed.", commits)
    yield counter(
        "homeroute_archive_commit_seconds_total", "Time spent committing.", round(seconds, 6)
    )
    yield gauge(
        "homeroute_archive_writable",
        "1 while the archive can be written.",
        collector.archive.problem is None,
    )
    try:
        size = collector.archive.path.stat().st_size
    except OSError:
        return  # no sample says more than a wrong one
    yield gauge("homeroute_archive_bytes", "Size of the archive's file.", size)


def _devices(collector: Collector) -> Iterator[Family]:
    devices = collector.presence.devices.values()
    states = Counter(device.state for device in devices)
    yield Family(
        "homeroute_devices",
        "gauge",
        "Known devices by state.",
        tuple(Sample(states[state], {"state": state}) for state in STATES),
    )
    now_ms = collector.clock.now_ms()
    ages = [(device, device.age_s(now_ms)) for device in devices]
    yield Family(
        "homeroute_device_age_seconds",
        "gauge",
        "Time since the newest live point of a device.",
        tuple(
            Sample(age, {"device": device.device, "kind": device.kind})
            for device, age in ages
            if age is not None
        ),
    )


def _influx(collector: Collector) -> Iterator[Family]:
    if collector.follower is None:
        return
    follower = collector.follower.following()
    yield gauge(
        "homeroute_influx_connected",
        "1 while InfluxDB takes points.",
        follower.connected,
    )
    yield gauge(
        "homeroute_influx_lag_seconds",
        "Age of the oldest point not yet in InfluxDB.",
        follower.lag_s,
    )
    yield counter(
        "homeroute_influx_points_written_total", "Points InfluxDB took.", follower.written
    )
    yield counter(
        "homeroute_influx_points_rejected_total",
        "Points InfluxDB refused for good; the archive keeps them.",
        follower.rejected,
    )


def _alerts(collector: Collector) -> Iterator[Family]:
    firing = Counter(alert.rule for alert in collector.alerts.active if alert.firing)
    yield Family(
        "homeroute_alerts_firing",
        "gauge",
        "Alerts that have been told and are not over.",
        tuple(Sample(firing[rule], {"rule": rule}) for rule in collector.alerts.rules),
    )
    channels = collector.alerts.channels
    if not channels:
        return
    yield Family(
        "homeroute_alert_messages_waiting",
        "gauge",
        "Alerts not yet taken by a channel's receiver.",
        tuple(Sample(len(channel.outbox), {"channel": channel.name}) for channel in channels),
    )
    yield Family(
        "homeroute_alert_messages_dropped_total",
        "counter",
        "Alerts given up, at the queue's bound or refused for good.",
        tuple(Sample(channel.outbox.dropped, {"channel": channel.name}) for channel in channels),
    )
