"""The home list: where each of the three people goes from here."""

from __future__ import annotations

from homeroute_dashboards.grafana.board import Built, Folder, board
from homeroute_dashboards.grafana.words import dashboards, said

HELLO = """\
**Which routes lose the internet, where and when?** Start with *Route coverage*. **What is wrong \
now?** *Devices*. **How much learning happened on the way?** *Learning minutes*.

A number without a reported share beside it is worth nothing: what no bus reported counts neither \
as good nor as bad.
"""


def build() -> Built:
    """The dashboard."""
    return board(
        Folder.HOME,
        "homeroute-home",
        "Homeroute",
        "Every Homeroute dashboard you may see, by who it is for.",
        [
            said("Where to look", "What each list is for.", HELLO, height=5),
            dashboards("Directors", "Routes: coverage, and today.", "directors"),
            dashboards("Engineers", "Devices, signal, power, and the pipeline.", "engineers"),
            dashboards("Evaluators", "Learning minutes and their completeness.", "evaluators"),
        ],
        refresh="",
    )
