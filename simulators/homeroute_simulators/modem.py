"""A fake modem: a program that answers as mmcli 1.20 or uqmi does, with the signal set.

``[modem] command`` of an agent is :attr:`ModemProgram.path`. Guarantees: an answer is
whole, of one moment: values are replaced in one step. Told to hang, the program prints
nothing until it is ended, as uqmi does while a modem resets. Its status prints carry an
IMEI, as the real one's do, so that a test can look where it went.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

IMEI = "861585040000000"
"""Of no modem: planted."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What the modem hears now. ``nr`` is 5G beside an LTE anchor: RSRP, RSRQ and SNR of it."""

    rsrp_dbm: float
    rsrq_db: float
    sinr_db: float
    carrier: str = "Carrier A"
    nr: tuple[float, float, float] | None = None


class ModemProgram:
    """The program, in a folder of its own; ``cell`` None is a modem without service."""

    def __init__(self, folder: Path, tool: str, cell: Cell | None = None) -> None:
        if tool not in {"mmcli", "uqmi"}:
            raise ValueError(f"modem program {tool!r}: want mmcli or uqmi")
        self._folder = folder
        self._tool = tool
        self.path = folder / tool
        folder.mkdir(parents=True, exist_ok=True)
        self.hang(hanging=False)
        self.show(cell)
        # One shell without a child: an agent ends it by ending the one it started.
        self.path.write_text(
            "#!/bin/sh\n"
            f"cd {_quoted(folder)} || exit 1\n"
            "[ -e hang ] && exec sleep 3600\n"
            'case "$*" in\n'
            "*--signal-setup=*) exit 0 ;;\n"
            "*--signal-get* | *--get-signal-info*) exec cat signal.json ;;\n"
            "*) exec cat status.json ;;\n"
            "esac\n"
        )
        self.path.chmod(0o755)

    def show(self, cell: Cell | None) -> None:
        """Hear this cell from now on."""
        if self._tool == "mmcli":
            self._put("signal.json", mmcli_signal(cell))
            self._put("status.json", mmcli_modem(cell))
        else:
            self._put("signal.json", uqmi_signal(cell))
            self._put("status.json", uqmi_serving(cell))

    def hang(self, *, hanging: bool) -> None:
        """Stop answering, or answer again."""
        if hanging:
            (self._folder / "hang").touch()
        else:
            (self._folder / "hang").unlink(missing_ok=True)

    def _put(self, name: str, document: object) -> None:
        part = self._folder / f"{name}.part"
        part.write_text(json.dumps(document, separators=(",", ":")) + "\n")
        part.replace(self._folder / name)


def mmcli_signal(cell: Cell | None) -> object:
    """What ``mmcli -J --signal-get`` prints."""
    nothing = "--"
    lte = (cell.rsrp_dbm, cell.rsrq_db, cell.sinr_db) if cell else None
    return {
        "modem": {
            "signal": {
                "5g": _mmcli_block(cell.nr if cell else None),
                "cdma1x": {"ecio": nothing, "error-rate": nothing, "rssi": nothing},
                "gsm": {"error-rate": nothing, "rssi": nothing},
                "lte": {**_mmcli_block(lte), "rssi": nothing},
                "refresh": {"rate": "10"},
                "umts": {"ecio": nothing, "rscp": nothing, "rssi": nothing},
            }
        }
    }


def mmcli_modem(cell: Cell | None) -> object:
    """As much of what ``mmcli -J`` prints as matters, and the IMEI, which must not."""
    technologies = [] if cell is None else ["lte", "5gnr"] if cell.nr else ["lte"]
    return {
        "modem": {
            "3gpp": {
                "imei": IMEI,
                "operator-code": "--" if cell is None else "310410",
                "operator-name": "--" if cell is None else cell.carrier,
                "registration-state": "searching" if cell is None else "home",
            },
            "generic": {"access-technologies": technologies, "equipment-identifier": IMEI},
        }
    }


def uqmi_signal(cell: Cell | None) -> object:
    """What ``uqmi --get-signal-info`` prints."""
    if cell is None:
        return {}
    lte = {
        "type": "lte",
        "rssi": int(cell.rsrp_dbm + 28),
        "rsrq": round(cell.rsrq_db),
        "rsrp": round(cell.rsrp_dbm),
        "snr": float(round(cell.sinr_db, 1)),
    }
    if cell.nr is None:
        return lte
    rsrp, rsrq, snr = cell.nr
    return [lte, {"type": "5gnr", "rsrp": round(rsrp), "snr": float(snr), "rsrq": round(rsrq)}]


def uqmi_serving(cell: Cell | None) -> object:
    """What ``uqmi --get-serving-system`` prints."""
    if cell is None:
        return {"registration": "searching", "roaming": False}
    return {
        "registration": "registered",
        "plmn_mcc": 310,
        "plmn_mnc": 410,
        "plmn_description": cell.carrier,
        "roaming": False,
    }


def _mmcli_block(figures: tuple[float, float, float] | None) -> dict[str, str]:
    texts = [f"{value:.2f}" for value in figures] if figures else ["--"] * 3
    return {"error-rate": "--", **dict(zip(("rsrp", "rsrq", "snr"), texts, strict=True))}


def _quoted(path: Path) -> str:
    return "'" + os.fspath(path.resolve()).replace("'", "'\\''") + "'"
