"""Reports: tables for people and for other programs, from the aggregates."""
