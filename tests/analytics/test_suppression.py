"""Nothing hidden can be worked out from what is published: by equations, bounds or insiders."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from homeroute_analytics import suppression, weeks
from homeroute_analytics.aggregates import ALL
from homeroute_analytics.suppression import Cell, Rule, suppress
from homeroute_analytics.weeks import Tables, WeekTrip, tables
from tests.analytics.attack import LEARNING, Attack, cells_of, small_cells

DISTRICTS = 240
WEEK = "2026-W47"
CATEGORIES = ("adult", "games", "social", "video", "malware")
RULE = Rule()


def district(seed: int) -> list[WeekTrip]:
    """A small district's week: few routes, few riders, some of everything."""
    rng = random.Random(seed)
    categories = CATEGORIES[: rng.randint(0, 5)]
    definitions = ["d1", *(["d2"] if rng.random() < 0.3 else [])]
    # From a village's vans to a town's buses.
    riders = rng.choice([(0, 6), (0, 14), (4, 25), (9, 40)])
    trips = []
    for route in range(rng.randint(1, 8)):
        usual = rng.randint(*riders)
        for period in ("AM", "PM"):
            for _ in range(rng.randint(1, 5)):
                clients = max(0, usual + rng.randint(-3, 3))
                active = clients * rng.randint(0, 25)
                learning = rng.randint(0, active)
                lookups = active * rng.randint(0, 9)
                trips.append(
                    WeekTrip(
                        route=f"{route}",
                        period=period,
                        definition="none" if rng.random() < 0.05 else rng.choice(definitions),
                        observed=rng.random() < 0.9,
                        scheduled_s=1_800.0,
                        reported_s=1_700.0,
                        clients=clients,
                        distinct=clients,
                        active_min=active,
                        learning_min=learning,
                        strict_min=rng.randint(0, learning),
                        loose_min=rng.randint(learning, active),
                        lookups=lookups,
                        classified_lookups=rng.randint(0, lookups),
                        hits=tuple(
                            (category, rng.randint(1, 12))
                            for category in categories
                            if clients and rng.random() < 0.4
                        ),
                    )
                )
    return trips


def everything(trips: list[WeekTrip], monkeypatch: pytest.MonkeyPatch) -> Tables:
    """The tables before anything is hidden."""
    with monkeypatch.context() as patch:
        patch.setattr(weeks, "suppress", lambda *_: {})
        return tables(trips, WEEK, RULE)


def test_no_hidden_cell_of_240_small_districts_can_be_solved_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted: Counter[str] = Counter()
    for seed in range(DISTRICTS):
        trips = district(seed)
        full, published = everything(trips, monkeypatch), tables(trips, WEEK, RULE)
        attack = Attack.on(full, published)
        assert attack.recovered() == {}, f"district {seed}"
        counted["rows"] += len(full.learning) + len(full.filter)
        counted["published"] += len(published.learning) + len(published.filter)
        counted["unknowns"] += len(attack.unknown)
        counted.update(published.hidden.values())
    print(f"{DISTRICTS} districts: {dict(counted)}")
    # Hiding everything would be safe as well.
    assert counted["unknowns"] > 5_000
    assert counted["rows"] == counted["published"] + counted["small"] + counted["complement"]
    assert counted["published"] > 0.3 * counted["rows"]
    assert counted["small"] > counted["complement"]


def test_without_the_complement_the_same_attack_succeeds(monkeypatch: pytest.MonkeyPatch) -> None:
    solved = 0
    for seed in range(60):
        trips = district(seed)
        full = everything(trips, monkeypatch)
        with monkeypatch.context() as patch:
            patch.setattr(suppression._Network, "widen", lambda *_: [])
            broken = tables(trips, WEEK, RULE)
        recovered = Attack.on(full, broken).recovered()
        true = cells_of(full)
        assert all(true[key] == value for key, value in recovered.items())
        solved += bool(recovered)
    assert solved >= 15


def test_were_a_route_hidden_in_learning_to_keep_its_filter_blocks_active_minutes_would_leak(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    solved: set[str] = set()
    for seed in range(60):
        trips = district(seed)
        full, published = everything(trips, monkeypatch), tables(trips, WEEK, RULE)
        gone = {(key[1], key[2]) for key in published.hidden if key[0] == "learning_week"}
        kept = [r for r in full.filter if (r.period, r.route) in gone and r.category == ALL]
        broken = replace(published, filter=(*published.filter, *kept))
        solved |= {key[0] for key in Attack.on(full, broken).recovered()}
    assert "active_client_min" in solved


def test_a_small_cell_s_possible_values_span_what_the_rule_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked = 0
    for seed in range(40):
        trips = district(seed)
        full, published = everything(trips, monkeypatch), tables(trips, WEEK, RULE)
        attack, true = Attack.on(full, published), cells_of(full)
        small = small_cells(published)
        for key in random.Random(seed).sample(small, min(8, len(small))):
            least, most = attack.interval(key)
            assert least - 1e-6 <= true[key] <= most + 1e-6
            assert most - least >= max(RULE.min_clients, 0.2 * true[key]) - 1e-6, (seed, key)
            looked += 1
        rest = {*attack.unknown} & true.keys() - {*small}
        others = sorted(rest)
        for key in random.Random(seed).sample(others, min(4, len(others))):
            least, most = attack.interval(key)
            assert most - least >= 1 - 1e-6, (seed, key)
    assert looked > 200


def test_who_knows_a_small_route_cannot_solve_for_another_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    insiders = 0
    for seed in range(80):
        trips = district(seed)
        full, published = everything(trips, monkeypatch), tables(trips, WEEK, RULE)
        small = set(small_cells(published))
        for route in sorted({key[2] for key in small} - {ALL}):
            mine = [key for key in small if key[2] == route]
            solved = Attack.on(full, published, known=mine).recovered().keys() & small
            assert {key for key in solved if key[2] != ALL} == set(), (seed, route)
            insiders += 1
    assert insiders > 100


def test_the_same_district_is_hidden_the_same_way_in_any_order() -> None:
    trips = district(3)
    shuffled = random.Random(1).sample(trips, len(trips))
    assert tables(trips, WEEK, RULE) == tables(shuffled, WEEK, RULE)


def line(*parts: tuple[str, int, bool]) -> list[Cell[str]]:
    """Routes of one column, and their total."""
    cells = [Cell(n, "total", "parts", (v,), small, n) for n, v, small in parts]
    return [*cells, Cell(ALL, "parts", "total", (sum(v for _, v, _ in parts),), False, None)]


def test_the_smallest_cell_that_suffices_is_hidden_beside_a_small_one() -> None:
    cells = line(("a", 4, True), ("b", 300, False), ("c", 90, False), ("d", 100, False))
    assert suppress(cells, RULE) == {"a": "small", "c": "complement"}


def test_two_small_groups_are_not_left_to_guard_each_other() -> None:
    cells = line(("a", 40, True), ("b", 50, True), ("c", 300, False), ("d", 90, False))
    assert suppress(cells, RULE) == {"a": "small", "b": "small", "d": "complement"}


def test_a_cell_that_could_only_be_nothing_is_not_left_so() -> None:
    """The hidden would add up to 0: nobody of the small group learned, and all could read it."""
    cells = line(("a", 0, True), ("b", 0, True), ("c", 0, True), ("d", 60, False), ("e", 70, False))
    assert suppress(cells, RULE)["d"] == "complement"


def test_where_no_other_cell_is_left_the_total_is_hidden() -> None:
    assert suppress(line(("a", 4, True)), RULE) == {"a": "small", ALL: "complement"}


def test_nothing_small_hides_nothing() -> None:
    assert suppress(line(("a", 40, False), ("b", 50, False)), RULE) == {}


def test_a_table_that_does_not_add_up_is_refused() -> None:
    cells = line(("a", 40, False))
    with pytest.raises(ValueError, match="do not add up"):
        suppress([*cells[:-1], replace(cells[-1], amounts=(41,))], RULE)


def test_no_rule_goes_below_five_clients() -> None:
    with pytest.raises(ValueError, match="at least 5"):
        Rule(4)
    assert Rule(5).small(4)
    assert not Rule(5).small(5)


def trip(route: str, clients: int, **changes: object) -> WeekTrip:
    made = WeekTrip(
        route, "AM", "d1", True, 1_800.0, 1_700.0, clients, clients, 60, 30, 10, 40, 90, 50
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def test_small_trips_of_many_days_never_make_a_large_group() -> None:
    many = [trip("7", 9) for _ in range(5)] + [trip(r, 20) for r in ("8", "9")]
    published = tables(many, WEEK, RULE)
    assert published.hidden["learning_week", "AM", "7", "d1"] == "small"
    assert "7" not in {row.route for row in published.learning}
    one_full = tables([*many, trip("7", 10)], WEEK, RULE)
    assert {row.route for row in one_full.learning} == {"7", "8", "9", ALL}


def test_clients_counted_twice_by_a_restart_do_not_make_a_trip_large() -> None:
    restarted = [trip("7", 12, distinct=6), *(trip(r, 20) for r in ("8", "9"))]
    assert tables(restarted, WEEK, RULE).hidden["learning_week", "AM", "7", "d1"] == "small"


def test_a_trip_not_observed_or_not_measured_counts_only_as_scheduled() -> None:
    [row, total] = tables(
        [trip("7", 12), trip("7", 30, observed=False), trip("7", 30, definition="none")],
        WEEK,
        RULE,
    ).learning
    assert (row.trips, row.trips_scheduled, row.client_trips) == (1, 3, 12)
    assert (row.reported_s, row.scheduled_s) == (1_700.0, 5_400.0)
    assert (total.route, total.client_trips) == (ALL, 12)


def test_periods_and_definitions_are_never_added_up() -> None:
    rows = tables(
        [trip("7", 12), trip("7", 13, definition="d2"), trip("7", 14, period="PM")], WEEK, RULE
    ).learning
    assert sorted((r.route, r.period, r.definition, r.client_trips) for r in rows) == [
        ("7", "AM", "d1", 12),
        ("7", "AM", "d2", 13),
        ("7", "PM", "d1", 14),
        (ALL, "AM", "d1", 12),
        (ALL, "AM", "d2", 13),
        (ALL, "PM", "d1", 14),
    ]


def test_a_category_only_a_small_trip_met_is_hidden_on_a_full_route() -> None:
    rows = [
        trip("7", 20, hits=(("games", 40), ("video", 30))),
        trip("7", 3, hits=(("adult", 1),)),
        trip("8", 20, hits=(("games", 50), ("video", 60), ("adult", 20))),
    ]
    published = tables(rows, WEEK, RULE)
    assert published.hidden["filter_week", "AM", "7", "adult"] == "small"
    shown = {(row.route, row.category): row.hits for row in published.filter}
    assert ("7", "adult") not in shown
    assert shown[ALL, ALL] == 201


def test_a_route_called_all_is_not_taken_for_the_total() -> None:
    rows = tables([trip(ALL, 20), trip("7", 30)], WEEK, RULE).learning
    assert {row.route: row.client_trips for row in rows} == {"all ": 20, "7": 30, ALL: 50}


assert LEARNING == weeks._COLUMNS


def test_a_total_of_none_does_not_say_that_a_hidden_route_had_none() -> None:
    published = tables([trip("7", 4), trip("8", 20), trip("9", 30)], WEEK, RULE)
    assert published.filter == ()
    all_seen = tables([trip("8", 20), trip("9", 30)], WEEK, RULE)
    assert {(row.route, row.category, row.hits) for row in all_seen.filter} == {
        ("8", ALL, 0),
        ("9", ALL, 0),
        (ALL, ALL, 0),
    }
