"""The built-in pages: *Fleet now* and *Connectivity by route and time*."""

from homeroute_dashboards.pages.mounting import mount

__all__ = ["mount"]
