"""The frame around every built-in page: head, navigation, and which clock its times are of.

Guarantees: every word from outside is escaped; each page says the zone of its times, and
when that zone was merely assumed. Does not: serve.
"""

from __future__ import annotations

import html
from importlib.resources import files
from string import Template

from homeroute_collector.timezones import zone_words
from homeroute_dashboards.district import District

STATIC = files("homeroute_dashboards.pages") / "static"


def page(
    place: District, path: str, name: str, title: str, words: dict[str, object] | None = None
) -> bytes:
    """The page of the files ``name.html`` and ``name.js``; ``words`` are put into the former."""
    body = (STATIC / f"{name}.html").read_text("utf-8")
    script = f'<script type="module" src="/static/{name}.js"></script>'
    return _framed(place, path, title, script, Template(body).substitute(words or {}))


def not_known(place: District, device: str) -> bytes:
    """The page of a device nobody has heard of."""
    body = Template((STATIC / "unknown.html").read_text("utf-8"))
    # No id is longer than 63 characters; an address may be.
    told_name = html.escape(device[:63])
    return _framed(place, "", "Unknown device", "", body.substitute(device=told_name))


def nowhere(place: District, address: str) -> bytes:
    """The page of an address at which there is none."""
    body = Template((STATIC / "nowhere.html").read_text("utf-8"))
    return _framed(
        place, "", "No such page", "", body.substitute(address=html.escape(address[:63]))
    )


def _framed(place: District, path: str, title: str, script: str, body: str) -> bytes:
    def current(link: str) -> str:
        return ' aria-current="page"' if link == path else ""

    return (
        Template((STATIC / "layout.html").read_text("utf-8"))
        .substitute(
            script=script,
            title=title,
            district=html.escape(place.name),
            timezone=html.escape(place.timezone),
            zone=html.escape(zone_words(place.timezone, assumed=place.timezone_assumed)),
            simulated="" if place.simulated else " hidden",
            at_fleet=current("/"),
            at_connectivity=current("/connectivity"),
            at_hotspots=current("/hotspots"),
            body=body,
        )
        .encode()
    )
