"""`homeroute dashboards`: Grafana's, listed, exported, pushed; its evaluators; its mute timings."""

from __future__ import annotations

import argparse
from pathlib import Path

from homeroute_command import changing, dashboards_files, dashboards_push
from homeroute_command.failure import Failure
from homeroute_dashboards.grafana.mute_timings import MARGIN_MIN

DESCRIPTION = """\
Dashboards for a Grafana. docker compose provisions them by itself; these commands are for a
Grafana that you have. docs/deploy.md tells both ways.
"""

PUSH = """\
Compare with what is there and print what would change; with --apply, change it. Folders and
dashboards are found by uid; what is already right is not written, what is not ours is left
alone, nothing is deleted. Alert rules are files: see docs/deploy.md.
"""

SETUP = """\
Make the second organisation, Evaluators, which has the published aggregates and nothing
else: Grafana OSS has no permissions per data source. Doing it again changes nothing.
"""

MUTE = """\
Write the hours without school buses (nights, weekends, holidays, summer) as Grafana's mute
timing, from the calendar in the archive, for 400 days ahead. Do it after every import.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command and what it can do."""
    parser = subparsers.add_parser(
        "dashboards",
        help="Grafana's dashboards: list, export, push, mute timings",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    one = actions.add_parser("list", help="every dashboard, for whom it is, its uid")
    one.add_argument("--json", action="store_true", help="machine-readable")
    one = actions.add_parser("export", help="write their JSON into a folder")
    one.add_argument("folder", type=Path, metavar="DIR")
    _push(actions)
    _setup(actions)
    one = _raw(actions, "mute-timings", "hours without buses, from the calendar", MUTE)
    one.add_argument("--out", type=Path, metavar="FILE", help="default: standard output")
    one.add_argument(
        "--margin", type=int, default=MARGIN_MIN, metavar="MIN",
        help=f"minutes around a day's trips in which alerts are told; default: {MARGIN_MIN}",
    )  # fmt: skip
    changing.add_arguments(one)
    parser.set_defaults(run=run)


def _push(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    one = _raw(actions, "push", "put them into a Grafana that is there", PUSH)
    one.add_argument("--url", required=True, help="Grafana's address, with its path")
    one.add_argument(
        "--token-file", type=Path, required=True, metavar="FILE",
        help="a service account's token, role Editor",
    )  # fmt: skip
    one.add_argument(
        "--datasource", action="append", default=[], metavar="NAME=UID",
        help="uid there of `telemetry` or `reporting`; default: homeroute-NAME",
    )  # fmt: skip
    one.add_argument("--folder-prefix", default="", metavar="TEXT", help="before folders' titles")
    one.add_argument(
        "--audience", choices=("all", "staff", "evaluators"), default="all",
        help="only those dashboards; default: all",
    )  # fmt: skip
    one.add_argument("--apply", action="store_true", help="do it; without, only say it")
    one.add_argument("--json", action="store_true", help="machine-readable")


def _setup(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    one = _raw(actions, "setup", "make the evaluators' organisation", SETUP)
    one.add_argument("--url", required=True, help="Grafana's address, with its path")
    one.add_argument("--user", default="admin", help="Grafana's admin; default: admin")
    one.add_argument("--password-file", type=Path, required=True, metavar="FILE")
    one.add_argument("--influx-url", required=True, metavar="URL", help="as Grafana reaches it")
    one.add_argument(
        "--reporting-token-file", type=Path, required=True, metavar="FILE",
        help="an InfluxDB token that may read `reporting` and no more",
    )  # fmt: skip
    one.add_argument("--json", action="store_true", help="machine-readable")


def _raw(
    actions: argparse._SubParsersAction[argparse.ArgumentParser], name: str, said: str, text: str
) -> argparse.ArgumentParser:
    return actions.add_parser(
        name, help=said, description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def run(args: argparse.Namespace) -> int:
    """Do what was asked; raises :class:`Failure`."""
    if args.action == "push":
        return dashboards_push.push(args)
    if args.action == "setup":
        return dashboards_push.setup(args)
    work = {
        "list": dashboards_files.show,
        "export": dashboards_files.export,
        "mute-timings": dashboards_files.mute_timings,
    }[args.action]
    try:
        return work(args)
    except OSError as error:
        name = error.filename or args.action
        raise Failure(f"write {name}: {error.strerror or error}", exit_code=2) from None
