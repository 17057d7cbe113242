"""Attribution: which trip of the timetable a bus was driving, and why we believe so.

`track` makes fixes of positions, `roads` finds the shapes beside them, `trace`
follows each shape forward, `fits` compares what was followed with the timetable,
`answer` says what can be said of one drive so far, `choose` gives every trip of a
day to one device at most, and `days` makes legs of it. The method, its thresholds
and how often it is right: docs/attribution.md.
"""
