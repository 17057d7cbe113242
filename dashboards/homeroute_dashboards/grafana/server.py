"""An existing Grafana, asked through grafana-client: only what is needed of it.

Guarantees: every answer but a good one is a :class:`Refused` that says what was asked and
what to do; nothing is ever deleted. Does not: decide what to change
(:mod:`homeroute_dashboards.grafana.pushing`), or log a secret.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from grafana_client import GrafanaApi
from grafana_client.client import GrafanaException

Json = dict[str, Any]

TIMEOUT_S = 20.0

HINTS = {
    401: "the token or password is not valid there",
    403: "the token may not do that: it needs the role Editor, for organisations Grafana's admin",
    404: "is the address right, with its path, if it has one?",
    412: "somebody changed it meanwhile: plan again, then apply",
}


class Refused(Exception):
    """Grafana did not do it: operation, object, hint. ``status`` is HTTP's, 0 without an answer."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Server:
    """One organisation of one Grafana. ``credential``: a token, or (user, password)."""

    def __init__(
        self, url: str, credential: str | tuple[str, str], *, organisation: int | None = None
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url}: want one like https://grafana.example.org")
        path = parts.path.strip("/")
        self.url = url.rstrip("/")
        # A client without types; what it answers is checked where it is used.
        self._api: Any = GrafanaApi(  # type: ignore[no-untyped-call,unused-ignore]
            credential,
            host=parts.hostname if ":" not in parts.hostname else f"[{parts.hostname}]",
            port=parts.port,
            url_path_prefix=f"{path}/" if path else "",
            protocol=parts.scheme,
            timeout=TIMEOUT_S,
            organization_id=organisation,
        )
        # Never through a proxy's or a .netrc's idea of who we are.
        self._api.client.s.trust_env = False

    def version(self) -> str:
        """What it says it is."""
        return str(self._ask("ask the version", self._api.health.check).get("version", "unknown"))

    def dashboard(self, uid: str) -> Json | None:
        """The dashboard and its ``meta``; None where there is none."""
        return self._found(f"read dashboard {uid}", self._api.dashboard.get_dashboard, uid)

    def save(self, dashboard: Json, folder_uid: str, message: str) -> None:
        """Create it, or replace the version it names; Refused 412 when that is no longer there."""
        body = {"dashboard": dashboard, "message": message, "overwrite": False}
        if folder_uid:
            body["folderUid"] = folder_uid
        what = f"save dashboard {dashboard['uid']}"
        self._ask(what, self._api.dashboard.update_dashboard, body)

    def ours(self, tag: str) -> list[Json]:
        """Dashboards with that tag: ``uid``, ``title``."""
        found = self._ask("search dashboards", self._api.search.search_dashboards, tag=tag)
        return [one for one in found if one.get("type") == "dash-db"]

    def folders(self) -> dict[str, str]:
        """Title by uid, of the top level."""
        return {one["uid"]: one["title"] for one in self._ask("list folders", self._all_folders)}

    def create_folder(self, uid: str, title: str) -> None:
        """A new folder at the top."""
        self._ask(f"create folder {title}", self._api.folder.create_folder, title, uid)

    def datasource(self, uid: str) -> Json | None:
        """A data source; None where there is none."""
        ask = self._api.datasource.get_datasource_by_uid
        return self._found(f"read datasource {uid}", ask, uid)

    def put_datasource(self, wanted: Json, *, there: bool) -> None:
        """Create it, or bring the one of that uid to this state."""
        api, uid = self._api.datasource, wanted["uid"]
        if there:
            self._ask(f"update datasource {uid}", api.update_datasource_by_uid, uid, wanted)
        else:
            self._ask(f"create datasource {uid}", api.create_datasource, wanted)

    def organisation(self, name: str) -> int | None:
        """An organisation's number; None where there is none. For Grafana's admin only."""
        ask = self._api.organization.find_organization
        found = self._found(f"find organisation {name}", ask, quote(name))
        return None if found is None else int(found["id"])

    def create_organisation(self, name: str) -> int:
        """A new organisation, with whoever asks as its admin."""
        what = f"create organisation {name}"
        made = self._ask(what, self._api.organization.create_organization, {"name": name})
        return int(made["orgId"])

    def _all_folders(self) -> Any:
        return self._api.client.GET("/folders?limit=1000")

    def _found(self, what: str, ask: Callable[..., Any], *given: Any) -> Json | None:
        try:
            found: Json = self._ask(what, ask, *given)
        except Refused as refused:
            if refused.status == 404:
                return None
            raise
        return found

    def _ask(self, what: str, ask: Callable[..., Any], *given: Any, **named: Any) -> Any:
        try:
            return ask(*given, **named)
        except GrafanaException as error:
            said = error.response
            detail = said.get("message", "") if isinstance(said, dict) else str(said)[:200]
            hint = HINTS.get(error.status_code, "")
            words = "; ".join(filter(None, (str(detail).strip(), hint)))
            answer = f"{what} at {self.url}: it answered {error.status_code}: {words}"
            raise Refused(answer, error.status_code) from None
        except requests.JSONDecodeError:
            raise Refused(f"{what} at {self.url}: no JSON came back; is that Grafana?") from None
        except requests.RequestException as error:
            reason = type(error).__name__
            raise Refused(f"{what} at {self.url}: no answer ({reason}); does it run?") from None
