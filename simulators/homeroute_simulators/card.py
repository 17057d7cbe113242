"""A device's memory card at one moment: what a power cut leaves of it, or a copy takes.

Guarantees: an image is what the files held at one moment, half a transaction or half
a checkpoint included; ``torn`` adds the beginning of one that was being written, as
a power cut does. Does not: forget what was already durable, as a card that lies would.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_SIDES = ("", "-wal")
READINGS = 200

_TORN = bytes(range(256)) * 9
"""Half a page of a frame that never became whole."""


@dataclass(frozen=True, slots=True)
class Card:
    """The card that holds the spool at ``path``."""

    path: Path

    def image(self) -> dict[str, bytes]:
        """Its bytes now, by the end of the file's name; empty when there is no spool yet."""
        # The agent has it locked for itself, so it cannot be asked to hold still. Two
        # readings that agree are one moment: each file stood still between its two.
        before = self._read()
        for _ in range(READINGS):
            now = self._read()
            if now == before:
                return now
            before = now
        raise TimeoutError(f"copy {self.path}: it never stands still")

    def _read(self) -> dict[str, bytes]:
        image = {}
        for side in _SIDES:
            with contextlib.suppress(FileNotFoundError):
                image[side] = self.path.with_name(self.path.name + side).read_bytes()
        return image

    def restore(self, image: Mapping[str, bytes], *, torn: bool = False) -> None:
        """Make the files what they were. Nobody may have them open."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        for side in (*_SIDES, "-shm"):
            file = self.path.with_name(self.path.name + side)
            if side not in image:
                file.unlink(missing_ok=True)
                continue
            body = image[side]
            file.write_bytes(body + _TORN if torn and side == "-wal" else body)
