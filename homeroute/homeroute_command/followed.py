"""Which of the analytics' aggregates InfluxDB follows, into which database.

Does not: write any. That is the rollups' work, and the publication's.
"""

from __future__ import annotations

from homeroute_collector.influx_aggregates import Aggregates

AGGREGATES = Aggregates()
