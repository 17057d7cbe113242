"""A real unbound with one response-policy zone per category, logging what it applies."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.rigs.dnsmasq_rig import ask
from tests.servers import Server, pick_port

_HERE = Path(__file__).parent


class UnboundRig(Server):
    """unbound on a high port with ``unbound_rpz.conf``; asks nobody else. Use start and stop."""

    def __init__(self, folder: Path) -> None:
        self.queries = folder / "unbound_rpz.log"
        (folder / "unb").mkdir()
        for zone in ("adult.rpz", "games.rpz"):
            shutil.copy(_HERE / zone, folder / "unb" / zone)
        port = pick_port()
        text = (_HERE / "unbound_rpz.conf").read_text()
        text = text.replace("RUNDIR", str(folder)).replace("15355", str(port))
        text = text.replace(" log-queries: no", " log-queries: yes")
        configuration = folder / "unbound.conf"
        configuration.write_text(text)
        super().__init__(
            ["unbound", "-d", "-c", str(configuration)],
            folder,
            lambda: ask(port, "ads.example", timeout_s=0.2) is not None,
            port=port,
        )

    def ask(self, name: str, rider: str = "127.0.0.2", kind: int = 1) -> bytes | None:
        """Look a name up as a rider; the answer, or None."""
        return ask(self.port, name, rider=rider, kind=kind, timeout_s=0.5)
