"""The pages' colours can be read: WCAG AA contrast, in light and in dark."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

CSS = (files("homeroute_dashboards.pages") / "static" / "homeroute.css").read_text("utf-8")
LIGHT, DARK = (
    dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", block))
    for block in re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)[:2]
)
READ_ON = [
    *((ink, ground) for ink in ("ink", "soft", "link") for ground in ("paper", "card", "wash")),
    *((ink, "card") for ink in ("good", "warn", "bad", "idle")),
    *(("ink", ground) for ground in ("warn-wash", "bad-wash")),
    *((f"s{n}-ink", f"s{n}") for n in range(6)),
    ("sim-ink", "sim"),
]


def luminance(colour: str) -> float:
    parts = (int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5))
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), READ_ON)
def test_text_stands_out_from_its_ground(palette: dict[str, str], ink: str, ground: str) -> None:
    assert contrast(palette[ink], palette[ground]) >= 4.5


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_shades_go_one_way_in_brightness_so_that_every_eye_and_printer_can_order_them(
    palette: dict[str, str],
) -> None:
    steps = [luminance(palette[f"s{n}"]) for n in range(6)]
    assert steps == sorted(steps) or steps == sorted(steps, reverse=True)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("mark", ["mark-usable", "mark-none"])
def test_marks_stand_out_from_the_table(palette: dict[str, str], mark: str) -> None:
    assert contrast(palette[mark], palette["card"]) >= 2.5
