"""The batch codec: what goes in comes out, and nothing else gets far."""

from __future__ import annotations

import dataclasses
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroute_wire import batch
from homeroute_wire.dictionary import DICTIONARY_1
from homeroute_wire.measurements import FROM_DEVICES, Position, Wifi
from homeroute_wire.schema import FieldSpec, Measurement, MeasurementSpec, Point

STREAM = "0123456789abcdef"


def _value(column: FieldSpec) -> st.SearchStrategy[Any]:
    if column.choices:
        values: st.SearchStrategy[Any] = st.sampled_from(column.choices)
    elif column.value_type == "str":
        values = st.from_regex(r"[A-Za-z0-9 é.,=_-]{1,64}", fullmatch=True)
    elif column.value_type == "bool":
        values = st.booleans()
    elif column.value_type == "int":
        assert column.minimum is not None and column.maximum is not None
        values = st.integers(int(column.minimum), int(column.maximum))
    else:
        values = st.floats(column.minimum, column.maximum, allow_nan=False)
    return st.none() | values if column.optional else values


def _record(spec: MeasurementSpec) -> st.SearchStrategy[Measurement]:
    return st.builds(spec.record, **{c.name: _value(c) for c in spec.columns})


def points() -> st.SearchStrategy[list[Point]]:
    """Any points a device may send."""
    record = st.one_of([_record(spec) for spec in FROM_DEVICES.values()])
    return st.lists(st.builds(Point, st.integers(0, 2**45), record), min_size=1, max_size=40)


def framed(body: bytes, count: int) -> bytes:
    return batch.frame(batch.Header(STREAM, 7, 1_795_299_000_000, count), body)


def deflated(text: bytes) -> bytes:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, DICTIONARY_1)
    return deflate.compress(text) + deflate.flush()


def rebuild(raw: batch.RawBatch) -> list[Point]:
    """Points of a decoded batch, without validation."""
    found = []
    for name, columns in raw.measurements.items():
        for row, time_ms in enumerate(columns.times_ms):
            values = {key: column[row] for key, column in columns.values.items()}
            found.append(Point(time_ms, FROM_DEVICES[name].record(**values)))
    return found


@given(points())
def test_whole_columns_make_the_body_that_their_points_make(sent: list[Point]) -> None:
    columns: dict[str, batch.RawColumns] = {}
    for point in sent:
        raw = columns.setdefault(point.record.NAME, batch.RawColumns([], {}))
        raw.times_ms.append(point.time_ms)
        for field in dataclasses.fields(point.record):
            raw.values.setdefault(field.name, []).append(getattr(point.record, field.name))
    assert batch.encode_columns("bus", columns) == batch.encode_body("bus", sent)


@given(points())
def test_points_come_back_as_they_went_in(sent: list[Point]) -> None:
    raw = batch.decode(framed(batch.encode_body("bus", sent), len(sent)))
    assert sorted(map(repr, rebuild(raw))) == sorted(map(repr, sent))
    assert raw.header == batch.Header(STREAM, 7, 1_795_299_000_000, len(sent))


@given(st.binary(max_size=400))
def test_rubbish_raises_only_a_batch_error(payload: bytes) -> None:
    with pytest.raises(batch.BatchError):
        batch.decode(payload)


@given(st.binary(max_size=400))
def test_a_rubbish_body_still_tells_its_header(body: bytes) -> None:
    with pytest.raises(batch.BatchError) as caught:
        batch.decode(framed(body, 12))
    assert caught.value.header == batch.Header(STREAM, 7, 1_795_299_000_000, 12)


@given(points(), st.data())
def test_a_flipped_byte_is_refused_or_changes_values_but_never_the_count(
    sent: list[Point], data: st.DataObject
) -> None:
    payload = bytearray(framed(batch.encode_body("bus", sent), len(sent)))
    start = payload.index(b"\n") + 1
    at = data.draw(st.integers(start, len(payload) - 1))
    payload[at] ^= data.draw(st.integers(1, 255))
    try:
        raw = batch.decode(bytes(payload))
    except batch.BatchError:
        return
    assert sum(len(c.times_ms) for c in raw.measurements.values()) == len(sent)


def test_a_bomb_is_refused_without_inflating_it() -> None:
    bomb = deflated(b"[" * (batch.BODY_BOUND + 1000))
    assert len(bomb) < batch.BATCH_BOUND
    with pytest.raises(batch.BatchError, match="inflates past"):
        batch.decode(framed(bomb, 1))


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(batch.BatchError, match="no JSON"):
        batch.decode(framed(deflated(b"[" * 100_000), 1))


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ([], "no JSON object"),
        ({"k": "bus", "t": 0}, "lacks one of"),
        ({"k": "tram", "t": 0, "m": {}}, "unknown kind"),
        ({"k": "bus", "t": 0.5, "m": {}}, "no whole number"),
        ({"k": "bus", "t": True, "m": {}}, "no whole number"),
        ({"k": "bus", "t": 0, "m": {"wifi": [1]}}, "no list of times"),
        ({"k": "bus", "t": 0, "m": {"wifi": {"t": [1.5]}}}, "no whole number"),
        ({"k": "bus", "t": 0, "m": {"wifi": {"t": [1, 2]}}}, "clear line says 1 points"),
    ],
)
def test_a_body_of_the_wrong_shape_is_refused_with_the_reason(document: Any, reason: str) -> None:
    with pytest.raises(batch.BatchError, match=reason):
        batch.decode(framed(deflated(json.dumps(document).encode()), 1))


def test_nan_is_refused_both_ways() -> None:
    record = Position(lat=float("nan"), lon=0.0, fix=3)
    with pytest.raises(ValueError, match="not JSON compliant"):
        batch.encode_body("bus", [Point(0, record)])
    text = b'{"k":"bus","t":0,"m":{"position":{"t":[0],"lat":[NaN]}}}'
    with pytest.raises(batch.BatchError, match="no JSON"):
        batch.decode(framed(deflated(text), 1))


@pytest.mark.parametrize(
    "line",
    [
        b"2 0123456789abcdef 1 0 1\n",
        b"1 0123456789ABCDEF 1 0 1\n",
        b"1 0123456789abcdef 0 0 1\n",
        b"1 0123456789abcdef 1 0 0\n",
        b"1 0123456789abcdef 1 0 99999\n",
        b"1 0123456789abcdef 1 0 1",
        b"1 0123456789abcdef 1 0 1\r\n",
        b"",
    ],
)
def test_a_wrong_clear_line_has_no_header(line: bytes) -> None:
    with pytest.raises(batch.BatchError) as caught:
        batch.decode(line)
    assert caught.value.header is None


def test_the_dictionary_of_version_1_never_changes() -> None:
    assert zlib.crc32(DICTIONARY_1) == 3524864791


def test_an_absent_optional_column_costs_nothing() -> None:
    body = batch.encode_body("bus", [Point(0, Position(lat=1.0, lon=2.0, fix=3))])
    text = batch.inflate(body, batch.Header(STREAM, 1, 0, 1))
    assert json.loads(text)["m"]["position"] == {"t": [0], "lat": [1.0], "lon": [2.0], "fix": [3]}


def test_a_minute_of_a_bus_is_a_few_hundred_bytes() -> None:
    fields = {"clients_peak": 9, "associated": 0, "disassociated": 0, "randomized": 5}
    sent = [
        Point(1_795_299_000_000 + 10_000 * i, Wifi(ssid="Bus", band="5", clients=i, **fields))
        for i in range(6)
    ]
    assert len(framed(batch.encode_body("bus", sent), 6)) < 150


def test_records_are_frozen() -> None:
    record = Position(lat=1.0, lon=2.0, fix=3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.lat = 2.0  # type: ignore[misc]
