"""The settings as a Markdown page, generated for the documentation.

``python -m homeroute_agent.settings_page`` prints docs/agent-configuration.md; a
test fails when the committed page differs, so that no setting is undocumented.
"""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path
from typing import Any

from homeroute_agent.config import Config

INTRO = """\
# The agent's configuration

Generated from `agent/homeroute_agent/config.py` by
`python -m homeroute_agent.settings_page`; do not edit.

One TOML file, by default `/etc/homeroute/agent.toml`; `homeroute enroll` writes
it into the device's bundle, `homeroute-agent probe` offers one that fits the
machine, and `agent/deploy/agent.example.toml` shows every section. Relative
paths start at the file's folder. An unknown key, a wrong type or a value out of
bounds is one line naming file, key and the nearest known key, and exit status 2.
A section that is absent means that its sampler is not wanted; `[spool]`,
`[names]` and `[health]` have defaults instead.
"""


def page() -> str:
    """The whole page."""
    parts = [INTRO, "\n## Top of the file\n\n", _table(Config)]
    for field in dataclasses.fields(Config):
        of = field.metadata.get("table") or field.metadata.get("tables")
        if of is not None:
            bracket = f"[[{field.name}]]" if "tables" in field.metadata else f"[{field.name}]"
            parts += [f"\n## `{bracket}`\n\n{inspect.getdoc(of)}\n\n", _table(of)]
    return "".join(parts)


def _table(of: type) -> str:
    rows = [
        f"| `{field.name}` | {field.metadata['doc'].replace('|', '/')} | {_default(field)} |\n"
        for field in dataclasses.fields(of)
        if "read" in field.metadata
    ]
    return "| key | meaning | default |\n| --- | --- | --- |\n" + "".join(rows)


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is dataclasses.MISSING:
        return "required"
    if field.default is None:
        return "none"
    return f"`{_toml(field.default)}`"


def _toml(value: object) -> str:
    match value:
        case Path() | str():
            return f'"{value}"'
        case tuple():
            return "[" + ", ".join(map(_toml, value)) + "]"
        case _:
            return f"{value}"


if __name__ == "__main__":
    print(page(), end="")
