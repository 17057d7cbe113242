"""Every table of the archive that analytics own, for whoever opens an archive."""

from __future__ import annotations

from homeroute_analytics import legs, publication, rollup_tables, timetable_tables

DDL = (legs.DDL, *legs.UPGRADES, *timetable_tables.DDL, *rollup_tables.DDL, publication.DDL)
"""Statements that make what is missing and change nothing else."""
