"""Acknowledgement, birth and death: round trips, and refusal of rubbish."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroute_wire.messages import MESSAGE_BOUND, Ack, Receipt, Status

STREAM = st.from_regex(r"[0-9a-f]{16}", fullmatch=True)
COUNT = st.integers(0, 2**53 - 1)
RECEIPT = st.builds(Receipt, STREAM, COUNT, COUNT, COUNT)
ACK = st.builds(
    Ack,
    st.lists(RECEIPT, max_size=5).map(tuple),
    st.lists(st.tuples(STREAM, COUNT), max_size=5).map(tuple),
    st.none() | COUNT,
)


@given(ACK)
def test_an_acknowledgement_comes_back(ack: Ack) -> None:
    assert Ack.decode(ack.encode()) == ack


def test_a_birth_and_a_death_come_back() -> None:
    birth = Status("online", "0" * 16, "bus", "0.1.0", "1.0", 3, 2.0)
    assert Status.decode(birth.encode()) == birth
    death = Status("offline", "0" * 16)
    assert Status.decode(death.encode()) == death


@given(st.binary(max_size=200))
def test_rubbish_raises_only_a_value_error(payload: bytes) -> None:
    for message in (Ack, Status):
        with pytest.raises(ValueError):  # noqa: PT011 - any ValueError is the promise
            message.decode(payload)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"acks":[["0123456789abcdef",1,2]]}',
        b'{"acks":[["0123456789abcdef",1,2,-1]]}',
        b'{"acks":[["0123456789abcdef",true,2,0]]}',
        b'{"acks":[["xyz",1,2,0]]}',
        b'{"acks":5}',
        b'{"acks":[],"clock_ms":"now"}',
        b"[" * 60_000,
        b"{" + b" " * MESSAGE_BOUND + b"}",
    ],
)
def test_a_wrong_acknowledgement_is_refused(payload: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any ValueError is the promise
        Ack.decode(payload)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"state":"online"}',
        b'{"state":"asleep","stream":"0123456789abcdef"}',
        b'{"state":"online","stream":"0123456789abcdef","batch_s":0}',
        b'{"state":"online","stream":"0123456789abcdef","version":"a\\nb"}',
    ],
)
def test_a_wrong_status_is_refused(payload: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any ValueError is the promise
        Status.decode(payload)


def test_a_newer_peer_may_say_more() -> None:
    ack = Ack.decode(b'{"acks":[],"held":[],"clock_ms":5,"mood":"fine"}')
    assert ack == Ack((), (), 5)
