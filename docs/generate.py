"""Write the generated pages of docs/ anew, or with ``--check`` say which are out of date.

Names, units and bounds come from the wire, so that no page can disagree with
what is sent. Why a thing is sent, who sees it and how long stands here, by
hand: a measurement without a reason is an error, not an empty cell.
"""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path

from homeroute_agent import settings_page
from homeroute_collector.alert_rules import RULES
from homeroute_wire import reference
from homeroute_wire.batch import Header
from homeroute_wire.measurements import FROM_DEVICES
from homeroute_wire.messages import Status
from homeroute_wire.schema import FieldSpec, MeasurementSpec

DOCS = Path(__file__).resolve().parent
BEGIN, END = "<!-- generated: begin -->\n", "<!-- generated: end -->\n"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a measurement leaves the bus, and who looks at it."""

    why: str
    who: str


RAW = "90 days by default (`retention_days`)"

REASONS = {
    "wifi": Reason("Is the bus's Wi-Fi used, and by how many at once?", "network engineer"),
    "session": Reason(
        "How long do clients stay, and do they get through? The ordinal starts at 1 with every "
        "run of the agent and follows nobody to the next day; the start is rounded to the minute.",
        "network engineer; the evaluator sees sums of at least 10 clients",
    ),
    "traffic": Reason(
        "Does the gateway pass traffic, and how much does the plan need?", "network engineer"
    ),
    "uplink": Reason(
        "Which routes lose the internet, where and when? The reason for the whole project.",
        "transportation director, network engineer",
    ),
    "activity": Reason(
        "How much of the ride is learning? Counts of clients in one minute over the whole bus: "
        "no name looked up, and nothing that says which client did what.",
        "evaluator, as sums of at least 10 clients",
    ),
    "filter": Reason(
        "Does the filter work, and is a category blocked that a lesson needs? Counts by category; "
        "no name, and no client.",
        "network engineer; the evaluator sees sums of at least 10 clients",
    ),
    "position": Reason(
        "Where is coverage lost? It is the position of a bus on its public round. "
        "A hotspot has none to send.",
        "transportation director, network engineer",
    ),
    "health": Reason("Is the gateway hot, full, or short of power?", "network engineer"),
    "agent": Reason(
        "Does every point sampled arrive? The ledger that proves it.", "network engineer"
    ),
    "filter_check": Reason("Is the filter on at all, before children use it?", "network engineer"),
    "usage": Reason(
        "Is a lent hotspot used, or lying in a drawer? A hotspot is a household: one total a day, "
        "no sessions, no sites, no categories, no place.",
        "program staff",
    ),
}
"""By hand: why each measurement is sent, and who sees it."""


def measurements_page() -> str:
    """docs/measurements.md."""
    return reference.page()


def privacy_page(before: str) -> str:
    """docs/privacy.md with its tables made anew between the two marks."""
    sections = "".join(map(_section, FROM_DEVICES.values()))
    return between_marks("privacy.md", before, _around() + sections)


def alerts_page(before: str) -> str:
    """docs/alerts.md with the rules' table made anew between the two marks."""
    rows = "".join(
        f"| `{rule.name}` | {rule.title} | {rule.meaning} | {_minutes(rule.for_s)} "
        f"| {rule.todo} | {'yes' if rule.always else 'no'} |\n"
        for rule in RULES.values()
    )
    header = "| rule | title | when | told after | what to do | outside school |\n"
    return between_marks("alerts.md", before, header + "| --- " * 6 + "|\n" + rows)


def between_marks(name: str, before: str, made: str) -> str:
    """A page with what stands between its two marks made anew."""
    head, _, rest = before.partition(BEGIN)
    _, found, tail = rest.partition(END)
    if not found:
        raise ValueError(f"docs/{name} has lost its marks {BEGIN.strip()} and {END.strip()}")
    return head + BEGIN + "\n" + made + "\n" + END + tail


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:g} min" if seconds else "at once"


def _around() -> str:
    header = ", ".join(f"`{field.name}`" for field in dataclasses.fields(Header))
    status = ", ".join(f"`{field.name}`" for field in dataclasses.fields(Status))
    return (
        "### Around every batch\n\n"
        "The topic says `district` and `device`, ids that the district gave to a gateway, and the\n"
        f"body its kind (`bus` or `hotspot`). The clear line before a batch says {header};\n"
        f"the status message says {status}. All of it is about the gateway and its\n"
        "software, none about a client. `stream` is 64 random bits, new at each start of the\n"
        "agent.\n"
    )


def _section(spec: MeasurementSpec) -> str:
    reason = REASONS[spec.name]
    rows = "".join(
        f"| `{column.name}` | {column.doc} | {_values(column)} |\n" for column in spec.columns
    )
    return (
        f"\n### `{spec.name}`: {_kinds(spec)}, every {spec.cadence}\n\n"
        f"- *Why*: {reason.why}\n- *Who sees it*: {reason.who}.\n- *How long*: {RAW}.\n\n"
        "| field | what it says | values |\n| --- | --- | --- |\n" + rows
    )


def _kinds(spec: MeasurementSpec) -> str:
    return " and ".join({"bus": "buses", "hotspot": "hotspots"}[kind] for kind in spec.kinds)


def _values(column: FieldSpec) -> str:
    if column.choices:
        return ", ".join(column.choices)
    words = {"int": "whole number", "float": "number", "bool": "yes or no", "str": "short text"}
    unit = f", {column.unit}" if column.unit else ""
    return words[column.value_type] + unit + ("; may be absent" if column.optional else "")


def pages() -> dict[Path, str]:
    """Every generated page, as it should be."""
    privacy, alerts = DOCS / "privacy.md", DOCS / "alerts.md"
    return {
        alerts: alerts_page(alerts.read_text(encoding="utf-8")),
        DOCS / "agent-configuration.md": settings_page.page(),
        DOCS / "measurements.md": measurements_page(),
        privacy: privacy_page(privacy.read_text(encoding="utf-8")),
    }


def main(argv: list[str]) -> int:
    """Write, or check. Returns 1 when a page is out of date."""
    stale = [
        (path, text)
        for path, text in pages().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path, text in stale:
        if "--check" in argv:
            print(f"docs/{path.name} is out of date: make generate")
        else:
            path.write_text(text, encoding="utf-8")
            print(f"docs/{path.name} written")
    return 1 if stale and "--check" in argv else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
