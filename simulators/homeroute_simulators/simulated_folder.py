"""A data folder that a simulation fills, and the truth file beside it.

Guarantees: a simulation begins only in a folder that is new or empty, so that a real
district's passwords and archive are never touched; the folder says that its data are
simulated, in ``collector.toml``, which ``homeroute up --data`` reads; a truth is begun
only in a file that is not there yet. Does not: resume anything.
"""

from __future__ import annotations

from pathlib import Path

from homeroute_simulators.truth import Run, TruthError, read

SETTINGS_NAME = "collector.toml"

RETENTION_DAYS = 3_660
"""The longest there is: a simulated past may be old, and is to be seen all the same."""

SETTINGS = """\
# Written by `homeroute simulate`; `homeroute up --data` on this folder reads it.
district = "{district}"
data_dir = "."
simulated = true
timezone = "{timezone}"
retention_days = {retention}
"""


class FolderError(ValueError):
    """A folder or file that a simulation may not begin in: says which, and what to do."""


def check_vacant(folder: Path) -> None:
    """Raise :class:`FolderError` for a folder that is neither new nor empty; or OSError."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FolderError(
            f"{folder} is not empty, and a simulation is mixed with nothing; name a new folder"
        )


def mark(folder: Path, *, district: str, timezone: str) -> None:
    """Say in the folder that what it holds is simulated; twice changes nothing."""
    path = folder / SETTINGS_NAME
    if not path.exists():
        text = SETTINGS.format(district=district, timezone=timezone, retention=RETENTION_DAYS)
        path.write_text(text, encoding="utf-8")


def check_new_truth(truth: Path, data: Path | None) -> None:
    """Raise :class:`FolderError` where a truth cannot be begun without harm.

    ``data`` is the run's folder, which may not be there yet.
    """
    if truth.exists() or truth.is_symlink():
        raise FolderError(f"{truth} exists, and a truth overwrites nothing; name a new file")
    if not truth.parent.is_dir() and (data is None or truth.parent.absolute() != data.absolute()):
        raise FolderError(f"{truth}: there is no folder {truth.parent}")


def check_known_truth(truth: Path, *, kept_bytes: int, seed: int, district: str) -> None:
    """Raise :class:`FolderError` for a file that a history's truth cannot go on in.

    ``kept_bytes``: how much of it is known to be written; 0: it was hardly begun.
    """
    try:
        size = truth.stat().st_size
    except FileNotFoundError:
        if not kept_bytes:
            return
        raise FolderError(f"{truth} is gone: the truth cannot go on; give another --data") from None
    if not size and not kept_bytes:
        return
    try:
        first = next(read(truth), None)
    except TruthError:
        first = None
    known = isinstance(first, Run) and (first.seed, first.district, first.made_by) == (
        seed,
        district,
        "history",
    )
    if not known or size < kept_bytes:
        raise FolderError(
            f"{truth} is not the truth of this history, or not all of it; name that with --truth, "
            "or give another --data"
        )
