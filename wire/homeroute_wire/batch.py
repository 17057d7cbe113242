r"""The batch: what a device sends, encoded once and immutable from then on.

Layout::

    1 {stream} {seq} {sent_ms} {points}\n     clear, ASCII
    raw deflate of a JSON body                 with the wire version's dictionary

The clear line is made when the batch is sent; the body when it is cut. Because
the line tells the stream, the sequence number and the count, a body that does
not inflate can still be refused, counted and acknowledged.

The body is columnar: one list per column, times as differences::

    {"k": "bus", "t": 1795299000000, "m": {"wifi": {"t": [0, 10000], "clients": [3, 4]}}}

An optional field that is absent in every row is left out; absent in one row it
is null.

Guarantees: encode then decode returns the same points; decoding never inflates
past :data:`BODY_BOUND`, whatever it is given. Does not: check names, types or
bounds of values; that is the collector's validation.
"""

from __future__ import annotations

import dataclasses
import json
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from homeroute_wire.dictionary import DICTIONARY_1
from homeroute_wire.schema import KINDS, Point

BATCH_BOUND = 262_144
"""Bytes of a whole batch on the wire. A longer one is refused unread."""

BODY_BOUND = 4_194_304
"""Bytes a body may inflate to."""

POINTS_BOUND = 20_000
"""Points in one batch."""

_LINE = re.compile(rb"1 ([0-9a-f]{16}) ([1-9][0-9]{0,15}) ([0-9]{1,15}) ([0-9]{1,7})")
_LINE_BOUND = 96


class BatchError(ValueError):
    """A batch that cannot be understood. Says why; ``header`` is what is known of it."""

    def __init__(self, reason: str, header: Header | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.header = header


@dataclass(frozen=True, slots=True)
class Header:
    """The clear line: which batch of which agent run, when sent, how many points.

    ``stream`` is 16 hex digits, ``seq`` counts from 1 within it. ``sent_ms`` is
    the device's clock at this sending.
    """

    stream: str
    seq: int
    sent_ms: int
    points: int


@dataclass(frozen=True, slots=True)
class RawColumns:
    """One measurement of a batch, not yet validated.

    ``times_ms`` are whole numbers; each list in ``values`` is whatever the
    device sent, and may have another length.
    """

    times_ms: list[int]
    values: dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class RawBatch:
    """A decoded batch: counts agree with the header, values are unvalidated."""

    header: Header
    kind: str
    measurements: dict[str, RawColumns]


def encode_body(kind: str, points: Iterable[Point]) -> bytes:
    """Encode points of one device, in the order given, into a deflated body."""
    grouped: dict[str, list[Point]] = {}
    for point in points:
        grouped.setdefault(point.record.NAME, []).append(point)
    return encode_columns(kind, {name: _columns(rows) for name, rows in grouped.items()})


def encode_columns(kind: str, measurements: Mapping[str, RawColumns]) -> bytes:
    """Encode whole columns of one device: the same body as their points would make.

    For who has columns already (a simulator, a replay). A measurement has one row or
    more, each list of its ``values`` is as long as ``times_ms``, and they stand in the
    order of the record's fields. Nothing is checked here but the kind.
    """
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r}: want one of {', '.join(KINDS)}")
    base = min((min(raw.times_ms) for raw in measurements.values()), default=0)
    document = {
        "k": kind,
        "t": base,
        "m": {name: _differences(raw, base) for name, raw in measurements.items()},
    }
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, DICTIONARY_1)
    return deflate.compress(text.encode()) + deflate.flush()


def _columns(rows: list[Point]) -> RawColumns:
    names = [field.name for field in dataclasses.fields(rows[0].record)]
    return RawColumns(
        [row.time_ms for row in rows],
        {name: [getattr(row.record, name) for row in rows] for name in names},
    )


def _differences(raw: RawColumns, base: int) -> dict[str, list[Any]]:
    times = raw.times_ms
    steps = [time - before for time, before in zip(times, [base, *times], strict=False)]
    told = {name: rows for name, rows in raw.values.items() if rows.count(None) < len(rows)}
    return {"t": steps, **told}


def frame(header: Header, body: bytes) -> bytes:
    """Put the clear line before a body, for sending.

    Raises ValueError when the whole exceeds :data:`BATCH_BOUND`.
    """
    line = f"1 {header.stream} {header.seq} {header.sent_ms} {header.points}\n".encode()
    if not _LINE.fullmatch(line[:-1]):
        raise ValueError(f"batch header out of bounds: {header}")
    if len(line) + len(body) > BATCH_BOUND:
        raise ValueError(f"batch of {len(line) + len(body)} bytes exceeds {BATCH_BOUND}")
    return line + body


def read_header(payload: bytes) -> Header:
    """Read the clear line. Raises :class:`BatchError` without a header."""
    end = payload.find(b"\n", 0, _LINE_BOUND)
    match = _LINE.fullmatch(payload[:end]) if end > 0 else None
    if match is None:
        raise BatchError("no clear line of wire version 1")
    header = Header(match[1].decode(), int(match[2]), int(match[3]), int(match[4]))
    if not 1 <= header.points <= POINTS_BOUND:
        raise BatchError(f"{header.points} points: want 1 to {POINTS_BOUND}")
    return header


def decode(payload: bytes) -> RawBatch:
    """Read a batch. Raises :class:`BatchError`, with the header if it could be read."""
    header = read_header(payload)
    if len(payload) > BATCH_BOUND:
        raise BatchError(f"batch of {len(payload)} bytes exceeds {BATCH_BOUND}", header)
    document = _parse(inflate(payload[payload.index(b"\n") + 1 :], header), header)
    try:
        kind, base, columns = document["k"], document["t"], document["m"]
    except (KeyError, TypeError):
        raise BatchError("body lacks one of k, t, m", header) from None
    if kind not in KINDS:
        raise BatchError("body names an unknown kind of device", header)
    if type(base) is not int or not isinstance(columns, dict):
        raise BatchError("body's t is no whole number, or its m no object", header)
    measurements = {name: _raw(name, base, value, header) for name, value in columns.items()}
    count = sum(len(raw.times_ms) for raw in measurements.values())
    if count != header.points:
        raise BatchError(f"clear line says {header.points} points, body has {count}", header)
    return RawBatch(header, kind, measurements)


def inflate(body: bytes, header: Header) -> bytes:
    """Inflate a body to at most :data:`BODY_BOUND` bytes, or raise :class:`BatchError`."""
    inflater = zlib.decompressobj(-15, DICTIONARY_1)
    try:
        text = inflater.decompress(body, BODY_BOUND + 1)
    except zlib.error as error:
        raise BatchError(f"body does not inflate: {error}", header) from None
    if len(text) > BODY_BOUND:
        raise BatchError(f"body inflates past {BODY_BOUND} bytes", header)
    if not inflater.eof or inflater.unused_data:
        raise BatchError("body is cut short or followed by more", header)
    return text


def _parse(text: bytes, header: Header) -> Mapping[str, Any]:
    try:
        document = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BatchError(f"body is no JSON: {error}"[:200], header) from None
    if not isinstance(document, dict):
        raise BatchError("body is no JSON object", header)
    return document


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _raw(name: str, base: int, columns: object, header: Header) -> RawColumns:
    times = columns.get("t") if isinstance(columns, dict) else None
    if not isinstance(columns, dict) or not isinstance(times, list):
        raise BatchError(f"measurement {name!r:.80} has no list of times", header)
    absolute, at = [], base
    for step in times:
        if type(step) is not int:
            raise BatchError(f"measurement {name!r:.80} has a time that is no whole number", header)
        at += step
        absolute.append(at)
    values = {
        key: value if isinstance(value, list) else [value]
        for key, value in columns.items()
        if key != "t"
    }
    return RawColumns(absolute, values)
