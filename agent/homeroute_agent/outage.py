"""What is said of a broker that is away. Pure: no I/O, no clock; times are ms.

Guarantees: within one outage each reason is said once, so that a device put out
of the district says *connection lost* and then *not authorized*, and a bus in a
dead zone does not fill its log. Connections that the broker ends one after the
other, soon, with no other trouble in between, are said to be what they look
like: another device with the same id (a broker ends the older of two sessions).
"""

from __future__ import annotations

FLAPS = 4
"""So many connections in a row ended by the broker: not a coincidence."""

SOON_MS = 30_000
"""A connection that stood for less than this ended soon."""

REASONS_BOUND = 16
"""Reasons said in one outage; any further ones are not."""

_OURS = "keep alive"
"""In the reason when it was this end that gave the connection up: no coverage."""


class Outage:
    """Follows one device's connections and finds the words."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._said: set[str] = set()
        self._since_ms: int | None = None
        self._flaps = 0

    def connected(self, now_ms: int) -> None:
        """A connection stands."""
        self._said.clear()
        self._since_ms = now_ms

    def lost(self, reason: str, now_ms: int) -> list[str]:
        """A connection is lost, or could not be made: what is to be said now."""
        ended_soon = (
            self._since_ms is not None
            and now_ms - self._since_ms < SOON_MS
            and _OURS not in reason.lower()
        )
        self._since_ms = None
        self._flaps = self._flaps + 1 if ended_soon else 0
        said = []
        if reason not in self._said and len(self._said) < REASONS_BOUND:
            end = "still trying" if self._said else "keeping everything and trying again"
            said.append(f"{reason}; {end}")
            self._said.add(reason)
        if self._flaps == FLAPS:
            said.append(
                f"the broker ended {FLAPS} connections in a row: another device seems to use the "
                f"id {self._device} (a copied card?); enrol each device under an id of its own"
            )
        return said
