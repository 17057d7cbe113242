"""Work that a cancellation may not cut in the middle.

Guarantees: a first cancellation goes on only once the work has ended, whatever became of
it; a second one leaves it behind. Does not: bound the work; it has a timeout of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


async def whole(work: Coroutine[Any, Any, Result]) -> Result:
    """What the work returns or raises, unless cancelled meanwhile."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        # Whoever cancelled does not ask how it went; nobody else will retrieve it.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        if not task.done():
            await asyncio.wait([task])
        raise
