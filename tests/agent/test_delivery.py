"""Delivery through a real mosquitto: cuts, silences, holds, lies; the ledger always adds up."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from homeroute_agent.clock import Clock, every
from homeroute_agent.delivery import COVERED_S
from homeroute_agent.sample import Context, Sampler
from homeroute_agent.spool import Batch, Ledger, Spool
from homeroute_wire.batch import RawBatch, encode_body
from homeroute_wire.measurements import Health, Uplink
from homeroute_wire.messages import Ack
from homeroute_wire.schema import Point
from tests.agent.acking import Acking, receipt, silent, store
from tests.agent.agents import LOG, configure, play, running, until
from tests.brokers import Mosquitto

pytestmark = pytest.mark.slow

NOW_MS = 1_795_299_000_000


def holds(ledger: Ledger) -> bool:
    return ledger.sampled == ledger.stored + ledger.refused + ledger.dropped + ledger.spooled


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == LOG.name]


def backlog(folder: Path, batches: int) -> None:
    """A spool as an earlier run left it."""
    spool = Spool.open(folder / "spool.sqlite")
    for seq in range(1, batches + 1):
        body = encode_body("bus", [Point(NOW_MS + seq, Health(uptime_s=seq))])
        spool.append(Batch("00000000000000aa", seq, 1, body), now_ms=NOW_MS)
    spool.close()


def test_every_point_arrives_and_a_stopped_agent_leaves_nothing(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async def story() -> None:
        with Acking(mosquitto.port) as collector:
            async with running(configure(tmp_path, mosquitto.port)) as agent:
                await until(lambda: collector.points > 10, "points")
                ledger = await agent.stop()
            assert ledger == Ledger(ledger.sampled, ledger.sampled, 0, 0, 0, 0)
            assert collector.points == ledger.sampled
            assert len(set(collector.keys)) == len(collector.keys)
            assert all(b.header.sent_ms > NOW_MS for b in collector.batches)

    play(story)


def test_birth_when_it_comes_and_death_when_it_is_told_to_go(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async def story() -> None:
        with Acking(mosquitto.port) as collector:
            async with running(configure(tmp_path, mosquitto.port)) as agent:
                await until(lambda: len(collector.statuses) == 1, "the birth")
                await agent.stop()
            await until(lambda: len(collector.statuses) == 2, "the death")
            birth, death = collector.statuses
            assert (birth.state, birth.kind, birth.batch_s) == ("online", "bus", 0.2)
            assert (death.state, death.stream) == ("offline", birth.stream)

    play(story)


def test_a_power_cut_leaves_the_will_with_the_same_stream_and_loses_only_memory(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async def story() -> None:
        config = configure(tmp_path, mosquitto.port)
        with Acking(mosquitto.port) as collector:
            async with running(config) as agent:
                await until(lambda: collector.points > 5, "points")
                await agent.cut()
            await until(lambda: len(collector.statuses) == 2, "the will")
            birth, death = collector.statuses
            assert (death.state, death.stream) == ("offline", birth.stream)
            async with running(config) as agent:
                await until(lambda: len(collector.statuses) == 3, "the next birth")
                assert collector.statuses[2].stream != birth.stream
                ledger = await agent.stop()
            assert ledger.stored == collector.points == ledger.sampled

    play(story)


def test_a_broker_absent_at_start_is_said_once_and_nothing_is_lost(
    mosquitto: Mosquitto, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def story() -> None:
        mosquitto.stop()
        config = configure(tmp_path, mosquitto.port)
        async with running(config) as agent:
            await asyncio.sleep(3)
            mosquitto.start()
            with Acking(mosquitto.port) as collector:
                await until(lambda: collector.points > 20, "the backlog")
                ledger = await agent.stop()
                assert holds(ledger) and ledger.dropped == 0
                assert ledger.stored == collector.points

    play(story)
    down = f"broker 127.0.0.1:{mosquitto.port}: connection refused; keeping everything"
    assert sum(line.startswith(down) for line in said(caplog)) == 1
    assert said(caplog).count(f"connected to broker 127.0.0.1:{mosquitto.port}") == 1


def test_a_bus_out_of_the_hollow_waits_for_no_back_off(
    mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("homeroute_agent.delivery.full_jitter_s", lambda _attempt: 600.0)
    state = [0]

    async def probe(context: Context) -> None:
        async for _ in every(context.clock, 0.1):
            uplink = Uplink(interface="w", technology="lte", carrier="unknown", state=state[0])
            context.emit(uplink)

    async def story() -> None:
        mosquitto.stop()
        uplink = Sampler("uplink", lambda _: True, probe)
        async with running(configure(tmp_path, mosquitto.port), samplers=[uplink]) as agent:
            await asyncio.sleep(1)
            mosquitto.start()
            with Acking(mosquitto.port) as collector:
                await asyncio.sleep(COVERED_S + 1)
                assert collector.points == 0, "nobody told it of service"
                state[0] = 2
                await until(lambda: collector.points > 20, "the backlog", COVERED_S + 3)
                assert holds(await agent.stop())

    play(story)


def test_told_to_stop_without_a_connection_it_tries_once_more(
    mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("homeroute_agent.delivery.full_jitter_s", lambda _attempt: 600.0)

    async def story() -> None:
        mosquitto.stop()
        async with running(
            configure(tmp_path, mosquitto.port), clock=Clock(offset_ms=NOW_MS)
        ) as agent:
            await asyncio.sleep(1)
            mosquitto.start()
            with Acking(mosquitto.port) as collector:
                await asyncio.sleep(COVERED_S + 1)
                assert collector.points == 0, "it waits in its back-off"
                ledger = await agent.stop()
                assert ledger.sampled > 5
                assert ledger.stored == ledger.sampled == collector.points

    play(story)


def test_a_broker_that_restarts_and_forgets_loses_nothing(
    mosquitto: Mosquitto, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def story() -> None:
        with Acking(mosquitto.port) as collector:
            async with running(configure(tmp_path, mosquitto.port)) as agent:
                for _ in range(3):
                    before = collector.points
                    await until(lambda n=before: collector.points > n, "points")  # type: ignore[misc]
                    await asyncio.to_thread(mosquitto.kill)
                    await asyncio.to_thread(mosquitto.start)
                await until(lambda: len(collector.statuses) >= 4, "the last birth")
                ledger = await agent.stop()
            assert holds(ledger) and ledger.dropped == 0
            assert collector.points == ledger.sampled - ledger.spooled
            assert ledger.spooled == 0

    play(story)
    assert sum("keeping everything" in line for line in said(caplog)) == 3


def test_a_silent_collector_is_said_once_and_gets_everything_when_it_is_back(
    mosquitto: Mosquitto, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def story() -> None:
        with Acking(mosquitto.port, policy=silent) as collector:
            async with running(configure(tmp_path, mosquitto.port)) as agent:
                quiet = "collector does not answer; everything is kept"
                await until(lambda: quiet in said(caplog), "the silence to be noticed")
                await until(
                    lambda: len(collector.keys) > len(set(collector.keys)), "a second sending"
                )
                assert len(set(collector.keys)) <= 8  # no more than the window
                collector.policy = store
                collector.hello("bus-07")
                await until(lambda: len(set(collector.keys)) > 12, "the backlog")
                ledger = await agent.stop()
            assert ledger.stored == ledger.sampled == collector.points
            assert said(caplog).count(quiet) == 1
            assert said(caplog).count("collector answers again") == 1

    play(story)


def test_the_live_batch_goes_before_the_backlog(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async def story() -> None:
        config = configure(tmp_path, mosquitto.port)
        backlog(config.state_dir, 60)
        with Acking(mosquitto.port) as collector:
            async with running(config) as agent:
                await until(lambda: len(set(collector.keys)) >= 65, "everything")
                await agent.stop()
            old = [seq for stream, seq in collector.keys if stream == "00000000000000aa"]
            assert old == sorted(old, reverse=True)
            live = [i for i, (stream, _) in enumerate(collector.keys) if stream[-2:] != "aa"]
            assert live[0] < 30  # while the backlog was still flowing
            assert len(collector.keys) == len(set(collector.keys))

    play(story)


def test_held_batches_wait_and_do_not_stop_the_others(mosquitto: Mosquitto, tmp_path: Path) -> None:
    def hold_the_first_ten(_collector: Acking, batch: RawBatch) -> Ack:
        if batch.header.seq <= 10:
            return Ack(held=((batch.header.stream, batch.header.seq),))
        return Ack((receipt(batch),))

    async def story() -> None:
        with Acking(mosquitto.port, policy=hold_the_first_ten) as collector:
            async with running(configure(tmp_path, mosquitto.port)) as agent:
                await until(lambda: len(set(collector.keys)) > 14, "batches past the held ones")
                ledger = await agent.stop()
            assert len(collector.keys) == len(set(collector.keys))  # held ones not repeated soon
            held = sum(b.header.points for b in collector.batches if b.header.seq <= 10)
            assert ledger.spooled == held and holds(ledger)

    play(story)


def refuse_one(_collector: Acking, batch: RawBatch) -> Ack:
    return Ack((receipt(batch, refused=1),))


def test_refused_points_are_counted_as_refused(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async def story() -> None:
        with Acking(mosquitto.port, policy=refuse_one) as collector:
            async with running(configure(tmp_path, mosquitto.port)) as agent:
                await until(lambda: len(collector.keys) > 3, "batches")
                ledger = await agent.stop()
            assert ledger.refused == len(collector.keys)
            assert ledger.stored == collector.points - ledger.refused
            assert ledger.spooled == 0

    play(story)


def test_acknowledgements_that_lie_or_cannot_be_read_delete_nothing(
    mosquitto: Mosquitto, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        with Acking(mosquitto.port, policy=silent) as collector:
            async with running(configure(tmp_path, mosquitto.port), quiesce_s=0.5) as agent:
                await until(lambda: len(collector.keys) > 1, "batches")
                stream, seq = collector.keys[0]
                client = collector._client
                name = "homeroute/1/springfield/bus-07/ack"
                wrong = b'{"acks":[["%s",%d,9999,0]]}' % (stream.encode(), seq)
                for payload in (b"", b"\xff", b"[]", b"{" * 9000, b'{"acks":[[1,2]]}', wrong):
                    client.publish(name, payload, qos=1)
                await until(lambda: any("9999 stored" in line for line in said(caplog)), "the lie")
                ledger = await agent.stop()
            assert ledger.stored == 0 and ledger.spooled == ledger.sampled > 0

    play(story)


def test_a_retained_acknowledgement_of_long_ago_is_not_believed(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async def story() -> None:
        with Acking(mosquitto.port, clock=lambda: None, policy=silent) as collector:
            collector.send("bus-07", Ack(clock_ms=NOW_MS), retain=True)
            clock = Clock(boot_id="boot")  # nobody vouches for it but the collector
            config = configure(tmp_path, mosquitto.port)
            async with running(config, clock=clock, quiesce_s=0.3) as agent:
                await until(lambda: bool(collector.statuses), "the birth")
                await asyncio.sleep(0.5)
                ledger = await agent.stop()
            assert collector.keys == []  # nothing could be dated
            assert ledger.spooled == ledger.sampled > 0

    play(story)
