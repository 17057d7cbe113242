"""RADIUS accounting packets: real ones are understood, others do no harm."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroute_agent.samplers.radius_packet import (
    Accounting,
    Request,
    accounting,
    is_authentic,
    parse_request,
    response,
)
from homeroute_simulators.radius import request

CAPTURES = Path(__file__).parent.parent / "captures" / "radius"
SECRET = b"testing123"
MAC = "9e:1a:2b:3c:4d:5e"


def capture(name: str) -> list[Request]:
    lines = (CAPTURES / name).read_text().splitlines()
    parsed = [parse_request(bytes.fromhex(json.loads(line)["hex"])) for line in lines]
    assert None not in parsed
    return [request for request in parsed if request is not None]


def said(name: str) -> list[Accounting]:
    told = [accounting(request, "127.0.0.1") for request in capture(name)]
    return [one for one in told if one is not None]


@pytest.mark.parametrize("name", ["radius_hostapd.jsonl", "radius_radclient.jsonl"])
def test_real_requests_are_authentic_and_only_under_their_secret(name: str) -> None:
    for one in capture(name):
        assert is_authentic(one, SECRET)
        assert not is_authentic(one, b"testing124")


def test_what_hostapd_says_of_one_client_from_on_to_off() -> None:
    on, start, interim, stop, off = said("radius_hostapd.jsonl")
    assert [s.status for s in (on, start, interim, stop, off)] == [
        "on",
        "start",
        "interim",
        "stop",
        "off",
    ]
    assert {s.nas for s in (on, start, stop, off)} == {"127.0.0.1"}
    assert on.delay_s == 3
    assert start.mac == MAC
    assert start.session == interim.session == stop.session != on.session
    assert (interim.session_s, stop.session_s) == (60, 67)
    assert (start.access_point, start.ssid) == ("5e:fd:89:d3:95:54", "")
    assert stop.down_bytes is None, "a wired port counts none"


def test_gigawords_and_directions_of_radclient() -> None:
    start, interim, stop = said("radius_radclient.jsonl")
    assert start.ssid == "SchoolBus-WiFi"
    assert start.nas == interim.nas == "10.142.0.1", "the address, though one names itself too"
    assert interim.up_bytes == 123_456
    assert interim.down_bytes == 2**32 + 4_294_967_295
    assert stop.down_bytes == 2 * 2**32 + 705_032_704


@pytest.mark.parametrize(
    "spelled", ["9E-1A-2B-3C-4D-5E", "9e:1a:2b:3c:4d:5e", "9e1a2b3c4d5e", "9E1A.2B3C.4D5E"]
)
def test_every_spelling_of_a_mac_is_one_client(spelled: str) -> None:
    packet = parse_request(request(1, attribute(31, spelled) + session() + status(1), SECRET))
    assert packet is not None
    told = accounting(packet, "10.0.0.9")
    assert told is not None
    assert (told.mac, told.nas) == (MAC, "10.0.0.9")


def test_the_answer_proves_itself_and_returns_a_proxys_state() -> None:
    import hashlib

    asked = parse_request(request(7, status(1) + session() + b"\x21\x06prox", SECRET))
    assert asked is not None
    answer = response(asked, SECRET)
    assert answer[:4] == bytes((5, 7, 0, 26))
    assert answer[20:] == b"\x21\x06prox"
    wanted = hashlib.md5(answer[:4] + asked.authenticator + answer[20:] + SECRET).digest()
    assert answer[4:20] == wanted


def test_nothing_of_a_client_is_in_what_a_packet_shows() -> None:
    shown = repr(capture("radius_radclient.jsonl")) + repr(said("radius_radclient.jsonl"))
    for planted in ("9e", "9E-1A", "65F0A1B2", "anonymous", "10.77.0.116"):
        assert planted not in shown


@given(st.binary(max_size=200))
def test_no_datagram_raises(data: bytes) -> None:
    parsed = parse_request(data)
    if parsed is not None:
        assert not is_authentic(parsed, SECRET)
        accounting(parsed, "127.0.0.1")


@given(st.binary(max_size=120).map(lambda body: b"\x04\x01" + length(body) + bytes(16) + body))
def test_no_body_behind_a_right_head_raises(data: bytes) -> None:
    parsed = parse_request(data)
    if parsed is not None:
        accounting(parsed, "127.0.0.1")
        response(parsed, SECRET)


@given(
    st.lists(
        st.tuples(
            st.sampled_from((1, 4, 30, 31, 32, 40, 41, 42, 43, 44, 46, 52, 53, 95)),
            st.binary(max_size=40),
        ),
        max_size=12,
    )
)
def test_no_attribute_raises_and_every_request_of_the_secret_is_authentic(
    attributes: list[tuple[int, bytes]],
) -> None:
    body = b"".join(bytes((kind, len(value) + 2)) + value for kind, value in attributes)
    parsed = parse_request(request(1, body, SECRET))
    assert parsed is not None
    assert is_authentic(parsed, SECRET)
    told = accounting(parsed, "127.0.0.1")
    assert told is None or told.nas
    assert len(response(parsed, SECRET)) >= 20


def test_one_changed_bit_is_a_wrong_authenticator() -> None:
    whole = bytearray(capture("radius_radclient.jsonl")[1].raw)
    dice = random.Random(3)
    for _ in range(200):
        bit = dice.randrange(8 * 20, 8 * len(whole))
        whole[bit // 8] ^= 1 << bit % 8
        parsed = parse_request(bytes(whole))
        assert parsed is None or not is_authentic(parsed, SECRET)
        whole[bit // 8] ^= 1 << bit % 8


def attribute(kind: int, text: str) -> bytes:
    return bytes((kind, len(text) + 2)) + text.encode()


def session() -> bytes:
    return attribute(44, "A1")


def status(number: int) -> bytes:
    return bytes((40, 6, 0, 0, 0, number))


def length(body: bytes) -> bytes:
    return (20 + len(body)).to_bytes(2, "big")
