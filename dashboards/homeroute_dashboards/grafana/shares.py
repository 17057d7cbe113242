"""The shares of the metric dictionary (DESIGN section 7) as InfluxQL: sums over sums."""

from __future__ import annotations

USABLE = "sum(usable_s) / sum(reported_s)"
"""Of a trip or day: usable seconds of reported ones."""

REPORTED = "sum(reported_s) / sum(scheduled_s)"
"""Of a trip or day: reported seconds of scheduled ones."""

HEARD = "(sum(usable_s) + sum(connected_s) + sum(no_service_s))"
"""Of a segment or hour: reported seconds. Its states exclude each other."""

DRIVEN = "(sum(usable_s) + sum(connected_s) + sum(no_service_s) + sum(unreported_s))"
"""Of a segment or hour: all its seconds."""
