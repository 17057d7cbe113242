"""`homeroute simulate`: a district without hardware, that knows the truth."""

from __future__ import annotations

import argparse

from homeroute_command import (
    simulate_fleet,
    simulate_history,
    simulate_load,
    simulate_score,
    simulate_timetable,
)

DESCRIPTION = """\
A district without hardware: to see what Homeroute reports before buying a router,
to test every number it prints, and to know what a machine can carry.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command and what it can simulate."""
    parser = subparsers.add_parser(
        "simulate",
        help="a district without hardware, that knows the truth",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = parser.add_subparsers(dest="simulated", metavar="WHAT", required=True)
    for module in (
        simulate_fleet,
        simulate_load,
        simulate_history,
        simulate_score,
        simulate_timetable,
    ):
        module.add_parser(kinds)
