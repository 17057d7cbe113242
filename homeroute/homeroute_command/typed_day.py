"""Days as people type them after an option."""

from __future__ import annotations

import argparse
from datetime import date


def typed_day(text: str) -> date:
    """An option's day, in the words of argparse: usage, exit code 2."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day; want YYYY-MM-DD") from None
