"""How a value looks: unit, decimals, words, colours, and where it leads.

Guarantees: the same thing looks the same on every dashboard. Does not: know a query.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from grafana_foundation_sdk.cog import builder
from grafana_foundation_sdk.models import dashboard as sdk

from homeroute_dashboards.grafana.colours import BAD, FAIR, GOOD, IDLE, PLAIN, Steps
from homeroute_wire.measurements import UPLINK_CONNECTED, UPLINK_NO_SERVICE, UPLINK_USABLE

Words = Mapping[float, tuple[str, str]]
"""A word and a colour for each number."""

LEVELS: Words = {
    0: ("Offline or unknown", BAD),
    1: ("Degraded", FAIR),
    2: ("Online", GOOD),
    3: ("Off duty", IDLE),
}
"""``device_status.level`` (wire)."""

UPLINK: Words = {
    UPLINK_NO_SERVICE: ("No service", BAD),
    UPLINK_CONNECTED: ("Connected, not usable", FAIR),
    UPLINK_USABLE: ("Usable", GOOD),
}
"""``uplink.state`` (wire)."""


@dataclass(frozen=True, slots=True)
class Look:
    """A column's look. ``fill`` colours the cell, else the text; ``link`` is a path and a title."""

    unit: str = "short"
    decimals: int | None = None
    steps: Steps = ()
    words: Words | None = None
    fill: bool = False
    link: tuple[str, str] | None = None
    width: int | None = None


SHARE_LOOK = "percentunit"


NOT_THERE = sdk.SpecialValueMap(
    options=sdk.DashboardSpecialValueMapOptions(
        match=sdk.SpecialValueMatch.NULL_AND_NAN,
        result=sdk.ValueMappingResult(text="\N{EN DASH}", color=IDLE, index=99),
    )
)
"""Without it Grafana gives a value that is not there the lowest threshold's colour."""


def mappings(words: Words | None) -> list[sdk.ValueMapping]:
    """Numbers shown as words, each in its colour; what is not there as a grey dash."""
    if not words:
        return [NOT_THERE]
    options = {
        f"{value:g}": sdk.ValueMappingResult(text=text, color=colour, index=index)
        for index, (value, (text, colour)) in enumerate(words.items())
    }
    return [sdk.ValueMap(options=options), NOT_THERE]


@dataclass(frozen=True, slots=True)
class Thresholds(builder.Builder[sdk.ThresholdsConfig]):
    """Absolute thresholds, as the SDK's builders take them."""

    steps: Steps = PLAIN

    def build(self) -> sdk.ThresholdsConfig:
        """The configuration."""
        steps = [sdk.Threshold(value=value, color=colour) for value, colour in self.steps]
        return sdk.ThresholdsConfig(mode=sdk.ThresholdsMode.ABSOLUTE, steps=steps)


def properties(look: Look) -> list[sdk.DynamicConfigValue]:
    """An override's settings."""
    found: dict[str, object] = {"unit": look.unit, "noValue": "\N{EN DASH}"}
    if look.decimals is not None:
        found["decimals"] = look.decimals
    if look.steps:
        found["thresholds"] = Thresholds(look.steps).build()
        found["color"] = {"mode": "thresholds"}
    if look.steps or look.words:
        found["mappings"] = mappings(look.words)
    if look.steps or look.words:
        cell = (
            {"type": "color-background", "mode": "basic"} if look.fill else {"type": "color-text"}
        )
        found["custom.cellOptions"] = cell
    if look.link:
        url, title = look.link
        found["links"] = [{"title": title, "url": url, "targetBlank": False}]
    if look.width is not None:
        found["custom.width"] = look.width
    return [sdk.DynamicConfigValue(id_val=name, value=value) for name, value in found.items()]
