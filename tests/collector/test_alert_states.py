"""An alert's life, with the clock turned by hand."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from homeroute_collector.alert_rules import RULES
from homeroute_collector.alert_states import Alert, Condition, Event, advanced

RULE = replace(RULES["device_degraded"], for_s=900, calm_s=300)
MINUTE = 60_000


class Life:
    """One subject of one rule."""

    def __init__(self) -> None:
        self.now = 1_795_299_000_000
        self.alert: Alert | None = None
        self.told: list[Event] = []

    def sees(self, holds: bool | None, *, after_min: float = 0) -> Event | None:
        self.now += int(after_min * MINUTE)
        condition = Condition(RULE.name, "bus-07", holds, "no service")
        self.alert, event = advanced(self.alert, RULE, condition, self.now)
        if event:
            self.told.append(event)
        return event


def test_it_fires_once_it_has_held_for_long_enough_and_only_once() -> None:
    life = Life()
    assert life.sees(True) is None
    assert life.sees(True, after_min=14.9) is None
    assert life.sees(True, after_min=0.1) == "fired"
    assert life.sees(True, after_min=60) is None
    assert life.told == ["fired"]


def test_what_ends_before_its_time_is_never_told() -> None:
    life = Life()
    for _ in range(5):
        life.sees(True)
        life.sees(False, after_min=10)
    assert life.told == []
    assert life.alert is None


def test_it_is_over_after_the_calm_and_a_shorter_hole_is_not_told() -> None:
    life = Life()
    life.sees(True)
    life.sees(True, after_min=15)
    life.sees(False, after_min=1)
    life.sees(True, after_min=4)
    assert life.sees(False, after_min=10) is None
    assert life.sees(False, after_min=4.9) is None
    assert life.sees(False, after_min=0.1) == "resolved"
    assert life.told == ["fired", "resolved"]
    assert life.alert is None


def test_what_cannot_be_told_ends_what_is_pending_and_leaves_what_fires() -> None:
    life = Life()
    life.sees(True)
    life.sees(None, after_min=10)
    assert life.sees(True, after_min=10) is None
    assert life.sees(True, after_min=15) == "fired"
    for _ in range(3):
        life.sees(None, after_min=600)
    assert life.alert is not None
    assert life.alert.firing
    assert life.told == ["fired"]


@given(st.lists(st.tuples(st.sampled_from([True, False, None]), st.integers(0, 20))))
def test_fired_and_resolved_take_turns_whatever_is_seen(
    seen: list[tuple[bool | None, int]],
) -> None:
    life = Life()
    for holds, minutes in seen:
        before = life.alert
        event = life.sees(holds, after_min=minutes)
        if event == "fired":
            assert before is not None or RULE.for_s == 0
            assert life.alert is not None
            assert life.now - life.alert.since_ms >= RULE.for_s * 1000
        assert (life.alert is not None and life.alert.firing) == (life.told[-1:] == ["fired"])
    assert life.told == (["fired", "resolved"] * len(life.told))[: len(life.told)]
