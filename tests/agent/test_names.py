from __future__ import annotations

from pathlib import Path

import pytest

from homeroute_agent.activity import Thresholds
from homeroute_agent.filter_hits import FilterHits, Hits, Once
from homeroute_agent.names import EXCLUDED, SHIPPED, Names, load, parse_domains, tag_of

SMALL = {"learning": ["khanacademy.org", "classroom.google.com"], "advertising": ["ads.example"]}


def everywhere(_client: object) -> None:
    """No stays are known."""


def test_the_longest_suffix_decides() -> None:
    names = Names(SMALL | {"background": ["google.com"]})
    assert names.category("Classroom.Google.com.") == "learning"
    assert names.category("x.classroom.google.com") == "learning"
    assert names.category("mail.google.com") == "background"
    assert names.category("notkhanacademy.org") is None
    assert names.category("") is None


def test_lists_of_any_size_in_the_ut1_layout(tmp_path: Path) -> None:
    for category, text in {
        "adult": "bad.example\n192.0.2.7\n",
        "publicite": "# of adverts\ncount.example\n",
        "Odd Name": "odd.example",
    }.items():
        (tmp_path / category).mkdir()
        (tmp_path / category / "domains").write_text(text)
    names = load(tmp_path)
    assert names.category("www.bad.example") == "adult"
    assert names.category("count.example") == "advertising"
    assert names.category("odd.example") == "odd-name"
    assert names.category("www.khanacademy.org") == "learning"


def test_a_folder_that_is_no_copy_of_ut1_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="copy of UT1"):
        load(tmp_path)


def test_a_districts_own_learning_list_takes_the_place_of_ours(tmp_path: Path) -> None:
    own = tmp_path / "learning.txt"
    own.write_text("our-school.example\n")
    names = load(learning_file=own)
    assert names.category("www.our-school.example") == "learning"
    assert names.category("khanacademy.org") is None
    assert names.category("doubleclick.net") == "advertising"


def test_another_list_or_threshold_is_another_definition() -> None:
    limits = str(Thresholds())
    longer = {**SMALL, "learning": [*SMALL["learning"], "ixl.com"]}
    definitions = {
        Names(SMALL).definition(limits),
        Names(longer).definition(limits),
        Names(SMALL).definition(str(Thresholds(default=3))),
    }
    assert len(definitions) == 3
    assert all(len(definition) == 12 for definition in definitions)


def test_a_list_that_decides_nothing_leaves_the_definition_alone() -> None:
    limits = str(Thresholds())
    reordered = {"advertising": ["ads.example"], "learning": reversed(SMALL["learning"])}
    assert Names(SMALL).definition(limits) == Names(reordered).definition(limits)
    assert Names(SMALL | {"games": ["g.example"]}).definition(limits) == Names(SMALL).definition(
        limits
    )


def test_the_shipped_lists_are_whole_and_disagree_nowhere() -> None:
    folder = Path(load.__code__.co_filename).parent / "lists"
    lists = {name: list(parse_domains((folder / f"{name}.txt").open())) for name in SHIPPED}
    everything = [domain for domains in lists.values() for domain in domains]
    assert len(everything) == len(set(everything))
    assert all(len(domains) >= 30 for domains in lists.values())
    assert set(SHIPPED) - {"learning"} <= EXCLUDED
    assert not [
        domain for domain in everything if not domain.replace("-", "").replace(".", "").isalnum()
    ]


def test_categories_are_short_plain_tags() -> None:
    assert tag_of("Adult & Porn") == "adult-porn"
    assert tag_of("") == "uncategorized"
    assert tag_of("\u00e9" * 100) == "uncategorized"
    assert len(tag_of("x" * 100)) == 64


def test_once_in_ten_seconds() -> None:
    once = Once()
    assert once.first(("a", "x"), 0)
    assert not once.first(("a", "x"), 9_999)
    assert once.first(("b", "x"), 9_999)
    assert once.first(("a", "x"), 10_000)


def test_hits_are_told_when_their_minute_is_over() -> None:
    hits = FilterHits(since_ms=30_000)
    for client, at_ms in ((1, 31_000), (1, 45_000), (2, 59_999), (2, 60_000)):
        hits.hit(client, at_ms, "adult", "blocked")
    assert hits.due(59_999, everywhere) == []
    assert hits.due(60_000, everywhere) == [Hits(30_000, "adult", "blocked", 3, 2)]
    assert hits.rest(61_000, everywhere) == [Hits(60_000, "adult", "blocked", 1, 1)]
    assert hits.rest(61_000, everywhere) == []


def test_a_hit_that_comes_after_its_minute_was_told_counts_in_the_next_and_is_told_once() -> None:
    hits = FilterHits(since_ms=0)
    hits.hit(1, 59_000, "adult", "blocked")
    assert hits.due(61_000, lambda _: None) == [Hits(0, "adult", "blocked", 1, 1)]
    hits.hit(2, 59_500, "adult", "blocked")
    assert hits.due(121_000, lambda _: None) == [Hits(60_000, "adult", "blocked", 1, 1)]


def test_hits_of_clients_that_are_not_on_the_wifi_do_not_count() -> None:
    hits = FilterHits(since_ms=0)
    hits.hit(1, 1_000, "adult", "blocked")
    assert hits.due(60_000, lambda _client: ()) == []


def test_a_flood_of_categories_becomes_uncategorized() -> None:
    hits = FilterHits(since_ms=0)
    for number in range(200):
        hits.hit(1, 1_000, f"c{number}", "blocked")
    told = hits.due(60_000, everywhere)
    assert len(told) == 65
    assert sum(hit.hits for hit in told) == 200
