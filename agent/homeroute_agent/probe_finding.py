"""What was found out about one sampler, and how it is put into words and TOML."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from homeroute_wire.schema import Measurement


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about one sampler.

    ``reason`` says why it does not work, ``remedy`` how to change that; both are
    empty when it does. ``section`` is its part of a configuration, in TOML.
    """

    sampler: str
    works: bool
    sample: Measurement | None = None
    note: str = ""
    reason: str = ""
    remedy: str = ""
    section: str = ""

    def document(self) -> dict[str, Any]:
        """As JSON."""
        found = dataclasses.asdict(self)
        if self.sample is not None:
            found["sample"] = {"measurement": self.sample.NAME, **dataclasses.asdict(self.sample)}
        return found


def lacking(sampler: str, reason: str, remedy: str = "") -> Finding:
    """A sampler that does not work, why, and what to do about it."""
    return Finding(sampler, works=False, reason=reason, remedy=remedy)


def toml(head: str, values: Mapping[str, Any]) -> str:
    """One table of a configuration. Values are texts, numbers and lists of texts."""
    # A JSON string, number or list of strings is TOML too.
    rows = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    return "\n".join([head, *rows])


def read(path: Path) -> str:
    """A small file's text; nothing where there is none, or none for us."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
