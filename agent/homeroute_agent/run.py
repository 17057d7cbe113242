"""One agent, assembled: samplers -> gather -> spool -> delivery, under one TaskGroup.

Guarantees: told to stop, it closes sessions, cuts the last batch, drains for a
short while and leaves everything else in the spool; cancelled, it behaves as in
a power cut. Many agents fit into one event loop; they share nothing. Does not:
read a configuration file, install signal handlers or set up logging.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from importlib import metadata

from homeroute_agent.clients import Clients
from homeroute_agent.clock import Clock, every, read_boot_id
from homeroute_agent.config import Config
from homeroute_agent.delivery import Delivery
from homeroute_agent.gather import Gather
from homeroute_agent.sample import Context, Sampler
from homeroute_agent.spool import Ledger, Spool, SpoolError
from homeroute_agent.spool_file import Log
from homeroute_agent.supervise import Failures, supervise
from homeroute_agent.trust import watch_kernel
from homeroute_wire import WIRE_VERSION
from homeroute_wire.kernel_clock import kernel_synchronised
from homeroute_wire.measurements import UPLINK_NO_SERVICE, Agent, Uplink
from homeroute_wire.messages import Status
from homeroute_wire.schema import Measurement

LOG = logging.getLogger("homeroute.agent")

FAREWELL_S = 5.0
"""What samplers may take to finish when told to stop."""

SPOOL_NAME = "spool.sqlite"


def version() -> str:
    """The installed version of the agent."""
    try:
        return metadata.version("homeroute")
    except metadata.PackageNotFoundError:
        return "unknown"


async def run_agent(
    config: Config,
    *,
    stop: asyncio.Event,
    logger: Log = LOG,
    clock: Clock | None = None,
    samplers: Sequence[Sampler] | None = None,
    quiesce_s: float = 5.0,
) -> Ledger:
    """Run until ``stop`` is set; then send for up to ``quiesce_s`` and return the ledger.

    ``samplers`` replaces the agent's own table, ``clock`` the device's clock,
    which is trusted once the kernel, a GPS fix or the collector vouches for it.
    Raises :class:`~homeroute_agent.spool_file.SpoolError` when the spool cannot
    be opened.
    """
    path = config.state_dir / SPOOL_NAME
    spool = await asyncio.to_thread(Spool.open, path, max_bytes=config.spool.max_bytes, log=logger)
    try:
        await _run(config, spool, clock or _clock(spool), stop, logger, samplers, quiesce_s)
        return await asyncio.to_thread(spool.ledger)
    finally:
        spool.close()


def _clock(spool: Spool) -> Clock:
    saved, boot = spool.clock(), read_boot_id()
    return Clock(
        boot_id=boot,
        offset_ms=saved.offset_ms if saved.boot == boot else None,
        synchronised=kernel_synchronised,
    )


async def _run(
    config: Config,
    spool: Spool,
    clock: Clock,
    stop: asyncio.Event,
    log: Log,
    samplers: Sequence[Sampler] | None,
    quiesce_s: float,
) -> None:
    if samplers is None:
        # Only now: a test, or a simulated device, may bring its own.
        from homeroute_agent.samplers import SAMPLERS

        samplers = SAMPLERS

    stream = secrets.token_hex(8)
    lost = await asyncio.to_thread(spool.drop_undated_of_other_boots, clock.boot_id)
    if lost:
        log.warning("%d samples of an earlier boot can never be dated: dropped", lost)
    birth = Status("online", stream, config.kind, version(), WIRE_VERSION, 0, config.batch_s)
    delivery = Delivery(config, spool, clock, birth=birth, log=log)
    gather = Gather(spool, clock, kind=config.kind, stream=stream, log=log, cut_done=delivery.wake)
    failures = Failures(log)
    context = Context(
        config=config,
        clock=clock,
        clients=Clients(),
        emit=_noticing_service(gather.emit, delivery.covered),
        failed=failures.failed,
        working=failures.working,
    )
    wanted = [sampler for sampler in samplers if sampler.wanted(config)]
    log.info(
        "agent %s of %s starts, stream %s: %s",
        version(),
        config.device,
        stream,
        ", ".join(sampler.name for sampler in wanted) or "no sampler",
    )
    async with asyncio.TaskGroup() as group:
        working = [
            group.create_task(supervise(sampler, context), name=f"sampler {sampler.name}")
            for sampler in wanted
        ]
        working.append(group.create_task(_watch_clock(clock, log), name="clock"))
        counting = _count(spool, clock, gather, failures, config, log)
        working.append(group.create_task(counting, name="ledger"))
        cutting = group.create_task(_cut(gather, clock, config.batch_s), name="cut")
        sending = group.create_task(delivery.run(), name="delivery")
        await stop.wait()
        log.info("stopping: closing sessions, sending what waits")
        await _end(working)
        await _end([cutting])
        await gather.cut()
        delivery.drain(quiesce_s)
        await asyncio.wait([sending], timeout=quiesce_s + 2.0)
        await _end([sending])


def _noticing_service(
    emit: Callable[..., None], covered: Callable[[], None]
) -> Callable[..., None]:
    """Emit, and call ``covered`` when an uplink that had no service has some again."""
    without: set[str] = set()

    def emit_and_notice(record: Measurement, **stamps: int | None) -> None:
        emit(record, **stamps)
        if isinstance(record, Uplink):
            if record.state == UPLINK_NO_SERVICE:
                without.add(record.interface)
            elif record.interface in without:
                without.discard(record.interface)
                covered()

    return emit_and_notice


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=FAREWELL_S)


async def _watch_clock(clock: Clock, log: Log) -> None:
    if not clock.trusted:
        log.info("clock not trusted yet: samples wait for a date")
        await watch_kernel(clock)
    log.info("clock trusted: %s", clock.source)


async def _cut(gather: Gather, clock: Clock, batch_s: float) -> None:
    async for _ in every(clock, batch_s):
        await gather.cut()


async def _count(
    spool: Spool, clock: Clock, gather: Gather, failures: Failures, config: Config, log: Log
) -> None:
    """Sample the agent's own ledger. The sample itself counts once it is spooled."""
    failing = False
    async for _ in every(clock, config.minute_s):
        try:
            ledger = await asyncio.to_thread(spool.ledger)
        except SpoolError as error:
            if not failing:
                log.error("%s", error)  # noqa: TRY400 -- one line, no traceback
            failing = True
            continue
        failing = False
        gather.emit(
            Agent(
                version=version(),
                sampled=ledger.sampled,
                stored=ledger.stored,
                refused=ledger.refused,
                dropped=ledger.dropped,
                spooled=ledger.spooled,
                spool_bytes=ledger.spool_bytes,
                sampler_errors=failures.count,
                config_version=0,
            )
        )
