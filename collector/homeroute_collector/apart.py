"""Long work on the archive in a thread of its own, so that the collector goes on answering.

Guarantees: the archive is still asked in the collector's loop, as it wants to be; a
cancelled caller ends the work at its next question. Does not: make it any faster.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from homeroute_collector.archive_records import Query

Result = TypeVar("Result")


async def aside(query: Query, work: Callable[[Query], Coroutine[Any, Any, Result]]) -> Result:
    """``work(query)`` in a thread of its own, whose questions are asked in this loop."""
    apart = Apart()
    asked = apart(query)
    return await apart.do(lambda: work(asked))


class Apart:
    """Calls of another loop's coroutine functions, from within the thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._over = threading.Event()

    def __call__(self, function: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """The same function, for the thread to await."""

        async def run(*given: Any) -> Any:
            return await function(*given)

        async def call(*given: Any) -> Any:
            if self._over.is_set():
                raise asyncio.CancelledError
            asked = asyncio.run_coroutine_threadsafe(run(*given), self._loop)
            return await asyncio.wrap_future(asked)

        return call

    async def do(self, work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """Run ``work()`` in a loop of its own in a thread."""
        try:
            return await asyncio.to_thread(asyncio.run, work())
        finally:
            self._over.set()
