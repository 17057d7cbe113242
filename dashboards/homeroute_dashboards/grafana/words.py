"""Panels of words: banners and methods, and lists of dashboards."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboardlist, text
from grafana_foundation_sdk.models import text as models

from homeroute_dashboards.grafana.panels import Board


def said(title: str, description: str, markdown: str, *, width: int = 24, height: int = 3) -> Board:
    """Markdown."""
    return (
        text.Panel()
        .mode(models.TextMode.MARKDOWN)
        .content(markdown)
        .title(title)
        .description(description)
        .span(width)
        .height(height)
    )


def dashboards(
    title: str, description: str, tag: str, *, width: int = 8, height: int = 12
) -> Board:
    """Dashboards of that tag which this organisation has."""
    return (
        dashboardlist.Panel()
        .tags([tag])
        .show_search(True)
        .show_starred(False)
        .show_recently_viewed(False)
        .show_headings(False)
        .show_folder_names(False)
        .keep_time(False)
        .include_vars(False)
        .max_items(30)
        .title(title)
        .description(description)
        .span(width)
        .height(height)
    )
