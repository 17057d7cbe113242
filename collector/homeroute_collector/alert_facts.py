"""The district's own state, read thin: disk, certificates, broker, archive, follower."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography import x509

from homeroute_collector.alert_conditions import Ending, Facts
from homeroute_collector.collector import Collector

CERTIFICATES_S = 600.0
"""How often certificates are read again."""


class Reading:
    """Reads the facts of one collector; certificates only now and then."""

    def __init__(self, collector: Collector, clock_s: Callable[[], float]) -> None:
        self._collector = collector
        self._clock_s = clock_s
        self._certificates: tuple[Ending, ...] = ()
        self._read_s: float | None = None

    async def now(self) -> Facts:
        """The facts now."""
        collector = self._collector
        following = [fed.follower.following() for fed in collector.aggregate_followers.values()]
        if collector.follower is not None:
            following.append(collector.follower.following())
        follower = max(following, key=lambda one: one.lag_s or 0.0, default=None)
        at_s = self._clock_s()
        if self._read_s is None or at_s - self._read_s >= CERTIFICATES_S:
            self._read_s = at_s
            self._certificates = await asyncio.to_thread(endings, _files(collector))
        return Facts(
            broker_problem=None
            if collector.mqtt.connected
            else collector.mqtt.problem or "not connected",
            archive_problem=collector.archive.problem,
            rollup_problem=collector.rollup_problem,
            publication_problem=collector.publication_problem,
            follower_lag_s=follower.lag_s if follower else None,
            follower_problem=follower.problem if follower else None,
            disk_free_ratio=await asyncio.to_thread(free_ratio, collector.config.data_dir),
            certificates=self._certificates,
        )


def free_ratio(folder: Path) -> float | None:
    """Free share of the disk that holds the folder; None when it cannot be told."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    return usage.free / usage.total if usage.total else None


def endings(files: Sequence[Path]) -> tuple[Ending, ...]:
    """When the first certificate of each file ends; what is absent or none is left out."""
    found = []
    for path in files:
        try:
            certificate = x509.load_pem_x509_certificate(path.read_bytes())
        except (OSError, ValueError):
            continue  # the broker's own start says what is wrong with it
        ends_ms = int(certificate.not_valid_after_utc.timestamp() * 1000)
        found.append(Ending(path.name, ends_ms))
    return tuple(found)


def _files(collector: Collector) -> list[Path]:
    ca = collector.config.data_dir / "ca"
    broker = collector.config.broker
    named = [broker.ca_file] if broker and broker.ca_file else []
    return [ca / "ca.pem", ca / "server.pem", *named]
