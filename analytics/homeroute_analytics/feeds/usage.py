"""A carrier's or an MDM's export of usage: daily totals of hotspots that run no agent.

Guarantees: totals by our device and day alone; a number of the carrier's (a phone number,
an IMEI) is turned into a device by the mapping or refused, shown by its last digits, and
kept nowhere. A comma parts thousands or is refused; a row that tells no amount tells
nothing, for a day of 0 bytes counts as *unused*. Does not: read hours or addresses,
whatever else the export holds.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from homeroute_analytics.feeds import mapping
from homeroute_analytics.feeds.csvfile import CsvFile
from homeroute_analytics.feeds.mapping import ColumnMapping, plain
from homeroute_analytics.feeds.problems import FeedError, Problem, Problems, quoted
from homeroute_wire.schema import ID_PATTERN

FIELDS = {
    "device": ("device id", "asset tag", "device name", "hotspot"),
    "day": ("date", "usage date", "activity date"),
    "total": (
        *("total usage", "usage", "data usage", "data used", "total data", "total bytes"),
        *("usage mb", "usage gb", "data usage mb", "data usage gb", "data used mb"),
        *("data used gb", "total mb", "total gb", "total kb", "usage kb", "usage bytes"),
    ),
    "down": ("download", "downlink", "down bytes", "download mb", "download gb", "bytes in"),
    "up": ("upload", "uplink", "up bytes", "upload mb", "upload gb", "bytes out"),
    "carrier": ("provider", "network", "operator"),
}
UNITS = {
    "bytes": 1,
    "b": 1,
    "kb": 1000,
    "mb": 1000**2,
    "gb": 1000**3,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
}
_THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+(\.\d*)?")
DAY_BOUND_BYTES = 10**13
"""10 TB a day: more is a wrong unit."""


def read(file: CsvFile, told: ColumnMapping, today: date) -> dict[str, list[Any]]:
    """Rows of the table ``imported_usage``; several of one device and day are summed.

    A day after ``today`` is refused: nothing was used on it yet, and it would count as
    that hotspot's last use until it comes.
    """
    names = mapping.columns(file, FIELDS, ("device", "day"), told)
    amounts = [name for name in ("total", "down", "up") if name in names]
    if "total" not in names and not {"down", "up"} <= set(names):
        what = "no column of a total, nor both of down and up; name them in a --mapping file"
        raise FeedError([Problem(file.name, 1, "", what)])
    factors = {name: _factor(file, names[name], told) for name in amounts}
    problems = Problems()
    silent = 0
    decimal_commas = file.delimiter() == ";"
    summed: dict[tuple[str, str], dict[str, int | None]] = {}
    carriers: dict[tuple[str, str], str] = {}
    for line, row in mapping.rows(file, FIELDS, ("device", "day"), told):
        device = told.devices.get(row["device"], row["device"])
        if not ID_PATTERN.fullmatch(device) or device.isdigit():
            what = f"{_masked(device)} is no device id; name it under [devices] of a --mapping"
            problems.add(file.name, line, names["device"], what)
            continue
        day = problems.day(row["day"], file=file.name, line=line, column=names["day"])
        if day is not None and day > today:
            what = f"{day} is yet to come; today is {today}"
            problems.add(file.name, line, names["day"], what)
        values: dict[str, int | None] = {}
        for name in amounts:
            text = row[name]
            if "," in text and (decimal_commas or not _THOUSANDS.fullmatch(text)):
                what = f"{quoted(text)}: a comma may part thousands, as in 1,200.5; write 1.5"
                problems.add(file.name, line, names[name], what)
                continue
            most = DAY_BOUND_BYTES / factors[name]
            value = None
            if text:
                value = problems.real(
                    text.replace(",", ""), 0, most, file=file.name, line=line, column=names[name]
                )
            values[name] = None if value is None else round(value * factors[name])
        if values.get("total") is None:
            values["total"] = _added(values.get("down"), values.get("up"))
        if values["total"] is None:
            silent += 1
        elif day is not None:
            key = device, day.isoformat()
            so_far = summed.get(key)
            summed[key] = (
                values
                if so_far is None
                else {name: _added(so_far.get(name), value) for name, value in values.items()}
            )
            carriers.setdefault(key, plain(row["carrier"])[:32])
    problems.check()
    if silent:
        file.notes.append(f"{file.name}: {silent} rows tell no amount, and were left out")
    keys = sorted(summed)
    return {
        "device": [device for device, _ in keys],
        "day": [day for _, day in keys],
        "carrier": [carriers[key] for key in keys],
        "total_bytes": [summed[key]["total"] for key in keys],
        "down_bytes": [summed[key].get("down") for key in keys],
        "up_bytes": [summed[key].get("up") for key in keys],
        "source": [file.name] * len(keys),
    }


def _added(one: int | None, other: int | None) -> int | None:
    """Their sum; None when either was not told."""
    return None if one is None or other is None else one + other


def _factor(file: CsvFile, column: str, told: ColumnMapping) -> int:
    """Bytes in one of that column's units, by its name or the mapping."""
    words = re.split(r"[^a-z]+", column.lower())
    unit = told.unit.lower() or next((word for word in reversed(words) if word in UNITS), "")
    if unit not in UNITS:
        what = f"in what unit? say it in a --mapping file: unit = one of {', '.join(UNITS)}"
        raise FeedError([Problem(file.name, 1, column, what)])
    return UNITS[unit]


def _masked(text: str) -> str:
    """Enough to find the row again, too little to keep."""
    return quoted("…" + text[-4:]) if len(text) > 4 else quoted(text)
