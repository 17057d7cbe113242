"""Which zone a district's days and hours are of, and how that is said.

Guarantees: a zone that nobody has named is never told as if somebody had.
"""

from __future__ import annotations

import os
from pathlib import Path
from zoneinfo import ZoneInfo

ASSUMED = "which is this machine's: nobody has named the district's"


def zone_words(timezone: str, *, assumed: bool) -> str:
    """The zone in words, to stand after "times are"."""
    return f"{timezone}, {ASSUMED}" if assumed else timezone


def system_timezone(root: Path = Path("/")) -> str:
    """This machine's IANA zone; UTC where it cannot be told."""
    candidates = [os.environ.get("TZ", "").removeprefix(":")]
    try:
        candidates.append((root / "etc/timezone").read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError):
        pass  # macOS and Red Hat have only the link
    link = (root / "etc/localtime").resolve()
    candidates.append(str(link).partition("zoneinfo/")[2])
    for name in candidates:
        try:
            return ZoneInfo(name).key
        except (KeyError, ValueError, OSError):
            continue
    return "UTC"
