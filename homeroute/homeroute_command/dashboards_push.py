"""`homeroute dashboards push|setup`: what changes a Grafana that is there."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homeroute_command.failure import Failure
from homeroute_dashboards.grafana import pushing
from homeroute_dashboards.grafana.committed import committed
from homeroute_dashboards.grafana.pushing import SOURCES, Plan

if TYPE_CHECKING:
    from homeroute_dashboards.grafana.server import Server

SECRET_BOUND = 4_096


def push(args: argparse.Namespace) -> int:
    """Plan, print, and with ``--apply`` do it."""
    sources = _sources(args.datasource)
    held = committed() if args.audience == "all" else committed(args.audience)
    server = _server(args.url, _secret(args.token_file))
    from homeroute_dashboards.grafana.server import Refused

    try:
        made = pushing.plan(server, held, sources=sources, prefix=args.folder_prefix)
        absent = _absent(server, held, sources)
        if args.apply and absent:
            raise Failure(
                f"no data source {' or '.join(absent)} in {args.url}: make it, or say its uid with "
                "--datasource NAME=UID",
                exit_code=2,
            )
        if args.apply:
            pushing.apply(server, made, message=_message())
    except Refused as refused:
        raise Failure(str(refused)) from None
    _say(args, made, absent)
    return 0


def setup(args: argparse.Namespace) -> int:
    """Make the evaluators' organisation what it should be."""
    _server(args.url, "")
    from homeroute_dashboards.grafana.evaluators_place import ORGANISATION, Source, settle
    from homeroute_dashboards.grafana.server import Refused

    source = Source(args.influx_url, _secret(args.reporting_token_file))
    credential = (args.user, _secret(args.password_file))
    try:
        outcome = settle(args.url, credential, source, message=_message())
    except Refused as refused:
        raise Failure(str(refused)) from None
    if args.json:
        print(json.dumps(asdict(outcome) | {"plan": _document(outcome.plan)}))
        return 0
    print(f"organisation {ORGANISATION}: {'created' if outcome.created else 'there'}")
    print(f"data source homeroute-reporting: {outcome.datasource}")
    print("\n".join(_lines(outcome.plan)))
    print(f"open {args.url.rstrip('/')}/?orgId={outcome.number}; invite evaluators there")
    return 0


def _server(url: str, credential: str) -> Server:
    try:
        from homeroute_dashboards.grafana.server import Server as Real
    except ModuleNotFoundError as error:
        raise Failure(
            f"{error.name} is not installed: install Homeroute with its extra `grafana`",
            exit_code=2,
        ) from None
    try:
        return Real(url, credential)
    except ValueError as error:
        raise Failure(f"--url {error}", exit_code=2) from None


def _sources(given: Sequence[str]) -> dict[str, str]:
    sources = {}
    for word in given:
        name, _, uid = word.partition("=")
        if name not in SOURCES or not uid:
            known = " or ".join(SOURCES)
            raise Failure(f"--datasource {word}: want NAME=UID, NAME {known}", exit_code=2)
        sources[name] = uid
    return sources


def _secret(path: Path) -> str:
    try:
        with path.expanduser().open(encoding="utf-8") as file:
            text = file.read(SECRET_BOUND).strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise Failure(f"read {path}: {reason}", exit_code=2) from None
    if not text or not text.isprintable():
        raise Failure(f"read {path}: want a secret on one line", exit_code=2)
    return text


def _absent(server: Server, held: Any, sources: dict[str, str]) -> list[str]:
    from homeroute_dashboards.grafana.server import Refused

    try:
        return pushing.missing(server, held, sources)
    except Refused as refused:
        if refused.status == 403:  # an Editor need not be let see data sources
            return []
        raise


def _message() -> str:
    return f"homeroute {version('homeroute')}"


def _document(made: Plan) -> dict[str, Any]:
    keys = ("action", "what", "uid", "title", "why", "folder_uid")
    steps = [{key: getattr(step, key) for key in keys} for step in made.steps]
    return {"steps": steps, "notes": list(made.notes)}


def _lines(made: Plan) -> list[str]:
    verbs = {"create": "+", "update": "~", "keep": " ", "leave": "!"}
    lines = [
        f"{verbs[step.action]} {step.what:<9} {step.title} ({step.uid})"
        + (f": {step.why}" if step.why else "")
        for step in made.steps
    ]
    return [*lines, *made.notes]


def _say(args: argparse.Namespace, made: Plan, absent: list[str]) -> None:
    if args.json:
        told = {"applied": args.apply, "missing_datasources": absent}
        print(json.dumps(_document(made) | told))
        return
    print("\n".join(_lines(made)))
    for uid in absent:
        print(f"no data source {uid} there yet: --datasource NAME=UID says what it is called")
    count = len(made.changes)
    if not count:
        print("nothing to do")
    elif args.apply:
        print(f"{count} written")
    else:
        print(f"{count} to write; add --apply to do it")
