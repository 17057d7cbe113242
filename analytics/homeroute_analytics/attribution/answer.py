"""What can be said of one bus at a time: a route and a direction, a trip, or nothing.

The drive that is under way then has candidates; its share of each is what is known of it
and of the drives of the others (:mod:`.claims`). Where two routes share a road, neither
gets the share that would be needed, until the road parts, the clock decides, or another
bus is known to be on one of them. Today's legs are made of the same drives and shares.

Guarantees: nothing is said before 400 m of movement along a road; nothing that comes
after the time is used. Does not: know an assignment table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from homeroute_analytics.attribution.claims import SURE, Claims, Fitting
from homeroute_analytics.attribution.drives import MOVED_M, Drive, drives_along
from homeroute_analytics.attribution.fits import Day, Fit, fits
from homeroute_analytics.attribution.trace import Followed, State, follow, until
from homeroute_analytics.attribution.track import Track


@dataclass(frozen=True, slots=True)
class Answer:
    """``fit`` is the best trip of the route that has most; None where there is none.

    ``confidence`` is the route and direction's, ``trip_confidence`` the trip's own.
    ``assigned``: sure enough.
    """

    fit: Fit | None
    confidence: float
    trip_confidence: float
    assigned: bool
    rule: str


class Known:
    """What a track told up to each of its fixes, reckoned when asked, and once.

    ``owner`` is the name under which its drives are claimed.
    """

    def __init__(self, day: Day, track: Track, owner: str = "") -> None:
        self.day, self.track, self.owner = day, track, owner or track.device
        self.followed: Followed = follow(track, day.roads, day.allowed)
        self._drives: dict[int, tuple[Drive, ...]] = {}
        self._fits: dict[tuple[int, int], Sequence[Fit]] = {}

    def drives(self, fix: int) -> tuple[Drive, ...]:
        """The drives up to that fix; the last of them may be going on."""
        if fix not in self._drives:
            way, known = self.track.until(fix), until(self.followed, fix)
            now_s = float(way.depart_s[-1])
            self._drives[fix] = tuple(drives_along(way, known, self._weigh, now_s=now_s))
        return self._drives[fix]

    def _weigh(self, shape: int, state: State) -> Sequence[Fit]:
        # A passage that is over is asked for at every fix after it.
        key = shape, id(state)
        if key not in self._fits:
            self._fits[key] = fits(self.day, shape, state, self.track)
        return self._fits[key]

    def claim(self, claims: Claims, fix: int) -> None:
        """Tell what its drives up to that fix may be."""
        claims.put(self.owner, [_fitting(drive) for drive in self.drives(fix)])


def _fitting(drive: Drive) -> Fitting:
    return {fit.trip.trip: nats for fit, nats in zip(drive.fits, drive.nats, strict=True)}


def answer(
    known: Known, fix: int | None = None, claims: Claims | None = None, *, sure: float = SURE
) -> Answer:
    """What is known when the bus has come to that fix; the last one by default.

    ``claims``: what the others' drives may be by then; its own are told to them too.
    ``sure``: the share below which nothing is said.
    """
    at = len(known.track) - 1 if fix is None else fix
    if at < 0 or known.track.gone_m[at] < MOVED_M:
        return Answer(None, 0.0, 0.0, False, f"has moved less than {MOVED_M:.0f} m")
    claims = Claims() if claims is None else claims
    known.claim(claims, at)
    going = [n for n, drive in enumerate(known.drives(at)) if drive.going]
    if not going:
        return Answer(None, 0.0, 0.0, False, "no trip of this time passes the gates")
    drive = known.drives(at)[going[-1]]
    shares = claims.shares(known.owner, going[-1])
    routes = drive.by_route(shares)
    chosen = max(routes, key=lambda key: routes[key])
    best = max(
        (fit for fit in drive.fits if (fit.trip.route, fit.trip.direction) == chosen),
        key=lambda fit: shares.get(fit.trip.trip, 0.0),
    )
    assigned = routes[chosen] >= sure
    return Answer(
        fit=best,
        confidence=routes[chosen],
        trip_confidence=shares.get(best.trip.trip, 0.0),
        assigned=assigned,
        rule="nearest in place and time" if assigned else "too alike: abstained",
    )
