"""`homeroute routes`: which trip a bus was driving, and why we believe so."""

from __future__ import annotations

import argparse

from homeroute_command import routes_explain, routes_match

DESCRIPTION = """\
Which trip a bus was driving, and why. The method is in docs/attribution.md.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command and what it can do."""
    parser = subparsers.add_parser(
        "routes", help="which trip a bus was driving, and why", description=DESCRIPTION
    )
    kinds = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    routes_explain.add_parser(kinds)
    routes_match.add_parser(kinds)
