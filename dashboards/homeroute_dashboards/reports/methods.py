"""How the reports count, in words: printed with each of them."""

from __future__ import annotations

from homeroute_analytics.rollup_trips import OBSERVED_SHARE
from homeroute_analytics.verdicts import COUNTS_SHARE, Limits

_SHARES = (
    (
        "Usable",
        (
            "At most 1 in 20 of the gateway's probes of the internet fails, and they come back "
            "within 300 ms (presets). The share is usable / reported seconds while the bus is on "
            "its trip: sum over sum, never a mean of shares."
        ),
    ),
    (
        "Reported",
        (
            "Seconds some sample speaks for, of the seconds driven, or scheduled where nobody "
            "drove. Below some 90 % read the usable share with care: what is silent may be what "
            "is bad. Unreported time is never counted as good."
        ),
    ),
    (
        "Observed",
        (
            f"A trip of which at least {OBSERVED_SHARE:.0%} of the expected samples arrived. The "
            "page Connectivity by route and time counts trips heard from at all, and begins with "
            "other days: its numbers are not these."
        ),
    ),
)


def coverage_methods(limits: Limits) -> tuple[tuple[str, str], ...]:
    """Of the coverage report, by the district's own limits."""
    return (
        *_SHARES,
        (
            "Verdict",
            (
                f"Of a 250 m segment as one trip drives it. n is passes with at least "
                f"{COUNTS_SHARE:.0%} of their time reported. Fewer than {limits.fewest_passes} "
                f"passes or {limits.fewest_days} days: insufficient. Wilson's 95% interval of the "
                f"usable passes wholly under {limits.bar:.0%}: dead; wholly at or above it: good; "
                "else mixed."
            ),
        ),
        (
            "Evidence",
            (
                f"Of a route: insufficient under {limits.fewest_passes} observed trips or "
                f"{limits.fewest_days} days."
            ),
        ),
        (
            "Client outage",
            "Connected clients x minutes not usable: what riders lost. It ranks the worklist.",
        ),
        (
            "Longest gap",
            "The longest time of a trip without connection or report, of observed trips.",
        ),
        (
            "Unassigned",
            "Moving time on no known trip: excursions, or an assignment that is missing.",
        ),
        (
            "Before and after",
            (
                "Days are the sample: the interval is Student's, of a ratio of sums over days. "
                "It does not know what else changed that day."
            ),
        ),
    )


TRIPS = (
    *_SHARES,
    (
        "Source",
        (
            "Why the bus is believed to have driven it: assignment, the table; gps, its positions; "
            "none, nobody is known to have."
        ),
    ),
    ("Late", "Actual start - scheduled start."),
)

DEVICES = (
    _SHARES[1],
    (
        "Unassigned",
        "Moving time on no known trip: excursions, or an assignment that is missing.",
    ),
    (
        "Batch loss",
        "Batches missing after backfill, of those sent: numbers that later batches show were cut.",
    ),
    (
        "Backfill",
        "Receive time - event time, the 95th percentile of a day; here the worst day's.",
    ),
)

HOTSPOTS = (
    (
        "Unused",
        (
            "A day counts as unused only if the agent or a carrier's export said so. Days of which "
            "nothing is known are unreported, and count for no step."
        ),
    ),
    (
        "Days told",
        "Days of which anything is known, of the days since the hotspot is known.",
    ),
    ("Standing", "The ladder's days are a program's presets, and the district's own settings."),
)
