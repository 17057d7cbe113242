"""A dashboard: its folder, its variables, its links, and panels in reading order.

Guarantees: panels flow left to right and top to bottom without overlapping, with
ids of their own; nobody edits it in place; a dashboard in *Evaluators* can only ask
``reporting``, or building it fails. Does not: write files.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog import builder as cog
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as sdk

from homeroute_dashboards.grafana.dataquery import RawInfluxQL
from homeroute_dashboards.grafana.influxql import REPORTING
from homeroute_dashboards.grafana.panels import Board

WIDTH = 24


class Folder(StrEnum):
    """For whom a dashboard is. The home list stands in none."""

    HOME = ""
    DIRECTORS = "Directors"
    ENGINEERS = "Engineers"
    EVALUATORS = "Evaluators"


class WrongAudience(ValueError):
    """A dashboard for evaluators that asks for what is not published."""


@dataclass(frozen=True, slots=True)
class Built:
    """A dashboard as it is committed: its folder and its JSON."""

    folder: Folder
    uid: str
    json: dict[str, Any]

    @property
    def path(self) -> str:
        """Where its file stands, relative to the folder of dashboards."""
        place = "evaluators" if self.folder is Folder.EVALUATORS else "staff"
        parts = (place, str(self.folder), f"{self.uid.removeprefix('homeroute-')}.json")
        return "/".join(part for part in parts if part)

    @property
    def text(self) -> str:
        """The file."""
        return json.dumps(self.json, indent=2, ensure_ascii=False) + "\n"


def board(
    folder: Folder,
    uid: str,
    title: str,
    description: str,
    panels: Sequence[Board],
    *,
    variables: Sequence[Any] = (),
    annotations: Sequence[Any] = (),
    since: str = "now-28d/d",
    refresh: str = "5m",
) -> Built:
    """The dashboard of that uid. Raises :class:`WrongAudience`."""
    none: list[cog.Builder[sdk.DashboardLink]] = []
    builder = (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags(["homeroute", *([folder.lower()] if folder else [])])
        .readonly()
        .timezone("browser")
        .tooltip(sdk.DashboardCursorSync.CROSSHAIR)
        .time(since, "now")
        .refresh(refresh)
        .variables(list(variables))
        .annotations(list(annotations))
        .links(_links(uid) if folder else none)
    )
    x = y = tallest = 0
    for number, panel in enumerate(panels, 1):
        made: sdk.Panel = panel.id(number).build()
        if folder is Folder.EVALUATORS:
            _published_only(title, made)
        place = made.grid_pos or sdk.GridPos()
        if x + place.w > WIDTH:
            x, y, tallest = 0, y + tallest, 0
        panel.grid_pos(sdk.GridPos(h=place.h, w=place.w, x=x, y=y))
        x, tallest = x + place.w, max(tallest, place.h)
        builder.with_panel(panel)
    made_json = json.loads(json.dumps(builder.build(), cls=JSONEncoder))
    for variable in made_json.get("templating", {}).get("list", []):
        if folder is Folder.EVALUATORS and variable["datasource"]["uid"] != REPORTING.uid:
            raise WrongAudience(f"{title}: ${variable['name']} does not ask {REPORTING.name}")
    return Built(folder, uid, made_json)


def _published_only(title: str, panel: sdk.Panel) -> None:
    for target in panel.targets or []:
        if isinstance(target, RawInfluxQL) and target.query.database is not REPORTING:
            raise WrongAudience(
                f"{title}: {panel.title!r} asks {target.query.database.name}; evaluators have "
                f"{REPORTING.name} alone"
            )


def _links(uid: str) -> list[cog.Builder[sdk.DashboardLink]]:
    home = dashboard.DashboardLink("All dashboards").type(sdk.DashboardLinkType.LINK)
    home.url("/d/homeroute-home").icon("apps").tooltip("The home list")
    paper = dashboard.DashboardLink("For paper").type(sdk.DashboardLinkType.LINK)
    paper.url(f"/d/{uid}?theme=light&kiosk").icon("doc").keep_time(True).include_vars(True)
    paper.tooltip("Light, without menus: print this").target_blank(True)
    return [home, paper]
