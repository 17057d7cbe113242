"""The trust boundary: what a device sent becomes a commit, or is refused.

Guarantees: never raises, whatever it is given; ``stored + refused`` equals the
clear line's count; a bad point never takes a good neighbour with it; nothing is
converted (``"12.5"`` is no number, ``true`` no 1). Values are checked column by
column; when a column fails, the errors name its rows, and the others stand.

Does not: look at other batches (whether one is a duplicate is the archive's to
say). Keeps no contents of what a hotspot must not send: a household's position
or sessions are counted as refused, and forgotten.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from homeroute_collector.archive_records import Columns, Commit, Extra, Refusal
from homeroute_collector.kept import pack
from homeroute_collector.validators import check, printable
from homeroute_wire.batch import BATCH_BOUND, BatchError, Header, RawBatch, decode, read_header
from homeroute_wire.measurements import FROM_DEVICES
from homeroute_wire.schema import MeasurementSpec

logger = logging.getLogger(__name__)

AHEAD_MS = 300_000
"""How far past the collector's clock a point's time may be (DESIGN section 3)."""

DAY_MS = 86_400_000

GARBAGE_KEPT_BYTES = 4_096
"""How much is kept of a message without a clear line."""

Values = Mapping[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Window:
    """The times a point may have, inclusive, in ms."""

    oldest_ms: int
    newest_ms: int

    @classmethod
    def at(cls, received_ms: int, retention_days: int) -> Window:
        """What is allowed of a batch received at ``received_ms``."""
        return cls(received_ms - retention_days * DAY_MS, received_ms + AHEAD_MS)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one measurement's rows; the counts add up to the rows given."""

    columns: Columns | None
    refusals: tuple[Refusal, ...] = ()
    extra: Extra | None = None


def validate(device: str, payload: bytes, *, received_ms: int, retention_days: int) -> Commit:
    """One message of a device, as what the archive is to keep of it."""
    try:
        header = read_header(payload)
    except BatchError as error:
        return _garbage(device, payload, error.reason, received_ms)
    try:
        return _commit(device, decode(payload), len(payload), received_ms, retention_days)
    except BatchError as error:
        return refuse_whole(device, header, payload, error.reason, received_ms)
    except Exception as error:
        # Nothing known does this; the batch is kept for the release that mends it.
        logger.exception("validation of a batch of %s failed", device)
        reason = f"validation failed: {type(error).__name__}"
        return refuse_whole(device, header, payload, reason, received_ms)


def refuse_whole(
    device: str, header: Header, payload: bytes, reason: str, received_ms: int
) -> Commit:
    """A commit that stores nothing of a batch and keeps all of it aside."""
    refusal = Refusal("", header.points, printable(reason, 200), payload[:BATCH_BOUND])
    return Commit(
        device=device,
        kind="",
        stream=header.stream,
        received_ms=received_ms,
        refusals=(refusal,),
        header=header,
        size=len(payload),
    )


def judge(kind: str, name: str, times_ms: list[int], values: Values, window: Window) -> Verdict:
    """Check the rows of one measurement of one batch."""
    spec = FROM_DEVICES.get(name)
    if spec is None:
        return _refuse_all(name, times_ms, values, "unknown measurement")
    if kind not in spec.kinds:
        reason = f"{name} is not for a {kind}"
        if kind == "hotspot":
            reason += "; its contents were not kept"
            return Verdict(None, (Refusal(name, len(times_ms), reason, b""),))
        return _refuse_all(name, times_ms, values, reason)
    if any(len(column) != len(times_ms) for column in values.values()):
        return _refuse_all(name, times_ms, values, "columns differ in length")
    try:
        valid = check(name, values)
    except ValidationError as errors:
        return _without_bad_rows(spec, times_ms, values, errors, window)
    bad = _bad_rows(spec, times_ms, valid, window)
    if bad:
        return _split(spec, times_ms, values, bad)
    return Verdict(Columns(times_ms, valid), (), _extra(spec, times_ms, values))


def _commit(
    device: str, batch: RawBatch, size: int, received_ms: int, retention_days: int
) -> Commit:
    window = Window.at(received_ms, retention_days)
    columns: dict[str, Columns] = {}
    refusals: list[Refusal] = []
    extras: list[Extra] = []
    for name, raw in batch.measurements.items():
        if not raw.times_ms:
            continue
        verdict = judge(batch.kind, name, raw.times_ms, raw.values, window)
        refusals.extend(verdict.refusals)
        if verdict.columns is not None:
            columns[name] = verdict.columns
        if verdict.extra is not None:
            extras.append(verdict.extra)
    return Commit(
        device=device,
        kind=batch.kind,
        stream=batch.header.stream,
        received_ms=received_ms,
        columns=columns,
        refusals=tuple(refusals),
        extras=tuple(extras),
        header=batch.header,
        size=size,
    )


def _garbage(device: str, payload: bytes, reason: str, received_ms: int) -> Commit:
    # Nobody can be told about it and no points can be counted: it has no stream.
    refusal = Refusal("", 0, printable(reason, 200), payload[:GARBAGE_KEPT_BYTES])
    return Commit(
        device=device,
        kind="",
        stream="",
        received_ms=received_ms,
        refusals=(refusal,),
        size=len(payload),
    )


def _refuse_all(name: str, times_ms: list[int], values: Values, reason: str) -> Verdict:
    packed = pack(times_ms, dict(values))
    return Verdict(None, (Refusal(printable(name), len(times_ms), reason, packed),))


def _without_bad_rows(
    spec: MeasurementSpec,
    times_ms: list[int],
    values: Values,
    errors: ValidationError,
    window: Window,
) -> Verdict:
    bad: dict[int, str] = {}
    for error in errors.errors(include_url=False, include_context=False, include_input=False):
        column, *row = error["loc"]
        reason = f"{column}: {error['msg']}"
        if not row or not isinstance(row[0], int):
            return _refuse_all(spec.name, times_ms, values, reason)
        bad.setdefault(row[0], reason)
    bad |= {
        row: reason
        for row, reason in _bad_rows(spec, times_ms, values, window, skip=bad).items()
        if row not in bad
    }
    return _split(spec, times_ms, values, bad)


def _bad_rows(
    spec: MeasurementSpec,
    times_ms: list[int],
    values: Values,
    window: Window,
    skip: Mapping[int, str] = {},
) -> dict[int, str]:
    """Rows whose time is out of the window, or whose identity an earlier row has."""
    tags = [values[tag.name] for tag in spec.tags]
    in_time = window.oldest_ms <= min(times_ms) and max(times_ms) <= window.newest_ms
    if in_time and not skip and len(set(zip(times_ms, *tags, strict=True))) == len(times_ms):
        return {}
    bad: dict[int, str] = {}
    seen: set[tuple[Any, ...]] = set()
    for row, identity in enumerate(zip(times_ms, *tags, strict=True)):
        if row in skip:
            continue
        if identity[0] > window.newest_ms:
            bad[row] = "time is more than 5 minutes ahead of the collector's clock"
        elif identity[0] < window.oldest_ms:
            bad[row] = "time is older than what the archive keeps"
        elif identity in seen:
            bad[row] = "another point of the batch has the same tags and time"
        else:
            seen.add(identity)
    return bad


def _split(
    spec: MeasurementSpec, times_ms: list[int], values: Values, bad: Mapping[int, str]
) -> Verdict:
    """Store the good rows, refuse the bad ones, grouped by reason."""
    reasons: dict[str, list[int]] = {}
    for row, reason in sorted(bad.items()):
        reasons.setdefault(reason, []).append(row)
    refusals = tuple(
        Refusal(spec.name, len(rows), reason, pack(*_rows(times_ms, values, rows)))
        for reason, rows in reasons.items()
    )
    good = [row for row in range(len(times_ms)) if row not in bad]
    if not good:
        return Verdict(None, refusals)
    times, kept = _rows(times_ms, values, good)
    known = {column.name: kept[column.name] for column in spec.columns if column.name in kept}
    return Verdict(Columns(times, known), refusals, _extra(spec, times, kept))


def _extra(spec: MeasurementSpec, times_ms: list[int], values: Values) -> Extra | None:
    unknown = values.keys() - {column.name for column in spec.columns}
    if not unknown:
        return None
    tags = {tag.name for tag in spec.tags}
    aside = {name: column for name, column in values.items() if name in tags | unknown}
    return Extra(spec.name, len(times_ms), pack(times_ms, aside))


def _rows(
    times_ms: list[int], values: Values, rows: Iterable[int]
) -> tuple[list[int], dict[str, list[Any]]]:
    rows = list(rows)
    picked = {name: [column[row] for row in rows] for name, column in values.items()}
    return [times_ms[row] for row in rows], picked
