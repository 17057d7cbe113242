"""The small messages beside the batch: acknowledgement, birth and death.

Each is one JSON object. Decoders are strict about what they need, ignore what
they do not know (a newer peer may say more), and raise ValueError.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

MESSAGE_BOUND = 65_536
"""Bytes of a message; a longer one is not read."""

_STREAM = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one batch: how many points were stored and refused."""

    stream: str
    seq: int
    stored: int
    refused: int


@dataclass(frozen=True, slots=True)
class Ack:
    """Collector to device.

    ``receipts`` name exactly the batches that are committed: the device deletes
    those and no others. ``held`` names batches the collector has *not* kept and
    cannot keep now (this device's refusals have reached their bound): try them
    later, and not in place of others. ``clock_ms`` is the collector's clock, or
    None while it does not trust it. An Ack with neither receipts nor holds is a
    hello: the answer to a birth.
    """

    receipts: tuple[Receipt, ...] = ()
    held: tuple[tuple[str, int], ...] = ()
    clock_ms: int | None = None

    def encode(self) -> bytes:
        """As JSON."""
        return _dump(
            {
                "acks": [[r.stream, r.seq, r.stored, r.refused] for r in self.receipts],
                "held": [list(pair) for pair in self.held],
                "clock_ms": self.clock_ms,
            }
        )

    @classmethod
    def decode(cls, payload: bytes) -> Ack:
        """From JSON; ValueError when it is not an acknowledgement."""
        document = _load(payload)
        try:
            receipts = tuple(
                Receipt(_stream(s), _count(seq), _count(stored), _count(refused))
                for s, seq, stored, refused in document["acks"]
            )
            held = tuple((_stream(s), _count(seq)) for s, seq in document.get("held", ()))
            clock = document.get("clock_ms")
            return cls(receipts, held, None if clock is None else _count(clock))
        except (KeyError, TypeError) as error:
            raise ValueError(f"not an acknowledgement: {error!r}") from None


@dataclass(frozen=True, slots=True)
class Status:
    """Device to collector, retained: the birth, and (as the Will) the death.

    A death belongs to the agent run named by ``stream``; one of an older run is
    to be ignored.
    """

    state: Literal["online", "offline"]
    stream: str
    kind: str = ""
    version: str = ""
    wire: str = ""
    config_version: int = 0
    batch_s: float = 60.0

    def encode(self) -> bytes:
        """As JSON."""
        known = {
            "state": self.state,
            "stream": self.stream,
            "kind": self.kind,
            "version": self.version,
            "wire": self.wire,
            "config_version": self.config_version,
            "batch_s": self.batch_s,
        }
        return _dump(
            known if self.state == "online" else {"state": self.state, "stream": self.stream}
        )

    @classmethod
    def decode(cls, payload: bytes) -> Status:
        """From JSON; ValueError when it is neither a birth nor a death."""
        document = _load(payload)
        state = document.get("state")
        if state not in ("online", "offline"):
            raise ValueError("status has no state")
        batch_s = document.get("batch_s", 60.0)
        if type(batch_s) not in (int, float) or not 0.1 <= batch_s <= 86_400:
            raise ValueError("status has an impossible batch_s")
        return cls(
            state=state,
            stream=_stream(document.get("stream")),
            kind=_text(document.get("kind", "")),
            version=_text(document.get("version", "")),
            wire=_text(document.get("wire", "")),
            config_version=_count(document.get("config_version", 0)),
            batch_s=float(batch_s),
        )


def _dump(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _load(payload: bytes) -> dict[str, Any]:
    if len(payload) > MESSAGE_BOUND:
        raise ValueError(f"message of {len(payload)} bytes exceeds {MESSAGE_BOUND}")
    try:
        document = json.loads(payload)
    except RecursionError:
        raise ValueError("message is nested too deeply") from None
    if not isinstance(document, dict):
        raise ValueError("message is no JSON object")
    return document


def _stream(value: object) -> str:
    if not isinstance(value, str) or not _STREAM.fullmatch(value):
        raise ValueError("no stream of 16 hex digits")
    return value


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**53:
        raise ValueError("not a whole number from 0")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > 64 or not value.isprintable():
        raise ValueError("not a short printable text")
    return value
