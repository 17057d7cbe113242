"""Files that become the timetable: GTFS zips, school-routing CSV pairs, and plain tables.

Every reader is pure: files in, records out, or a :class:`~.problems.FeedError` that
names file, line and column of what is wrong, of more than the first thing. Nothing
here opens an archive; :mod:`homeroute_analytics.imports` stores what was read.
"""
