"""Which of the analytics' aggregates InfluxDB follows, into which database.

Does not: write any. That is the rollups' work, and the publication's.
"""

from __future__ import annotations

from homeroute_analytics import publication, rollups
from homeroute_analytics.aggregates import AGGREGATES as DECLARED
from homeroute_analytics.aggregates import Audience, audience
from homeroute_collector.influx_aggregates import Aggregates, Logged

_WRITTEN = ((rollups.LOG, 1, rollups.DAILY), (publication.LOG, 7, publication.WEEKLY))


def _of(whose: Audience) -> tuple[Logged, ...]:
    found = (
        Logged(log, days, tuple(DECLARED[n] for n in names if audience(n) == whose))
        for log, days, names in _WRITTEN
    )
    return tuple(logged for logged in found if logged.specs)


AGGREGATES = Aggregates(staff=_of("staff"), published=_of("published"))
