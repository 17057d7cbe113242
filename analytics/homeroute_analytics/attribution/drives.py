"""The drives of one device's day, each with the trips it may have been.

Passages that compete for the same time are one drive, for a bus drives one trip at a
time; which drives are kept maximises what all of them together have earned.

Guarantees: drives of a device do not overlap. Does not: know of other devices, nor
which trip a drive was.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from homeroute_analytics.attribution.fits import Day, Fit, fits
from homeroute_analytics.attribution.trace import MISSES, Followed, State, follow
from homeroute_analytics.attribution.track import Track

MOVED_M = 400.0
"""Nothing is said before (DESIGN section 6)."""

NONE = 1.0
"""Nats of "on no trip", before any evidence."""

FULL_NATS, BEYOND = 12.0, 0.1
"""Against "on no trip" evidence counts in full up to so much, and beyond it by a tenth:
fixes err together. Of two buses on one trip the one that drove more of it is likelier."""

LEAST_NATS = 2.0
"""A passage that earned less is none."""

COVERED, COVERED_CUT = 0.5, 0.2
"""The least share of a shape to be driven, and where the telling began or ended on the way."""

COVERED_NATS = 4.0
"""For the whole shape: it tells a short working from the long one it is part of."""

ALIKE_NATS = 8.0
"""A passage that earned so much less than the drive's best is no candidate for it."""

SHARED = 0.6
"""Passages that share so much of the longer one's way are the same drive. Of the way, not
the time: one of two bays is a few metres along a road, and a bus may wait there for long."""

ENTER_S, ENTER_SHARE = 60.0, 0.1
"""A drive may begin so much, and so little of itself, before the last one ended."""

GAP_S, GAP_M = 120.0, 300.0
"""Silent for so long, and then so far away: what lies between was driven unseen."""


@dataclass(frozen=True, slots=True)
class Drive:
    """One stretch of driving along shapes. Seconds since 1970; ``fits`` best first.

    ``nats`` is how much likelier each fit is than "on no trip". ``going``: it was still
    under way when the telling ended.
    """

    device: str
    start_s: float
    end_s: float
    fits: tuple[Fit, ...]
    nats: tuple[float, ...]
    going: bool

    def by_route(self, shares: Mapping[str, float]) -> dict[tuple[str, str], float]:
        """The trips' shares added up for each route and direction."""
        routes: dict[tuple[str, str], float] = defaultdict(float)
        for fit in self.fits:
            routes[fit.trip.route, fit.trip.direction] += shares.get(fit.trip.trip, 0.0)
        return routes


@dataclass(frozen=True, slots=True)
class _Passage:
    fits: tuple[Fit, ...]
    start_s: float
    end_s: float
    worth: float
    earned: float


def unseen_before(track: Track, fix: int) -> bool:
    """Whether the telling begins at that fix, or again after a silence on the way."""
    if fix == 0:
        return True
    gap_s = track.arrive_s[fix] - track.depart_s[fix - 1]
    return bool(gap_s > GAP_S and track.moved_m[fix] - track.moved_m[fix - 1] > GAP_M)


def unseen_after(track: Track, fix: int) -> bool:
    """Whether the telling ends at that fix, or pauses there on the way."""
    return fix == len(track) - 1 or unseen_before(track, fix + 1)


Weigh = Callable[[int, State], Sequence[Fit]]
"""The trips that a passage along a shape may have been."""


def drives(day: Day, track: Track, *, now_s: float | None = None) -> list[Drive]:
    """The drives of a track, by time. ``now_s``: the present, of a day not over yet."""

    def weigh(shape: int, state: State) -> Sequence[Fit]:
        return fits(day, shape, state, track)

    return drives_along(track, follow(track, day.roads, day.allowed), weigh, now_s=now_s)


def drives_along(
    track: Track, followed: Followed, weigh: Weigh, *, now_s: float | None = None
) -> list[Drive]:
    """The same for a track that was followed, and weighed, already."""
    passages = [
        made
        for shape, steps in followed.items()
        for state in _peaks(steps)
        if (made := _passage(weigh(shape, state), track, now_s)) is not None
    ]
    going_from_s = None if now_s is None else now_s - GAP_S
    return [_drive(track, chosen, passages, going_from_s) for chosen in _apart(passages)]


def _peaks(steps: Sequence[Sequence[State]]) -> list[State]:
    """The best state of each passage along one shape; those do not overlap."""
    best: dict[tuple[int, float], State] = {}
    for states in steps:
        for state in states:
            key = state.first_fix, state.first_along_m
            if key not in best or state.evidence >= best[key].evidence:
                best[key] = state
    kept: list[State] = []
    for state in sorted(best.values(), key=lambda s: -s.evidence):
        if state.evidence < LEAST_NATS or state.progress_m < MOVED_M:
            continue
        if all(state.fix <= k.first_fix or k.fix <= state.first_fix for k in kept):
            kept.append(state)
    return kept


def _passage(found: Sequence[Fit], track: Track, now_s: float | None) -> _Passage | None:
    if not found:
        return None
    first, last = found[0].path[0], found[0].path[-1]
    cut = unseen_before(track, first[0]) or unseen_after(track, last[0])
    if found[0].covered < (COVERED_CUT if cut else COVERED) and not (
        now_s is not None and _goes_on(track, last[0])
    ):
        return None
    earned = found[0].state.evidence + COVERED_NATS * found[0].covered
    return _Passage(
        fits=tuple(found),
        start_s=float(track.depart_s[first[0]]),
        end_s=float(track.arrive_s[last[0]]),
        worth=earned - min(fit.cost for fit in found),
        earned=earned,
    )


def _goes_on(track: Track, fix: int) -> bool:
    """Whether a passage that was last on its road at that fix may still be under way."""
    return fix >= len(track) - 1 - MISSES


def _apart(passages: Sequence[_Passage]) -> list[_Passage]:
    """The passages that do not overlap and are worth most together (interval scheduling)."""
    ordered = sorted((p for p in passages if p.worth > 0), key=lambda p: p.end_s)
    ends = [p.end_s for p in ordered]
    best: list[tuple[float, tuple[_Passage, ...]]] = [(0.0, ())]
    for n, passage in enumerate(ordered):
        early_s = min(ENTER_S, ENTER_SHARE * (passage.end_s - passage.start_s))
        before = bisect_right(ends, passage.start_s + early_s, hi=n)
        worth, taken = best[before]
        added = (worth + passage.worth, (*taken, passage))
        best.append(max(best[n], added, key=lambda pair: pair[0]))
    return list(best[-1][1])


def _same(one: _Passage, other: _Passage, track: Track) -> bool:
    """Whether both are one drive, seen along two shapes."""
    (first, last), (begin, end) = (
        (each.fits[0].path[0][0], each.fits[0].path[-1][0]) for each in (one, other)
    )
    gone = track.gone_m
    shared_m = gone[min(last, end)] - gone[max(first, begin)]
    longer_m = max(gone[last] - gone[first], gone[end] - gone[begin])
    return bool(shared_m >= SHARED * longer_m and min(last, end) > max(first, begin))


def _drive(
    track: Track, chosen: _Passage, passages: Sequence[_Passage], going_from_s: float | None
) -> Drive:
    over_none = min(chosen.earned, FULL_NATS) - NONE
    over_none += BEYOND * max(chosen.earned - FULL_NATS, 0.0)
    rivals: dict[str, tuple[float, Fit]] = {}
    for passage in passages:
        if not _same(chosen, passage, track) or passage.earned < chosen.earned - ALIKE_NATS:
            continue
        for fit in passage.fits:
            nats = over_none + passage.earned - chosen.earned - fit.cost
            if fit.trip.trip not in rivals or nats > rivals[fit.trip.trip][0]:
                rivals[fit.trip.trip] = nats, fit
    ranked = sorted(rivals.values(), key=lambda pair: (-pair[0], pair[1].trip.trip))
    last_s = float(track.depart_s[-1])
    return Drive(
        device=track.device,
        start_s=chosen.start_s,
        end_s=chosen.end_s,
        fits=tuple(fit for _, fit in ranked),
        nats=tuple(nats for nats, _ in ranked),
        going=going_from_s is not None
        and last_s >= going_from_s
        and _goes_on(track, chosen.fits[0].path[-1][0]),
    )


def trimmed(ordered: Sequence[Drive]) -> list[Drive]:
    """The drives with what little they overlap given to the earlier one."""
    kept: list[Drive] = []
    for drive in ordered:
        if kept and drive.start_s < kept[-1].end_s:
            drive = replace(drive, start_s=kept[-1].end_s)  # noqa: PLW2901 - the same drive
        if drive.end_s > drive.start_s:
            kept.append(drive)
    return kept
