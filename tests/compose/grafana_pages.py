"""Pages as far as the browser's script knows Grafana's: a form, panels, a query for each.

The names are those of Grafana 12's own end-to-end selectors. A stand-in, for no Grafana runs here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

LOGIN = """<!doctype html><form action="/in" method="get">
<input name="user"><input name="password" type="password"><button type="submit">Log in</button>
</form>"""

PAGE = """<!doctype html><title>{uid}</title><body>
<div aria-label="Panel loading bar" id="bar">...</div>
<section data-testid="data-testid Panel header One">One</section>
<section data-testid="data-testid Panel header Two">Two</section>
<script>
fetch("/api/ds/query?uid={uid}", {{method: "POST"}}).then(() => {{
  document.getElementById("bar").remove(); {more}
}});
</script></body>"""

FAILING = """document.body.insertAdjacentHTML("beforeend", '<button aria-label="InfluxDB said no"'
  + ' data-testid="data-testid Panel status error">!</button>');"""


@dataclass
class Pages:
    """What goes wrong with which dashboard, and what was opened."""

    url: str = ""
    absent: set[str] = field(default_factory=set)
    failing: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    opened: list[str] = field(default_factory=list)

    def page(self, target: str) -> tuple[int, str]:
        """Status and text."""
        parts = urlsplit(target)
        asked = parse_qs(parts.query)
        if parts.path == "/in":
            known = asked.get("password") == ["right"]
            return (302, "/") if known else (302, "/login?again=1")
        if parts.path == "/login":
            return 200, LOGIN
        if parts.path == "/api/ds/query":
            return (500 if asked["uid"][0] in self.refused else 200), "{}"
        if parts.path.startswith("/d/"):
            uid = parts.path.removeprefix("/d/")
            self.opened.append(f"{uid}?orgId={asked['orgId'][0]}")
            if uid in self.absent:
                return 200, "<!doctype html><body>Dashboard not found</body>"
            return 200, PAGE.format(uid=uid, more=FAILING if uid in self.failing else "")
        return 200, "<!doctype html><body>Home</body>"


@contextmanager
def pages() -> Iterator[Pages]:
    """They are served on loopback until the end of the block."""
    held = Pages()

    class Asked(BaseHTTPRequestHandler):
        def _do(self) -> None:
            status, text = held.page(self.path)
            self.send_response(status)
            if status == 302:
                self.send_header("Location", text)
                text = ""
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = _do  # noqa: N815 - the base class calls them so

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Asked)
    held.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="pages")
    thread.start()
    try:
        yield held
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
