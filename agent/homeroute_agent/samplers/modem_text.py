"""What mmcli and uqmi print of a modem, read. Pure.

Seen on mmcli 1.20: every value is a text, ``"--"`` is null, and SINR is called
``snr``. uqmi prints numbers, and an array of two for 5G beside an LTE anchor. Old
builds of it print ``snr`` in whole tenths of a dB, newer ones in dB with a point.

Guarantees: nothing raises but ValueError, for what is no JSON at all. IMEI, numbers
and SIM are dropped while the JSON is read: no object ever holds them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

from homeroute_agent.modem_signal import Signal

TEXT_BOUND = 65_536

_WANTED = frozenset({
    "modem", "signal", "generic", "3gpp", "access-technologies", "operator-name",
    "5g", "lte", "umts", "gsm", "cdma1x", "evdo", "type", "rsrp", "rsrq", "snr", "rssi",
    "plmn_description",
})  # fmt: skip
"""The only keys that are kept of what a tool prints."""

_FAMILIES = {
    "5gnr": "5g", "nr5g": "5g", "lte": "lte",
    "umts": "umts", "wcdma": "umts", "hsdpa": "umts", "hsupa": "umts", "hspa": "umts",
    "hspa-plus": "umts", "gsm": "gsm", "gsm-compact": "gsm", "gprs": "gsm", "edge": "gsm",
    "cdma": "cdma", "hdr": "cdma", "1xrtt": "cdma", "evdo0": "cdma", "evdoa": "cdma",
    "evdob": "cdma",
}  # fmt: skip
"""The tools' many names of technologies, as few tags."""


def parse_mmcli_signal(text: str) -> Signal:
    """Read ``mmcli -m N -J --signal-get``: figures, and the technology they are of."""
    blocks = _at(_read(text), "modem", "signal")
    read = {name: _figures(_at(blocks, key)) for name, key in (("lte", "lte"), ("5g", "5g"))}
    present = [name for name, figures in read.items() if figures.tells]
    if not present:
        older = next((k for k in ("umts", "gsm", "cdma1x", "evdo") if _speaks(_at(blocks, k))), "")
        technology = {"cdma1x": "cdma", "evdo": "cdma"}.get(older, older)
        return Signal(technology=technology or None)
    return _with_technology(read[present[0]], technology_of(present))


def parse_mmcli_modem(text: str) -> Signal:
    """Read ``mmcli -m N -J``: technology and carrier, no figures."""
    modem = _at(_read(text), "modem")
    names = _at(modem, "generic", "access-technologies")
    carrier = _at(modem, "3gpp", "operator-name")
    technology = technology_of(map(str, names)) if isinstance(names, list) else None
    return Signal(technology=technology, carrier=_name(carrier))


def parse_uqmi_signal(text: str) -> Signal:
    """Read ``uqmi --get-signal-info``, of one technology or an array of two."""
    document = _read(text)
    rows = document if isinstance(document, list) else [document]
    rows = [row for row in rows if isinstance(row, dict)]
    anchor = next((row for row in rows if row.get("type") == "lte"), rows[0] if rows else {})
    figures = _figures(anchor, tenths=True)
    return _with_technology(figures, technology_of(str(row.get("type")) for row in rows))


def parse_uqmi_serving(text: str) -> Signal:
    """Read ``uqmi --get-serving-system``: the carrier."""
    return Signal(carrier=_name(_at(_read(text), "plmn_description")))


def technology_of(names: Iterable[str]) -> str | None:
    """One tag for the technologies in use; None when none of them is known."""
    families = {_FAMILIES.get(name.lower(), "5g" if name == "5g" else "") for name in names}
    if {"5g", "lte"} <= families:
        return "5g-nsa"
    return next((f for f in ("5g", "lte", "umts", "gsm", "cdma") if f in families), None)


def _read(text: str) -> Any:
    try:
        return json.loads(text[:TEXT_BOUND], object_pairs_hook=_keep)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {key: value for key, value in pairs if key in _WANTED}


def _at(document: Any, *keys: str) -> Any:
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document


def _figures(block: Any, *, tenths: bool = False) -> Signal:
    snr = _at(block, "snr")
    sinr_db = _number(snr)
    if tenths and type(snr) is int and sinr_db is not None:
        sinr_db /= 10
    return Signal(_number(_at(block, "rsrp")), _number(_at(block, "rsrq")), sinr_db)


def _speaks(block: Any) -> bool:
    return _number(_at(block, "rssi")) is not None


def _with_technology(signal: Signal, technology: str | None) -> Signal:
    return Signal(signal.rsrp_dbm, signal.rsrq_db, signal.sinr_db, technology)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _name(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) and value != "--" else None
