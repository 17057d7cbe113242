"""Which world a simulation runs in: a founded one, or one over a GTFS feed.

Guarantees: what is wrong with a feed is said in one line that names the zip, and the
file in it. Does not: remember which feed a folder was begun with.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

from homeroute_analytics.feeds.problems import FeedError
from homeroute_command.failure import Failure
from homeroute_simulators.gtfs_world import world_from_gtfs
from homeroute_simulators.world import World, world


def add_gtfs(parser: argparse.ArgumentParser) -> None:
    """Declare ``--gtfs``."""
    parser.add_argument(
        "--gtfs",
        type=Path,
        metavar="FEED.zip",
        help="roads and timetable of a real feed; riders and radio stay simulated",
    )


def place(feed: Path | None, *, seed: int, buses: int | None) -> World:
    """The world. Of a feed ``buses`` is the most there are; None: as many as it needs.

    Raises :class:`Failure` for a feed that cannot be read.
    """
    if feed is None:
        return world(seed) if buses is None else world(seed, buses=buses)
    try:
        found = world_from_gtfs(feed.expanduser(), seed, buses=buses)
    except FeedError as error:
        text = str(error).removeprefix(f"{feed}: ")
        raise Failure(f"read {feed}: {text}", exit_code=2) from None
    except OSError as error:
        raise Failure(f"read {feed}: {error.strerror or error}", exit_code=2) from None
    if left_out := found.district.left_out:
        trips = len(found.district.trips)
        print(
            f"homeroute: {trips} of the feed's {trips + left_out} trips are driven; the other "
            f"{left_out} need more buses",
            file=sys.stderr,
        )
    return found


def fingerprint(feed: Path) -> str:
    """What tells one feed from another: SHA-256 of the file, in hex. Raises :class:`Failure`."""
    try:
        with feed.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Failure(f"read {feed}: {error.strerror or error}", exit_code=2) from None
