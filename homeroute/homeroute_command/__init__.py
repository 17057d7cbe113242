"""The `homeroute` command: the one place that knows all the other packages."""
