"""What every source of Wi-Fi clients says of them: session records, and what happened since.

Guarantees: a record tells no exact start. Does not: know where a client was seen.
"""

from __future__ import annotations

from dataclasses import dataclass

from homeroute_agent.clients import Stay
from homeroute_agent.sample import Context
from homeroute_agent.sessions import Totals
from homeroute_wire.measurements import Session


@dataclass(slots=True)
class Since:
    """What happened since the last ``wifi`` point."""

    peak: int = 0
    associated: int = 0
    disassociated: int = 0


def emit_session(ctx: Context, ssid: str, totals: Totals) -> None:
    """Emit one session record.

    A record made while its client was still here carries whole minutes: its own
    time less an exact length would tell the exact start.
    """
    length_s = totals.session_s
    if totals.cause in {"interim", "shutdown"}:
        whole_s = max(1, round(ctx.config.minute_s))
        length_s -= length_s % whole_s
    if not totals.open:
        ctx.clients.note_stay(totals.client, Stay(totals.started_ms, totals.until_ms))
    record = Session(
        ssid=ssid,
        cause=totals.cause,
        client=totals.client,
        started_min=0,  # dated from started_boot_ms once the clock is trusted
        session_s=length_s,
        open=totals.open,
        down_bytes=totals.down_bytes,
        up_bytes=totals.up_bytes,
    )
    ctx.emit(record, started_boot_ms=totals.started_ms)
