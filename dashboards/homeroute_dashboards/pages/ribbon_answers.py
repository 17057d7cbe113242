"""The ribbon as its page is told it, and the question it answers. For staff on localhost.

Guarantees: every segment of the road is there; shares are None where nothing was told;
stops' names stand here and nowhere that is published. ``planted`` is None but in a
simulated district, whose truth is known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from homeroute_analytics.directors import Span
from homeroute_analytics.ribbon import Choice, Piece, Ribbon, Stretch, choices, ribbon
from homeroute_analytics.samples import Query
from homeroute_analytics.verdicts import LIMITS, Limits, fewest_clean
from homeroute_dashboards.pages.asked import AskError
from homeroute_dashboards.pages.known_route import known_route


class PlantedStretch(Protocol):
    """Where a simulated radio is too weak; ``state`` 0: nothing gets through, 1: too little."""

    @property
    def start_m(self) -> float:
        """Metres along the road."""

    @property
    def end_m(self) -> float:
        """Metres along the road."""

    @property
    def state(self) -> int:
        """As uplink states."""


Planted = Callable[[str, float], Sequence[PlantedStretch]]
"""The weak stretches of a trip, by its name and its road's length in metres."""


async def answer(
    query: Query,
    span: Span,
    route: str | None,
    trip: str | None,
    planted: Planted | None,
    limits: Limits = LIMITS,
) -> dict[str, Any]:
    """What may be chosen, what was, and its ribbon. Raises AskError.

    ``instead``: why the trip that was asked for is not the one that is drawn.
    """
    label = None if route is None else await known_route(query, route)
    offered = await choices(query, span)
    chosen = _chosen(offered, label, trip)
    drawn = None if chosen is None else await ribbon(query, chosen, span, limits)
    driven = await query(
        "SELECT count(DISTINCT service_day) FROM legs WHERE service_day BETWEEN ? AND ? "
        "AND service_day NOT IN (SELECT day FROM rollup_days)",
        [span.first_day, span.last_day],
    )
    return {
        "routes": sorted({choice.route for choice in offered}),
        "trips": [_choice(each) for each in offered if chosen and each.route == chosen.route],
        "chosen": chosen and _choice(chosen),
        "instead": None
        if chosen is None or trip in (None, chosen.trip)
        else f"trip {str(trip)[:60]!r} is not of these days and this route",
        "days_waiting": driven[0][0],
        "ribbon": drawn and _ribbon(drawn, planted) | {"passes_for_good": fewest_clean(limits)},
    }


def _chosen(offered: Sequence[Choice], route: str | None, trip: str | None) -> Choice | None:
    """The trip asked for; else, of the route or of all, the one that cost riders most."""
    of_route = [choice for choice in offered if route in (None, choice.route)]
    found = [choice for choice in of_route if trip in (None, choice.trip)]
    if not found and offered and (route or trip):
        # A trip that is not of these days gives way to its route's.
        if not of_route:
            raise AskError(f"route {str(route)[:60]!r}: no trip of it in these days")
        found = of_route
    return max(found, key=lambda choice: (choice.client_outage_min, choice.trip), default=None)


def _choice(choice: Choice) -> dict[str, Any]:
    return {
        "route": choice.route,
        "trip": choice.trip,
        "period": choice.period,
        "start_s": choice.start_s,
        "scheduled": choice.scheduled,
        "observed": choice.observed,
        "outage_min": round(choice.client_outage_min, 1),
        "usable_share": _share(choice.usable_share),
    }


def _ribbon(drawn: Ribbon, planted: Planted | None) -> dict[str, Any]:
    length_m = drawn.road.length_m
    weak = None if planted is None else planted(drawn.choice.trip, length_m)
    return {
        "length_m": round(length_m, 1),
        "earlier": drawn.earlier,
        "pieces": [_piece(piece) for piece in drawn.pieces],
        "stops": [{"name": stop.name, "along_m": round(stop.along_m, 1)} for stop in drawn.stops],
        "dead": [_stretch(stretch) for stretch in drawn.dead],
        "planted": None
        if weak is None
        else [
            {"start_m": round(s.start_m, 1), "end_m": round(s.end_m, 1), "state": s.state}
            for s in weak
        ],
    }


def _piece(piece: Piece) -> dict[str, Any]:
    judged = piece.judged
    return {
        "start_m": piece.start_m,
        "end_m": round(piece.end_m, 1),
        "state": piece.state,
        "passes": judged.passes if judged else 0,
        "driven": judged.driven if judged else 0,
        "usable_share": _share(judged.usable_share) if judged else None,
        "reported_share": _share(judged.reported_share) if judged else None,
        "low": _share(judged.low) if judged and judged.passes else None,
        "high": _share(judged.high) if judged and judged.passes else None,
        "outage_min": round(judged.client_outage_min, 1) if judged else 0.0,
    }


def _stretch(stretch: Stretch) -> dict[str, Any]:
    return {
        "start_m": stretch.start_m,
        "end_m": round(stretch.end_m, 1),
        "where": stretch.where,
        "passes": stretch.passes,
        "outage_min": round(stretch.outage_min, 1),
        "usable_share": _share(stretch.usable_share),
        "reported_share": _share(stretch.reported_share),
    }


def _share(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
