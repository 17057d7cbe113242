"""The demonstration's data directory: found, claimed, made fresh or resumed.

Guarantees: nothing is ever deleted but a directory that carries the marker of a
demonstration and that no other demonstration is using. Does not: look inside.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from homeroute_command.failure import Failure

MARKER = "homeroute-demo.json"
DEFAULT_SEED = 7
DIRECTORIES = 9
"""Demonstrations at once without --data."""


@dataclass(slots=True)
class DemoFolder:
    """A claimed directory. ``days`` are the past school days filled so far."""

    path: Path
    seed: int
    days: list[date] = field(default_factory=list)

    def remember(self) -> None:
        """Write the marker, whole."""
        draft = self.path / (MARKER + ".new")
        document = {"seed": self.seed, "days": [day.isoformat() for day in self.days]}
        draft.write_text(json.dumps(document) + "\n", encoding="utf-8")
        draft.replace(self.path / MARKER)


def cache_directory() -> Path:
    """Where this user's programs keep what may be deleted."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "homeroute"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "homeroute"


@contextmanager
def fresh(cache: Path, seed: int | None) -> Iterator[DemoFolder]:
    """A directory of this user's cache, emptied; another one while it is in use."""
    with ExitStack() as held:
        path = _claim_one(cache, held)
        _empty(path)
        yield _new(path, seed)


def resumed(path: Path, seed: int | None) -> DemoFolder:
    """The directory named: a new or empty one, or an earlier demonstration's.

    That no other demonstration uses it is the broker's lock to say.
    """
    if (path / MARKER).is_file():
        return _known(path, seed)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise Failure(
            f"--data {path}: it is not empty and no demonstration's ({MARKER} is not in it); "
            "name a new directory",
            exit_code=2,
        )
    return _new(path, seed)


def _new(path: Path, seed: int | None) -> DemoFolder:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = DemoFolder(path, DEFAULT_SEED if seed is None else seed)
    folder.remember()
    return folder


def _known(path: Path, seed: int | None) -> DemoFolder:
    try:
        document = json.loads((path / MARKER).read_text(encoding="utf-8"))
        known, days = int(document["seed"]), [date.fromisoformat(d) for d in document["days"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Failure(f"read {path / MARKER}: {error}; name a new directory") from None
    if seed not in (None, known):
        raise Failure(
            f"--seed {seed}: {path} was begun with seed {known}; leave --seed out, or name a "
            "new directory",
            exit_code=2,
        )
    return DemoFolder(path, known, days)


def _empty(path: Path) -> None:
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    if not (path / MARKER).is_file():
        raise Failure(
            f"start afresh in {path}: it is no demonstration's ({MARKER} is not in it), so it is "
            "left alone; move it away, or give --data DIR"
        )
    shutil.rmtree(path)


def _claim_one(cache: Path, held: ExitStack) -> Path:
    cache.mkdir(parents=True, exist_ok=True)
    for number in range(1, DIRECTORIES + 1):
        name = "demo" if number == 1 else f"demo-{number}"
        lock = (cache / f"{name}.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        held.enter_context(lock)
        return cache / name
    raise Failure(
        f"{DIRECTORIES} demonstrations run already under {cache}; stop one, or give --data DIR"
    )
