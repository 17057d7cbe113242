"""The trust boundary: counts add up, good neighbours stay, garbage never raises."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeroute_collector.archive_records import Commit
from homeroute_collector.kept import pack, unpack
from homeroute_collector.validation import AHEAD_MS, DAY_MS, GARBAGE_KEPT_BYTES, validate
from homeroute_wire.batch import BATCH_BOUND, Header, frame
from homeroute_wire.measurements import FROM_DEVICES, Position, Usage
from homeroute_wire.schema import FieldSpec, Point
from tests.collector.batches import (
    NOW_MS,
    RETENTION_DAYS,
    batch,
    body_batch,
    minute,
    raw_batch,
    uplink,
    wifi,
)


def judged(payload: bytes) -> Commit:
    return validate("bus-07", payload, received_ms=NOW_MS, retention_days=RETENTION_DAYS)


def wifi_columns(rows: int = 3, **changes: list[Any]) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "t": [NOW_MS - 60_000] + [10_000] * (rows - 1),
        "ssid": ["bus"] * rows,
        "band": ["5"] * rows,
    }
    for name in ("clients", "clients_peak", "associated", "disassociated", "randomized"):
        columns[name] = [1] * rows
    return columns | changes


def reasons(commit: Commit) -> list[tuple[str, int, str]]:
    return [(r.measurement, r.points, r.reason) for r in commit.refusals]


def test_a_good_batch_is_stored_whole() -> None:
    commit = judged(batch())
    assert commit.stored == len(minute())
    assert (commit.refusals, commit.extras, commit.kind) == ((), (), "bus")
    assert commit.columns["wifi"].values["clients"] == [0, 1, 2, 3, 4, 5]
    assert commit.columns["position"].values["speed_mps"] == [12.5, None] * 3


@pytest.mark.parametrize(
    "bad", [True, 1.0, "1", None, -1, 10_001, 2**70, [], {}, "\ud800"], ids=repr
)
def test_a_bad_value_takes_only_its_own_point(bad: object) -> None:
    commit = judged(raw_batch({"wifi": wifi_columns(clients=[4, bad, 6])}))
    assert commit.columns["wifi"].values["clients"] == [4, 6]
    assert commit.columns["wifi"].times_ms == [NOW_MS - 60_000, NOW_MS - 40_000]
    [(measurement, points, reason)] = reasons(commit)
    assert (measurement, points) == ("wifi", 1)
    assert reason.startswith("clients: ")


def test_a_number_too_large_to_be_one_takes_only_its_own_point() -> None:
    columns = {"wifi": wifi_columns(), "position": position_columns() | {"speed_mps": [1.5]}}
    text = json.dumps({"k": "bus", "t": 0, "m": columns}).replace("1.5", "1e999")
    assert (judged(body_batch(text.encode(), points=4)).refused) == 1


@pytest.mark.parametrize("bad", ["", "a\nb", 'a"b', "a\\b", "x" * 65, 7, True, "\ud800"], ids=repr)
def test_a_tag_that_cannot_be_one_is_refused(bad: object) -> None:
    commit = judged(raw_batch({"wifi": wifi_columns(ssid=["bus", bad, "bus"])}))
    assert (commit.stored, commit.refused) == (2, 1)


def test_what_is_refused_is_kept_whole() -> None:
    commit = judged(raw_batch({"wifi": wifi_columns(clients=[4, "five", 6], later=[7, 8, 9])}))
    [refusal] = commit.refusals
    times, values = unpack(refusal.payload)
    assert times == [NOW_MS - 50_000]
    assert values["clients"] == ["five"]
    assert values["later"] == [8]


def test_an_unknown_field_is_kept_beside_its_stored_point() -> None:
    commit = judged(raw_batch({"wifi": wifi_columns(later=[7, 8, {"x": 1}])}))
    assert (commit.stored, commit.refused) == (3, 0)
    [extra] = commit.extras
    times, values = unpack(extra.payload)
    assert len(times) == 3
    assert values == {"ssid": ["bus"] * 3, "band": ["5"] * 3, "later": [7, 8, {"x": 1}]}


def test_an_unknown_measurement_is_refused_and_kept_and_its_neighbours_are_stored() -> None:
    commit = judged(raw_batch({"wifi": wifi_columns(), "tyres": {"t": [0, 1], "bar": [7, 8]}}))
    assert commit.stored == 3
    assert reasons(commit) == [("tyres", 2, "unknown measurement")]
    assert unpack(commit.refusals[0].payload) == ([0, 1], {"bar": [7, 8]})


def test_a_device_cannot_send_what_the_collector_makes() -> None:
    commit = judged(raw_batch({"device_status": {"t": [NOW_MS], "state": ["online"]}}))
    assert reasons(commit) == [("device_status", 1, "unknown measurement")]


def test_a_ragged_measurement_is_refused_alone() -> None:
    commit = judged(
        raw_batch({"wifi": wifi_columns(clients=[1, 2]), "position": position_columns()})
    )
    assert reasons(commit) == [("wifi", 3, "columns differ in length")]
    assert commit.stored == 1


def position_columns() -> dict[str, Any]:
    return {"t": [NOW_MS], "lat": [36], "lon": [-95.5], "fix": [3]}


def test_a_missing_column_refuses_its_measurement() -> None:
    columns = wifi_columns()
    del columns["clients"]
    assert reasons(judged(raw_batch({"wifi": columns}))) == [("wifi", 3, "clients: Field required")]


def test_a_whole_number_is_a_real_one_but_not_the_other_way() -> None:
    commit = judged(raw_batch({"position": position_columns()}))
    assert commit.columns["position"].values["lat"] == [36.0]


def test_the_same_tags_and_time_twice_in_a_batch_are_stored_once() -> None:
    at = NOW_MS - 1_000
    commit = judged(batch([(at, wifi(1)), (at, wifi(2)), (at, wifi(3, ssid="other"))]))
    assert commit.columns["wifi"].values["clients"] == [1, 3]
    assert [points for _, points, _ in reasons(commit)] == [1]


def test_times_are_bounded_by_the_clock_and_by_the_retention() -> None:
    oldest = NOW_MS - RETENTION_DAYS * DAY_MS
    times = [oldest - 1, oldest, NOW_MS + AHEAD_MS, NOW_MS + AHEAD_MS + 1]
    commit = judged(batch([(time, uplink()) for time in times]))
    assert commit.columns["uplink"].times_ms == times[1:3]
    assert len(commit.refusals) == 2


def test_a_hotspot_sends_only_what_a_household_may() -> None:
    points = [
        Point(NOW_MS, Position(lat=1.0, lon=2.0, fix=3)),
        Point(NOW_MS, uplink()),
        Point(NOW_MS, Usage(carrier="x", down_bytes=1, up_bytes=1, active_hours=2)),
    ]
    commit = judged(batch(points, kind="hotspot"))
    assert set(commit.columns) == {"uplink", "usage"}
    [refusal] = commit.refusals
    assert refusal.payload == b"", "where a household is must not be kept"


def test_a_bus_has_no_daily_usage() -> None:
    usage = Usage(carrier="x", down_bytes=1, up_bytes=1, active_hours=2)
    assert reasons(judged(batch([(NOW_MS, usage)]))) == [("usage", 1, "usage is not for a bus")]


@pytest.mark.parametrize(
    "body", [b"", b"\x00" * 50, b"not deflated", b"\xff" * 500], ids=["empty", "nul", "text", "ff"]
)
def test_an_unreadable_body_is_refused_by_its_clear_line(body: bytes) -> None:
    payload = frame(Header("00000000000000ab", 9, NOW_MS, 42), body)
    commit = judged(payload)
    assert (commit.stored, commit.refused) == (0, 42)
    assert commit.header == Header("00000000000000ab", 9, NOW_MS, 42)
    assert commit.refusals[0].payload == payload


@pytest.mark.parametrize("payload", [b"", b"\n", b"hello", b"1 x 1 1 1\n", b"1" * 5_000])
def test_garbage_without_a_clear_line_has_no_stream_and_no_points(payload: bytes) -> None:
    commit = judged(payload)
    assert (commit.header, commit.stream, commit.refused) == (None, "", 0)
    assert len(commit.refusals[0].payload) <= GARBAGE_KEPT_BYTES


def test_a_batch_past_its_bound_is_refused_unread() -> None:
    payload = b"1 00000000000000aa 1 1 5\n" + b"x" * BATCH_BOUND
    commit = judged(payload)
    assert commit.refused == 5
    assert len(commit.refusals[0].payload) == BATCH_BOUND


def test_a_deeply_nested_body_is_refused() -> None:
    text = b'{"k":"bus","t":0,"m":{"wifi":{"t":[0],"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}}}"
    assert judged(body_batch(text, points=1)).refused == 1


def test_a_foreign_name_cannot_break_a_log_line_or_the_archive() -> None:
    name = "a\nb\x00\ud800" + "x" * 200
    commit = judged(raw_batch({name: {"t": [NOW_MS]}}))
    assert commit.refusals[0].measurement.isprintable()
    commit.refusals[0].measurement.encode()


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


def _plausible(column: FieldSpec) -> st.SearchStrategy[Any]:
    if column.choices:
        return st.sampled_from(column.choices)
    if column.value_type == "str":
        return st.sampled_from(["a", "b", "wwan0"])
    if column.value_type == "bool":
        return st.booleans()
    assert column.minimum is not None
    assert column.maximum is not None
    if column.value_type == "int":
        return st.integers(int(column.minimum), int(column.maximum))
    return st.floats(column.minimum, column.maximum)


@st.composite
def measurements(draw: st.DrawFn) -> dict[str, Any]:
    """Measurements of a batch, of which any part may be wrong."""
    names = draw(st.lists(st.sampled_from([*FROM_DEVICES, "tyres"]), unique=True, max_size=3))
    made: dict[str, Any] = {}
    for name in names:
        rows = draw(st.integers(0, 4))
        offsets = st.integers(-5, 5) | st.sampled_from([0, 10**18, -(10**18)])
        columns: dict[str, Any] = {"t": draw(st.lists(offsets, min_size=rows, max_size=rows))}
        spec = FROM_DEVICES.get(name)
        for column in spec.columns if spec else ():
            value = _plausible(column)
            cells = st.lists(value | json_values if draw(st.booleans()) else value, max_size=5)
            columns[column.name] = draw(
                cells if draw(st.integers(0, 9)) == 0 else _as_long(cells, rows, value)
            )
        if draw(st.booleans()):
            columns["later"] = draw(st.lists(json_values, min_size=rows, max_size=rows))
        made[name] = columns
    return made


def _as_long(
    cells: st.SearchStrategy[list[Any]], rows: int, value: st.SearchStrategy[Any]
) -> st.SearchStrategy[list[Any]]:
    fill = st.lists(value, min_size=rows, max_size=rows)
    return st.tuples(cells, fill).map(lambda pair: (pair[0] + pair[1])[:rows])


@pytest.mark.slow
@settings(max_examples=300)
@given(measurements(), st.sampled_from(["bus", "hotspot"]))
def test_the_counts_add_up_whatever_a_body_holds(made: dict[str, Any], kind: str) -> None:
    points = sum(len(columns["t"]) for columns in made.values())
    if not points:
        return
    commit = judged(raw_batch(made, kind=kind, base=NOW_MS))
    assert commit.stored + commit.refused == points
    for name, columns in commit.columns.items():
        assert columns.times_ms, "an empty measurement is none"
        assert all(len(column) == len(columns.times_ms) for column in columns.values.values())
        known = {column.name for column in FROM_DEVICES[name].columns}
        assert columns.values.keys() <= known


@pytest.mark.slow
@settings(max_examples=300)
@given(measurements())
def test_judging_again_what_was_stored_refuses_nothing(made: dict[str, Any]) -> None:
    if not any(columns["t"] for columns in made.values()):
        return
    commit = judged(raw_batch(made, base=NOW_MS))
    again = {
        name: {"t": _steps(columns.times_ms), **columns.values}
        for name, columns in commit.columns.items()
    }
    if again:
        assert judged(raw_batch(again)).refusals == ()


def _steps(times_ms: list[int]) -> list[int]:
    return [at - before for before, at in zip([0, *times_ms], times_ms, strict=False)]


@given(st.binary(max_size=300))
def test_garbage_never_raises(payload: bytes) -> None:
    judged(payload)


@given(st.binary(max_size=300), st.integers(1, 20_000))
def test_any_body_behind_a_clear_line_is_counted(body: bytes, points: int) -> None:
    commit = judged(frame(Header("00000000000000aa", 1, NOW_MS, points), body))
    assert commit.stored + commit.refused == points


@given(json_values)
def test_any_json_behind_a_clear_line_is_counted(document: object) -> None:
    commit = judged(body_batch(json.dumps(document).encode(), points=7))
    assert commit.stored + commit.refused == 7


@given(st.lists(st.integers()), st.dictionaries(st.text(), st.lists(json_values, max_size=3)))
def test_kept_rows_come_back_as_they_were(times: list[int], values: dict[str, list[Any]]) -> None:
    assert unpack(pack(times, values)) == (times, json.loads(json.dumps(values)))


@pytest.mark.parametrize("payload", [b"", b"junk", pack([1], {"a": [1]})[:-3]])
def test_damaged_kept_rows_are_said_to_be(payload: bytes) -> None:
    with pytest.raises(ValueError, match="kept rows"):
        unpack(payload)
