"""The agent as a whole: samplers that fail, the ledger it tells, one boot's clock, secrets."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from pathlib import Path

import pytest

from homeroute_agent.clock import Clock, every
from homeroute_agent.config import Config
from homeroute_agent.run import run_agent
from homeroute_agent.sample import Context, NoData, Sampler
from homeroute_agent.spool import Ledger, Spool
from homeroute_agent.supervise import Failures, describe, supervise
from homeroute_wire.batch import Header, decode, frame
from homeroute_wire.measurements import Health, Session
from tests.agent.acking import Acking
from tests.agent.agents import COUNTING, LOG, configure, play, running, until
from tests.brokers import Mosquitto

NOW_MS = 1_795_299_000_000
MAC = "9e:1a:2b:3c:4d:5e"


def trusted() -> Clock:
    clock = Clock(boot_id="boot")
    clock.offer("kernel", NOW_MS)
    return clock


async def run_for(config: Config, samplers: tuple[Sampler, ...], seconds: float) -> Ledger:
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, stop.set)
    return await run_agent(
        config, stop=stop, clock=trusted(), samplers=samplers, logger=LOG, quiesce_s=0.1
    )


def spooled(config: Config) -> list[dict[str, list[object]]]:
    """Columns of every measurement left in the spool."""
    spool = Spool.open(config.state_dir / "spool.sqlite")
    found = []
    while (batch := spool.take()) is not None:
        raw = decode(frame(Header(batch.stream, batch.seq, 0, batch.points), batch.body))
        found += [{"name": [name]} | columns.values for name, columns in raw.measurements.items()]
    spool.close()
    return found


@pytest.mark.slow
def test_a_sampler_that_fails_is_counted_said_once_without_its_words_and_stops_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def fail(_context: Context) -> None:
        raise ValueError(f"cannot read station {MAC}")

    samplers = (Sampler("failing", lambda _: True, fail), COUNTING)
    config = configure(tmp_path, 1)
    asyncio.run(run_for(config, samplers, 3.5))
    counted = [len(c["uptime_s"]) for c in spooled(config) if c["name"] == ["health"]]
    assert sum(counted) > 20
    said = [r.getMessage() for r in caplog.records if "sampler failing" in r.getMessage()]
    assert len(said) == 1 and said[0].startswith("sampler failing: ValueError at test_run.py:")
    assert MAC not in caplog.text


def test_errors_are_described_without_what_was_read() -> None:
    assert describe(NoData("no modem")) == "no modem"
    assert describe(FileNotFoundError(2, "No such file or directory", "/run/x")) == (
        "no such file or directory: /run/x"
    )
    group = ExceptionGroup("several", [ValueError(MAC)])
    assert describe(group) == "ValueError"


def test_a_sampler_is_said_to_fail_once_and_to_work_again_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    failures = Failures(logging.getLogger("test"))
    for _ in range(3):
        failures.failed("gpsd", ConnectionError("x"))
    failures.failed("modem", NoData("no modem"))
    failures.working("gpsd")
    failures.working("gpsd")
    assert failures.count == 3
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ("WARNING", "sampler gpsd: ConnectionError"),
        ("DEBUG", "sampler modem: no modem"),
        ("INFO", "sampler gpsd works again"),
    ]


def test_a_sampler_that_fails_while_it_is_stopped_does_not_begin_anew(tmp_path: Path) -> None:
    async def stubborn(_context: Context) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            raise ValueError("even now")

    async def story() -> None:
        context = Context(
            config=configure(tmp_path, 1),
            clock=trusted(),
            clients=None,  # type: ignore[arg-type]
            emit=lambda *_: None,
            failed=lambda *_: None,
            working=lambda _: None,
        )
        task = asyncio.create_task(supervise(Sampler("s", lambda _: True, stubborn), context))
        await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=2)
        assert done

    play(story)


@pytest.mark.slow
def test_told_to_stop_it_closes_sessions_and_cuts_the_last_batch(tmp_path: Path) -> None:
    async def sit(context: Context) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            record = Session(
                ssid="Bus", cause="shutdown", client=1, started_min=0, session_s=1, open=False
            )
            context.emit(record, started_boot_ms=context.clock.boot_ms())

    config = dataclasses.replace(configure(tmp_path, 1), batch_s=600.0)
    ledger = asyncio.run(run_for(config, (Sampler("sitting", lambda _: True, sit),), 0.5))
    assert ["session"] in [columns["name"] for columns in spooled(config)]
    assert ledger.sampled == ledger.spooled


@pytest.mark.slow
def test_the_ledger_it_tells_adds_up_in_every_point_and_includes_itself_only_later(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async def story() -> None:
        config = dataclasses.replace(configure(tmp_path, mosquitto.port), minute_s=0.1)
        with Acking(mosquitto.port) as collector:
            async with running(config) as agent:
                await until(lambda: collector.points > 60, "points")
                ledger = await agent.stop()
        told = [raw.values for b in collector.batches if (raw := b.measurements.get("agent"))]
        rows = [
            dict(zip(columns, row, strict=True))
            for columns in told
            for row in zip(*columns.values(), strict=True)
        ]
        assert len(rows) > 10
        for row in rows:
            assert row["sampled"] == (
                row["stored"] + row["refused"] + row["dropped"] + row["spooled"]
            )
            assert row["sampled"] <= ledger.sampled
        assert min(row["sampled"] for row in rows) == 0

    play(story)


@pytest.mark.slow
def test_an_agent_restarted_within_a_boot_keeps_the_offset_fixed_first(tmp_path: Path) -> None:
    async def look(context: Context) -> None:
        offsets.append(context.clock.offset_ms)
        async for _ in every(context.clock, 0.1):
            context.emit(Health(uptime_s=1))

    async def story() -> None:
        for _ in range(2):
            stop = asyncio.Event()
            asyncio.get_running_loop().call_later(0.7, stop.set)
            samplers = (Sampler("look", lambda _: True, look),)
            await run_agent(config, stop=stop, samplers=samplers, logger=LOG, quiesce_s=0.1)
            if len(offsets) == 1:  # as if the kernel or the collector had spoken in between
                spool = Spool.open(config.state_dir / "spool.sqlite")
                spool.remember_clock(Clock().boot_id, NOW_MS, NOW_MS + 1)
                spool.close()

    offsets: list[int | None] = []
    config = configure(tmp_path, 1)
    play(story)
    assert offsets[1] == NOW_MS
