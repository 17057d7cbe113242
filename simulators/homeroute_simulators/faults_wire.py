"""An older and a newer agent, as the broker would hear them: batches rewritten on their way.

Guarantees: MQTT packets stay whole, and a batch keeps its points in number, so
that the acknowledgement still fits what the device sent; the same batch becomes
the same batch each time it is sent. Does not: touch what the broker sends.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from typing import Any

from homeroute_wire.batch import frame, inflate, read_header
from homeroute_wire.dictionary import DICTIONARY_1
from homeroute_wire.topics import parse

Change = Callable[[dict[str, Any]], None]

_PUBLISH = 3

NEW_FIELD, NEW_MEASUREMENT = "noise_dbm", "health_plus"
"""What the newer agent says and this collector has never heard of."""

OPTIONAL = ("temperature_c", "undervoltage", "throttled", "clock_offset_ms", "accuracy_m")
"""What the older agent did not measure yet."""


def newer(document: dict[str, Any]) -> None:
    """A field more in every ``uplink`` point, and ``health`` under another name."""
    measurements = document["m"]
    if "uplink" in measurements:
        measurements["uplink"][NEW_FIELD] = [-95.5] * len(measurements["uplink"]["t"])
    if "health" in measurements:
        measurements[NEW_MEASUREMENT] = measurements.pop("health")


def older(document: dict[str, Any]) -> None:
    """Without the fields that came later."""
    for columns in document["m"].values():
        for name in OPTIONAL:
            columns.pop(name, None)


class Rewriter:
    """Takes what a device sends, in pieces as they come, and gives what goes on."""

    def __init__(self, change: Change) -> None:
        self._change = change
        self._pending = b""

    def __call__(self, chunk: bytes) -> bytes:
        """The whole packets so far, rewritten."""
        self._pending += chunk
        out = b""
        while (packet := self._packet()) is not None:
            head, body = packet
            if head >> 4 == _PUBLISH:
                body = self._publish(head, body)
            out += bytes([head]) + _length(len(body)) + body
        return out

    def _packet(self) -> tuple[int, bytes] | None:
        size, at = 0, 1
        while True:
            if at >= len(self._pending):
                return None
            byte = self._pending[at]
            size |= (byte & 0x7F) << 7 * (at - 1)
            at += 1
            if not byte & 0x80:
                break
        if len(self._pending) < at + size:
            return None
        head, body = self._pending[0], self._pending[at : at + size]
        self._pending = self._pending[at + size :]
        return head, body

    def _publish(self, head: int, body: bytes) -> bytes:
        end = 2 + int.from_bytes(body[:2], "big")
        address = parse(body[2:end].decode())
        if address is None or address.leaf != "batch":
            return body
        start = end + (2 if head & 0x06 else 0)  # QoS 1: a packet id
        return body[:start] + rewrite(body[start:], self._change)


def rewrite(payload: bytes, change: Change) -> bytes:
    """One batch, changed."""
    header = read_header(payload)
    document = json.loads(inflate(payload[payload.index(b"\n") + 1 :], header))
    change(document)
    text = json.dumps(document, separators=(",", ":")).encode()
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, DICTIONARY_1)
    return frame(header, deflate.compress(text) + deflate.flush())


def _length(size: int) -> bytes:
    out = b""
    while True:
        size, low = size >> 7, size & 0x7F
        out += bytes([low | (0x80 if size else 0)])
        if not size:
            return out
