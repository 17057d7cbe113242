"""What to change in an existing Grafana so that it has these dashboards, and doing it.

Guarantees: what is there already as it should be is not written; a dashboard of that
uid which is not ours, or which Grafana reads from its own files, is left alone and
said; nothing is deleted, and nothing that somebody saved since the plan is overwritten.
Does not: make data sources (it is told their uids), or put alerts into a Grafana that
has its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from homeroute_dashboards.grafana.committed import OURS, Committed

Json = dict[str, Any]
Action = Literal["create", "update", "keep", "leave"]

SOURCES = ("telemetry", "reporting")
"""Data sources that dashboards name, as ``homeroute-NAME``."""


class Grafana(Protocol):
    """What is asked of :class:`homeroute_dashboards.grafana.server.Server`."""

    def dashboard(self, uid: str) -> Json | None:
        """A dashboard and its ``meta``."""

    def folders(self) -> dict[str, str]:
        """Title by uid."""

    def ours(self, tag: str) -> list[Json]:
        """Dashboards with that tag."""

    def datasource(self, uid: str) -> Json | None:
        """A data source."""

    def create_folder(self, uid: str, title: str) -> None:
        """A new folder."""

    def save(self, dashboard: Json, folder_uid: str, message: str) -> None:
        """Create or replace a dashboard."""


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of one folder or dashboard. ``dashboard``: as it would be saved."""

    action: Action
    what: Literal["folder", "dashboard"]
    uid: str
    title: str
    why: str = ""
    folder_uid: str = ""
    dashboard: Json | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Every step, in order, and what a person should know of."""

    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()

    @property
    def changes(self) -> tuple[Step, ...]:
        """What applying it would write."""
        return tuple(step for step in self.steps if step.action in ("create", "update"))


def plan(
    grafana: Grafana,
    dashboards: Sequence[Committed],
    *,
    sources: Mapping[str, str],
    prefix: str = "",
) -> Plan:
    """Compare, and change nothing. ``sources``: data sources' uids there, by our name."""
    there = grafana.folders()
    folders: dict[str, str] = {"": ""}
    steps: list[Step] = []
    for name in sorted({held.folder for held in dashboards} - {""}):
        title, uid = f"{prefix}{name}", f"homeroute-{name.lower()}"
        same = next((one for one, called in there.items() if called == title), None)
        folders[name] = uid if uid in there else same or uid
        action: Action = "keep" if folders[name] in there else "create"
        steps.append(Step(action, "folder", folders[name], there.get(folders[name], title)))
    for held in dashboards:
        wanted = mapped(held.json, sources)
        steps.append(_step(grafana.dashboard(held.uid), wanted, folders[held.folder]))
    known = {held.uid for held in dashboards}
    notes = [
        f"{one['uid']} ({one['title']}) has our tag and is none of these: left there"
        for one in grafana.ours(OURS)
        if one["uid"] not in known and str(one["uid"]).startswith("homeroute-")
    ]
    return Plan(tuple(steps), tuple(notes))


def _step(theirs: Json | None, wanted: Json, folder_uid: str) -> Step:
    def step(action: Action, why: str = "", dashboard: Json | None = None) -> Step:
        return Step(action, "dashboard", wanted["uid"], wanted["title"], why, folder_uid, dashboard)

    if theirs is None:
        return step("create", dashboard={**wanted, "id": None, "version": 0})
    held, meta = theirs["dashboard"], theirs.get("meta", {})
    if OURS not in held.get("tags", ()):
        return step("leave", "a dashboard of that uid is there, and without our tag")
    if meta.get("provisioned"):
        return step("leave", "Grafana reads it from a file of its own")
    moved = (meta.get("folderUid") or "") != folder_uid
    if compared(held) == compared(wanted) and not moved:
        return step("keep")
    why = "another folder" if moved else "its contents differ"
    number = {"id": held.get("id"), "version": held.get("version", 0)}
    return step("update", why, {**wanted, **number})


def apply(grafana: Grafana, made: Plan, *, message: str) -> None:
    """Do what the plan says. Stops at the first refusal; done again, it goes on from there."""
    for step in made.changes:
        if step.what == "folder":
            grafana.create_folder(step.uid, step.title)
        elif step.dashboard is not None:
            grafana.save(step.dashboard, step.folder_uid, message)


def compared(dashboard: Json) -> Json:
    """A dashboard without what Grafana numbers anew with every save."""
    return {key: value for key, value in dashboard.items() if key not in ("id", "version")}


def mapped(dashboard: Json, sources: Mapping[str, str]) -> Json:
    """The dashboard with its data sources called as they are there."""
    renamed = {f"homeroute-{name}": uid for name, uid in sources.items()}

    def walk(node: Any, key: str = "") -> Any:
        if isinstance(node, dict):
            source = key == "datasource" and node.get("uid") in renamed
            inner = {name: walk(value, name) for name, value in node.items()}
            return {**inner, "uid": renamed[node["uid"]]} if source else inner
        if isinstance(node, list):
            return [walk(value) for value in node]
        return node

    walked: Json = walk(dashboard)
    return walked


def missing(
    grafana: Grafana, dashboards: Sequence[Committed], sources: Mapping[str, str]
) -> list[str]:
    """Uids of data sources that these dashboards ask and that are not there."""
    text = "".join(held.text for held in dashboards)
    asked = [name for name in SOURCES if f'"homeroute-{name}"' in text]
    uids = [sources.get(name, f"homeroute-{name}") for name in asked]
    return [uid for uid in uids if grafana.datasource(uid) is None]
