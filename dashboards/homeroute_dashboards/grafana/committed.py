"""The dashboards as they are committed and installed: what is sent, listed and exported.

Guarantees: the very files that Grafana's provisioning reads; building them anew needs
a tool that only developers have. Does not: change one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Audience = Literal["staff", "evaluators"]

_INSTALLED = Path(__file__).parent / "dashboards"
_CLONED = Path(__file__).parents[2] / "grafana" / "dashboards"

OURS = "homeroute"
"""The tag of every dashboard of ours: one without it is somebody else's."""


@dataclass(frozen=True, slots=True)
class Committed:
    """One file: whom it is for, its folder in Grafana (empty: none), and what it holds."""

    path: str
    audience: Audience
    folder: str
    text: str

    @property
    def json(self) -> dict[str, Any]:
        """The dashboard, read anew."""
        held: dict[str, Any] = json.loads(self.text)
        return held

    @property
    def uid(self) -> str:
        """Its name in links."""
        return str(self.json["uid"])

    @property
    def title(self) -> str:
        """What people call it."""
        return str(self.json["title"])


def committed(*audiences: Audience) -> list[Committed]:
    """All of them, by path; those for ``audiences`` when some are named."""
    folder = _INSTALLED if _INSTALLED.is_dir() else _CLONED
    found = []
    for path in sorted(folder.rglob("*.json"), key=lambda path: ("evaluators" in path.parts, path)):
        place = path.relative_to(folder)
        audience: Audience = "evaluators" if place.parts[0] == "evaluators" else "staff"
        if not audiences or audience in audiences:
            within = place.parts[1] if len(place.parts) > 2 else ""
            text = path.read_text(encoding="utf-8")
            found.append(Committed(place.as_posix(), audience, within, text))
    return found
