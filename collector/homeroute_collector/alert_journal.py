"""What was told and what is still to be told, on disk: ``alerts.json`` beside the archive.

Guarantees: the file is replaced whole and synced before anything is sent, so that a
crash neither forgets an alert nor tells it again; readable by its owner alone. A
damaged file is moved aside and said: then what is firing is told once more.

Does not: keep history. Between a message's delivery and the next save lies a
moment in which a crash sends it a second time, under the same notice ids.

Not in the archive, because the disk that the archive cannot write to is one of the
things to tell.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from homeroute_collector.alert_notices import Notice, Outbox
from homeroute_collector.alert_states import Alert
from homeroute_collector.broker.private_files import write_private

log = logging.getLogger(__name__)

FILE_NAME = "alerts.json"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Journal:
    """Alerts that are pending or firing, and an outbox for each channel by name."""

    alerts: tuple[Alert, ...] = ()
    outboxes: Mapping[str, Outbox] = field(default_factory=dict)


def encode(journal: Journal) -> bytes:
    """As JSON."""
    return json.dumps(
        {
            "version": VERSION,
            "alerts": [asdict(alert) for alert in journal.alerts],
            "outboxes": {
                name: {"dropped": box.dropped, "notices": [asdict(n) for n in box.waiting]}
                for name, box in journal.outboxes.items()
            },
        }
    ).encode()


def decode(content: bytes) -> Journal:
    """From JSON. Raises ValueError for what is no journal."""
    try:
        document = json.loads(content)
        if document["version"] != VERSION:
            raise ValueError(f"version {document['version']}, this release reads {VERSION}")
        return Journal(
            tuple(Alert(**alert) for alert in document["alerts"]),
            {
                name: Outbox((Notice(**n) for n in box["notices"]), dropped=box["dropped"])
                for name, box in document["outboxes"].items()
            },
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no journal of alerts: {error!r}") from None


def load(path: Path) -> Journal:
    """What the last run left; empty when there is none, or it was damaged."""
    try:
        return decode(path.read_bytes())
    except FileNotFoundError:
        return Journal()
    except (OSError, ValueError) as error:
        aside = path.with_name(path.name + ".damaged")
        log.warning(
            "read %s: %s; moved to %s; what is firing is told once more", path, error, aside.name
        )
        try:
            path.replace(aside)
        except OSError:
            pass  # a folder that cannot be written is said at the next save
        return Journal()


def save(path: Path, content: bytes) -> None:
    """Replace the file. Raises OSError; then the old one is still there."""
    write_private(path, content)
