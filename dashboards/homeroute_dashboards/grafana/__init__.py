"""Grafana's dashboards as code: ``python -m homeroute_dashboards.grafana`` writes the JSON.

Guarantees: every measurement, field and tag in a query is one that wire
declares, or building fails; the same source always gives the same bytes.

Does not: talk to a Grafana.
"""
