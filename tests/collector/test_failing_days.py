"""What the collector says while some day cannot be rolled up, or some week published."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path

import pytest

from tests.collector.serving import config, serving


@pytest.mark.slow
def test_health_names_the_first_day_and_week_that_fail_and_what_to_do(
    tmp_path: Path,
) -> None:
    async def run() -> None:
        settings = config(tmp_path / "data", None)
        async with serving(settings, connected=False) as (collector, session):
            collector.failing_days[date(2026, 11, 10)] = "KeyError: 's1'"
            collector.failing_days[date(2026, 11, 9)] = "ValueError: no road"
            async with session.get("/healthz") as answer:
                assert answer.status == 503
                problems = (await answer.json())["problems"]
            [told] = [problem for problem in problems if "rolled up" in problem]
            assert told == (
                "2026-11-09 and 1 more cannot be rolled up, and no raw points from then on "
                "expire: ValueError: no road; try `homeroute rollup --day 2026-11-09`"
            )
            collector.failing_weeks[date(2026, 11, 9)] = "ValueError: the cells do not add up"
            async with session.get("/healthz") as answer:
                problems = (await answer.json())["problems"]
            [told] = [problem for problem in problems if "published" in problem]
            assert told == (
                "the week of 2026-11-09 cannot be published: ValueError: the cells do not add up; "
                "try `homeroute publish --week 2026-W46 --dry-run`"
            )
            collector.failing_days.clear()
            collector.failing_weeks.clear()
            async with session.get("/healthz") as answer:
                text = await answer.text()
                assert "rolled up" not in text
                assert "published" not in text

    asyncio.run(run())
