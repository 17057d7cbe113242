"""Line protocol: one row, one line, nothing smuggled in."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroute_wire.lineprotocol import LineEncoder, LineError, escape_tag
from homeroute_wire.measurements import MEASUREMENTS

UPLINK = LineEncoder(MEASUREMENTS["uplink"])


def test_a_row_becomes_the_line_influxdb_documents() -> None:
    row = (
        1_795_299_000_123,
        "d",
        "bus-1",
        "bus",
        "wwan0",
        "lte",
        "Blue, Sky",
        2,
        51.5,
        0.0,
        None,
        None,
        -3.0,
    )
    assert UPLINK.line(row) == (
        "uplink,carrier=Blue\\,\\ Sky,device=bus-1,district=d,interface=wwan0,kind=bus,"
        "technology=lte state=2i,rtt_ms=51.5,loss_ratio=0.0,sinr_db=-3.0 1795299000123"
    )


def test_yes_and_no_are_words() -> None:
    line = LineEncoder(MEASUREMENTS["filter_check"]).line(
        (1, "d", "x", "bus", "dnsmasq", True, False)
    )
    assert line.endswith(" canary_blocked=true,filter_live=false 1")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_rejected(value: float) -> None:
    with pytest.raises(LineError):
        UPLINK.line((1, "d", "x", "bus", "w", "l", "c", 1, value, None, None, None, None))


def test_a_row_without_fields_is_rejected() -> None:
    with pytest.raises(LineError):
        UPLINK.line((1, "d", "x", "bus", "w", "l", "c", None, None, None, None, None, None))


def test_an_empty_tag_is_left_out() -> None:
    line = UPLINK.line((1, "d", "x", "bus", "", "lte", None, 1, None, None, None, None, None))
    assert line == "uplink,device=x,district=d,kind=bus,technology=lte state=1i 1"


@given(st.text(min_size=1, max_size=30).filter(lambda text: not text.endswith("\\")))
def test_a_tag_value_can_neither_break_the_line_nor_begin_a_tag(value: str) -> None:
    escaped = escape_tag(value)
    assert "\n" not in escaped
    assert "\r" not in escaped
    assert not re.search(r"(?<!\\)[ ,=]", escaped)


def test_a_trailing_backslash_has_no_escape() -> None:
    with pytest.raises(LineError):
        escape_tag("a\\")
