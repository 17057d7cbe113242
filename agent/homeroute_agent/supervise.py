"""Keeps samplers running, each for itself: one failing never stops another.

Guarantees: a failure is counted, and logged once until the sampler works again;
what is logged names the place in the code and the kind of error, never its
message, which could quote what the sampler read (a MAC, a query name). Absent
hardware is no failure: said once, at debug.
"""

from __future__ import annotations

import asyncio
import logging
import traceback

from homeroute_agent.sample import Context, NoData, Sampler
from homeroute_agent.spool_file import Log
from homeroute_agent.window import full_jitter_s

ABSENT_S = 60.0
"""Before looking again for hardware that was not there."""


class Failures:
    """Counts samplers' failures and remembers which fail now."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._failing: set[str] = set()
        self.count = 0

    def failed(self, name: str, error: Exception) -> None:
        """Count one failure of the sampler named; log it if it worked before."""
        absent = isinstance(error, NoData)
        if not absent:
            self.count += 1
        if name not in self._failing:
            level = logging.DEBUG if absent else logging.WARNING
            self._log.log(level, "sampler %s: %s", name, describe(error))
        self._failing.add(name)

    def working(self, name: str) -> None:
        """The sampler named works."""
        if name in self._failing:
            self._failing.discard(name)
            self._log.info("sampler %s works again", name)


def describe(error: BaseException) -> str:
    """An error without anything that was read: its kind and where, or the system's words."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, NoData):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        place = f": {error.filename}" if isinstance(error.filename, str) else ""
        return f"{error.strerror.lower()}{place}"
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"


async def supervise(sampler: Sampler, context: Context) -> None:
    """Run a sampler until cancelled; when it raises, wait and start it again."""
    attempt = 0
    while True:
        began_ms = context.clock.boot_ms()
        try:
            await sampler.run(context)
        except NoData as error:
            context.failed(sampler.name, error)
            await asyncio.sleep(ABSENT_S)
        except Exception as error:  # noqa: BLE001 -- whatever it is, the others go on
            context.failed(sampler.name, error)
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                return  # it failed while it was being stopped
            steady = context.clock.boot_ms() - began_ms > ABSENT_S * 1000
            attempt = 1 if steady else attempt + 1
            await asyncio.sleep(0.1 + full_jitter_s(attempt))
        else:
            return
