"""What people look at: the built-in pages, and Grafana as code.

Guarantees: a panel cannot name a measurement or field that wire does not
declare; pages need no other host, framework or inline script.

Does not: compute a metric (analytics does), or keep any state.
"""
