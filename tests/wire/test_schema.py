"""The declarations hold together and promise no personal data."""

from __future__ import annotations

import pytest

from homeroute_wire import reference, topics
from homeroute_wire.measurements import FROM_DEVICES, MEASUREMENTS
from homeroute_wire.schema import COMMON_TAGS, KINDS

HOUSEHOLD_MAY_SEND = {"uplink", "health", "agent", "usage"}


def test_every_measurement_has_words_units_and_bounds() -> None:
    for spec in MEASUREMENTS.values():
        assert spec.doc.endswith(".")
        assert set(spec.kinds) <= set(KINDS)
        for column in spec.columns:
            assert column.doc
            assert column.name not in {
                *COMMON_TAGS,
                "time_ms",
                "received_ms",
                "commit_id",
                "stream",
            }
            assert not (column.is_tag and (column.optional or column.value_type != "str"))
            if column.value_type in ("int", "float"):
                assert column.minimum is not None
                assert column.maximum is not None


def test_every_measurement_has_a_field_that_is_always_there() -> None:
    """Line protocol has no line without a field."""
    for spec in MEASUREMENTS.values():
        assert any(not field.optional for field in spec.fields), spec.name


def test_units_stand_in_names() -> None:
    suffixes = {
        "_s": "s",
        "_ms": "ms",
        "_bytes": "bytes",
        "_ratio": "ratio",
        "_dbm": "dBm",
        "_m": "m",
    }
    for spec in MEASUREMENTS.values():
        for field in spec.fields:
            for suffix, unit in suffixes.items():
                if field.name.endswith(suffix):
                    assert field.unit == unit, f"{spec.name}.{field.name}"


def test_a_household_never_sends_what_it_does_online() -> None:
    """DESIGN section 4: no position, sessions, activity or filter categories."""
    assert {s.name for s in FROM_DEVICES.values() if "hotspot" in s.kinds} == HOUSEHOLD_MAY_SEND


def test_no_name_speaks_of_persons() -> None:
    page = reference.page().lower()
    for word in ("student's", "pupil", "mac address", "hostname", "imei", "url"):
        assert word not in page


def test_topics_come_back_as_they_were_named() -> None:
    name = topics.topic("springfield", "bus-07", "batch")
    assert name == "homeroute/1/springfield/bus-07/batch"
    assert topics.parse(name) == topics.Address("springfield", "bus-07", "batch")
    assert topics.district_filter("x1", "status") == "homeroute/1/x1/+/status"


@pytest.mark.parametrize("device", ["", "Bus", "a/b", "+", "#", "-a", "a" * 64, "bus 7", "bus\n"])
def test_a_wrong_id_is_refused(device: str) -> None:
    with pytest.raises(ValueError, match="device id"):
        topics.topic("d", device, "ack")
    assert topics.parse(f"homeroute/1/d/{device}/ack") is None


@pytest.mark.parametrize(
    "name", ["homeroute/2/d/x/ack", "homeroute/1/d/x/other", "a/b", "homeroute/1/d/x/ack/y"]
)
def test_a_strange_topic_is_none_of_ours(name: str) -> None:
    assert topics.parse(name) is None
