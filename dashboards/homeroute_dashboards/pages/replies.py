"""How the pages' endpoints answer: JSON that is not kept, and questions asked once."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web


class Kept:
    """Answers kept for some seconds; one question is asked once at a time."""

    def __init__(self, seconds: float, bound: int = 64) -> None:
        self._seconds = seconds
        self._bound = bound
        self._answers: dict[Any, tuple[float, Any]] = {}
        self._asking = asyncio.Lock()

    async def get(self, question: Any, ask: Callable[[], Awaitable[Any]]) -> Any:
        """The answer, from memory while it is fresh."""
        async with self._asking:
            kept = self._answers.get(question)
            if kept is not None and time.monotonic() - kept[0] < self._seconds:
                return kept[1]
            answer = await ask()
            if len(self._answers) >= self._bound:
                self._answers.clear()
            self._answers[question] = (time.monotonic(), answer)
            return answer


def replied(document: Any, status: int = 200) -> web.Response:
    """A document as JSON."""
    return web.Response(
        text=json.dumps(document, allow_nan=False),
        content_type="application/json",
        status=status,
        headers={"Cache-Control": "no-store"},
    )
