"""What a second terminal may do to a running demonstration: cut a bus's coverage."""

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
            bus, seconds = _read(await request.json())
        except (ValueError, TypeError, AttributeError) as error:
            return _error(400, f"want an object with bus and seconds: {error}")
        if bus not in self.fleet.devices:
            return _error(404, f"no bus {bus[:63]!r}; there are {', '.join(self.fleet.devices)}")
        self.fleet.cut(bus, seconds)
        return web.json_response({"bus": bus, "seconds": seconds})


def _read(body: Any) -> tuple[str, float]:
    bus, seconds = body.get("bus"), body.get("seconds", 60.0)
    if not isinstance(bus, str):
        raise ValueError("bus is no text")
    if type(seconds) not in (int, float) or not 0 < seconds <= CUT_BOUND_S:
        raise ValueError(f"seconds is not between 0 and {CUT_BOUND_S:.0f}")
    return bus, float(seconds)


def _error(status: int, why: str) -> web.Response:
    return web.json_response({"error": why}, status=status)
