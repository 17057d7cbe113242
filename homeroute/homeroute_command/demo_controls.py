"""What a second terminal may do to a running demonstration: cut a device's coverage."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from homeroute_command.demo_cut import CUT_BOUND_S, PATH
from homeroute_simulators.fleet import Fleet


class Controls:
    """The demonstration's routes. ``fleet`` is None until it drives."""

    def __init__(self) -> None:
        self.fleet: Fleet | None = None

    def mount(self, app: web.Application, _: object) -> None:
        """Add the routes to the collector's application, behind its guard."""
        app.router.add_post(PATH, self._cut)

    async def _cut(self, request: web.Request) -> web.Response:
        if self.fleet is None:
            return _error(409, "the buses do not drive yet; wait for the history to be filled")
        try:
            device, seconds = _read(await request.json())
        except (ValueError, TypeError, AttributeError) as error:
            return _error(400, f"want an object with device and seconds: {error}")
        if device not in self.fleet.devices:
            there = ", ".join(self.fleet.devices)
            return _error(400, f"no device {device[:63]!r}; there are {there}")
        self.fleet.cut(device, seconds)
        return web.json_response({"device": device, "seconds": seconds})


def _read(body: Any) -> tuple[str, float]:
    device, seconds = body.get("device"), body.get("seconds", 60.0)
    if not isinstance(device, str):
        raise ValueError("device is no text")
    if type(seconds) not in (int, float) or not 0 < seconds <= CUT_BOUND_S:
        raise ValueError(f"seconds is not between 0 and {CUT_BOUND_S:.0f}")
    return device, float(seconds)


def _error(status: int, why: str) -> web.Response:
    return web.json_response({"error": why}, status=status)
