"""A stand-in for Grafana's HTTP API on loopback, for there is no Grafana to run here.

As Grafana 12 documents and implements it: bearer tokens of one organisation with a role, an
admin by password who is in every organisation he makes (X-Grafana-Org-Id says which is
meant), 401/403/404/409/412 with its own words, versions counted by the server, numbers and
defaults of its own put into what is saved. Only what Homeroute asks.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

Json = dict[str, Any]
Answer = tuple[int, Any]


@dataclass
class Organisation:
    """What one organisation holds."""

    number: int
    name: str
    dashboards: dict[str, Json] = field(default_factory=dict)  # uid -> {dashboard, folderUid, ..}
    folders: dict[str, str] = field(default_factory=dict)
    datasources: dict[str, Json] = field(default_factory=dict)


@dataclass
class FakeGrafana:
    """Its state, and who may do what. ``tokens``: role by token, all of organisation 1."""

    url: str = ""
    password: str = "secret-of-admin"
    tokens: dict[str, str] = field(default_factory=lambda: {"editor": "Editor", "viewer": "Viewer"})
    organisations: dict[int, Organisation] = field(
        default_factory=lambda: {1: Organisation(1, "Main Org.")}
    )
    asked: list[tuple[str, str]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 10_000)))

    @property
    def main(self) -> Organisation:
        return self.organisations[1]

    @property
    def writes(self) -> list[tuple[str, str]]:
        return [one for one in self.asked if one[0] != "GET"]

    def answer(self, method: str, target: str, headers: Any, body: Json) -> Answer:
        """What Grafana would say."""
        parts = urlsplit(target)
        self.asked.append((method, parts.path))
        if parts.path == "/api/health":
            return 200, {"database": "ok", "version": "12.3.1"}
        role, org = self._who(headers)
        if role is None:
            return 401, {"message": "Invalid username or password"}
        if org is None:
            return 403, {"message": "You do not have permission to this organization"}
        for wanted, pattern, work, least in ROUTES:
            match = re.fullmatch(pattern, parts.path)
            if match and wanted == method:
                if RANKS.index(role) < RANKS.index(least):
                    return 403, {"message": f"You'll need additional permissions: {work.__name__}"}
                words = [unquote(word) for word in match.groups()]
                return work(self, org, *words, body=body, query=parse_qs(parts.query))
        return 404, {"message": "Not found"}

    def _who(self, headers: Any) -> tuple[str | None, Organisation | None]:
        kind, _, secret = (headers.get("Authorization") or "").partition(" ")
        if kind == "Bearer":
            return self.tokens.get(secret), self.main
        if kind == "Basic" and base64.b64decode(secret).decode() == f"admin:{self.password}":
            number = int(headers.get("X-Grafana-Org-Id") or 1)
            return "Grafana Admin", self.organisations.get(number)
        return None, None

    def read_dashboard(self, org: Organisation, uid: str, **_: Any) -> Answer:
        held = org.dashboards.get(uid)
        if held is None:
            return 404, {"message": "Dashboard not found"}
        meta = {
            "folderUid": held["folderUid"],
            "version": held["dashboard"]["version"],
            "provisioned": held.get("provisioned", False),
        }
        return 200, {"dashboard": held["dashboard"], "meta": meta}

    def save_dashboard(self, org: Organisation, *, body: Json, **_: Any) -> Answer:
        wanted, folder = dict(body["dashboard"]), body.get("folderUid", "")
        if not wanted.get("title"):
            return 400, {"message": "Dashboard title cannot be empty", "status": "empty-name"}
        if folder and folder not in org.folders:
            return 400, {"message": "folder not found", "status": "not-found"}
        uid = wanted["uid"]
        held = org.dashboards.get(uid)
        if held is not None and held.get("provisioned"):
            return 400, {"message": "Cannot save provisioned dashboard"}
        if held is None and wanted.get("id"):
            return 404, {"message": "Dashboard not found", "status": "not-found"}
        if held is not None and not body.get("overwrite"):
            if wanted.get("id") != held["dashboard"]["id"]:
                said = "A dashboard with the same uid already exists"
                return 400, {"message": said}
            if wanted.get("version") != held["dashboard"]["version"]:
                said = "The dashboard has been changed by someone else"
                return 412, {"message": said, "status": "version-mismatch"}
        before = held["dashboard"] if held else {"id": next(self.numbers), "version": 0}
        wanted |= {"id": before["id"], "version": before["version"] + 1}
        org.dashboards[uid] = {"dashboard": wanted, "folderUid": folder, "said": body["message"]}
        return 200, {"uid": uid, "id": wanted["id"], "version": wanted["version"],
                     "status": "success"}  # fmt: skip

    def search(self, org: Organisation, *, query: dict[str, list[str]], **_: Any) -> Answer:
        tags = set(query.get("tag", ()))
        found = [
            {"uid": uid, "title": held["dashboard"]["title"], "type": "dash-db"}
            for uid, held in org.dashboards.items()
            if tags <= set(held["dashboard"].get("tags", ()))
        ]
        return 200, found

    def list_folders(self, org: Organisation, **_: Any) -> Answer:
        return 200, [{"uid": uid, "title": title} for uid, title in org.folders.items()]

    def create_folder(self, org: Organisation, *, body: Json, **_: Any) -> Answer:
        if body["uid"] in org.folders or body["title"] in org.folders.values():
            return 409, {"message": "a folder with the same name already exists"}
        org.folders[body["uid"]] = body["title"]
        return 200, body

    def read_datasource(self, org: Organisation, uid: str, **_: Any) -> Answer:
        held = org.datasources.get(uid)
        if held is None:
            return 404, {"message": "Data source not found"}
        shown = {key: value for key, value in held.items() if key != "secureJsonData"}
        secrets = held.get("secureJsonData", {})
        return 200, shown | {"secureJsonFields": dict.fromkeys(secrets, True)}

    def create_datasource(self, org: Organisation, *, body: Json, **_: Any) -> Answer:
        names = {held["name"] for held in org.datasources.values()}
        if body["uid"] in org.datasources or body["name"] in names:
            return 409, {"message": "data source with the same name already exists"}
        org.datasources[body["uid"]] = body
        return 200, {"message": "Datasource added", "datasource": body}

    def update_datasource(self, org: Organisation, uid: str, *, body: Json, **_: Any) -> Answer:
        if uid not in org.datasources:
            return 404, {"message": "Data source not found"}
        org.datasources[uid] = body
        return 200, {"message": "Datasource updated"}

    def find_organisation(self, _org: Organisation, name: str, **_: Any) -> Answer:
        for org in self.organisations.values():
            if org.name == name:
                return 200, {"id": org.number, "name": name}
        return 404, {"message": "Organization not found"}

    def create_organisation(self, _org: Organisation, *, body: Json, **_: Any) -> Answer:
        if any(org.name == body["name"] for org in self.organisations.values()):
            return 409, {"message": "Organization name taken"}
        number = max(self.organisations) + 1
        self.organisations[number] = Organisation(number, body["name"])
        return 200, {"orgId": number, "message": "Organization created"}


RANKS = ("Viewer", "Editor", "Admin", "Grafana Admin")
ROUTES = (
    ("GET", r"/api/dashboards/uid/([^/]+)", FakeGrafana.read_dashboard, "Viewer"),
    ("POST", r"/api/dashboards/db", FakeGrafana.save_dashboard, "Editor"),
    ("GET", r"/api/search", FakeGrafana.search, "Viewer"),
    ("GET", r"/api/folders", FakeGrafana.list_folders, "Viewer"),
    ("POST", r"/api/folders", FakeGrafana.create_folder, "Editor"),
    ("GET", r"/api/datasources/uid/([^/]+)", FakeGrafana.read_datasource, "Admin"),
    ("POST", r"/api/datasources", FakeGrafana.create_datasource, "Admin"),
    ("PUT", r"/api/datasources/uid/([^/]+)", FakeGrafana.update_datasource, "Admin"),
    ("GET", r"/api/orgs/name/([^/]+)", FakeGrafana.find_organisation, "Grafana Admin"),
    ("POST", r"/api/orgs", FakeGrafana.create_organisation, "Grafana Admin"),
)


@contextmanager
def fake_grafana(prefix: str = "") -> Iterator[FakeGrafana]:
    """One that listens on loopback until the end of the block, below the path ``prefix``."""
    grafana = FakeGrafana()

    class Asked(BaseHTTPRequestHandler):
        def _do(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size) or b"{}")
            if not self.path.startswith(prefix):
                status, said = 404, {"message": "Not found"}
            else:
                target = self.path.removeprefix(prefix)
                status, said = grafana.answer(self.command, target, self.headers, body)
            text = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_DELETE = _do  # noqa: N815 - the base class calls them so

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Asked)
    grafana.url = f"http://127.0.0.1:{server.server_port}{prefix}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="fake Grafana")
    thread.start()
    try:
        yield grafana
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
