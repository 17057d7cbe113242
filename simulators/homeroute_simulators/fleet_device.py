"""One simulated device: a gateway, and the real agent that runs on it.

Guarantees: the agent is started with a configuration file, a state folder and a
clock, and with nothing that tells it of the simulation; a power cut leaves on its
card exactly what was there at that moment. Does not: move the gateway.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import tempfile
from pathlib import Path

from homeroute_agent.clock import Clock
from homeroute_agent.config import Config
from homeroute_agent.run import SPOOL_NAME, run_agent
from homeroute_agent.spool import Ledger, Spool
from homeroute_simulators.card import Card
from homeroute_simulators.gateway import BusGateway, Gateway
from homeroute_simulators.sim_clock import SimClock

FAREWELL_S = 10.0


class Device:
    """A gateway and its agent. ``clock`` None: the agent takes this machine's time.

    ``own_process``: the agent runs in a process of its own, so that this one device
    can be given limits of the operating system; its clock is the one shared in that file.
    """

    def __init__(
        self,
        gateway: Gateway,
        config_file: Path,
        config: Config,
        clock: SimClock | None,
        *,
        own_process: Path | None = None,
    ) -> None:
        self.gateway = gateway
        self.config_file = config_file
        self.config = config
        self.boots = 0
        self._clock = clock
        self._clock_file = own_process
        self._stop = asyncio.Event()
        self._task: asyncio.Task[Ledger] | None = None
        self._child: asyncio.subprocess.Process | None = None

    @property
    def card(self) -> Card:
        """What it keeps its spool on."""
        return Card(self.config.state_dir / SPOOL_NAME)

    @property
    def pid(self) -> int:
        """The process that its agent runs in."""
        return os.getpid() if self._child is None else self._child.pid

    @property
    def working(self) -> bool:
        """Whether its agent is at work: watches, is heard, and follows the log of lookups.

        What was written before it was opened is told by nobody.
        """
        gateway = self.gateway
        follows = not isinstance(gateway, BusGateway) or gateway.query_log.is_open_in(self.pid)
        return gateway.watched and follows

    @property
    def failed(self) -> bool:
        """Whether its agent has ended without being told to."""
        if self._child is not None:
            return self._child.returncode is not None
        return self._task is not None and self._task.done()

    async def start(self, *, dated: bool = True, uptime_s: float = 0.0, quiesce_s: float) -> None:
        """Boot: the agent starts. ``dated`` as in :meth:`SimClock.device`."""
        self.boots += 1
        self._stop = asyncio.Event()
        boot_id = f"{self.gateway.device}-boot-{self.boots}"
        if self._clock_file is not None and self._clock is not None:
            booted_ms = self._clock.now_ms() - round(uptime_s * 1000)
            words = [str(self.config_file), repr(self._clock.speed), str(self._clock.start_ms)]
            words += [str(self._clock_file), str(booted_ms), boot_id, str(int(dated))]
            self._child = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "homeroute_simulators.fleet_apart", *words, repr(quiesce_s)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is the fleet's to answer: it closes its input
            )
            return
        clock: Clock | None = None
        if self._clock is not None:
            booted_ms = self._clock.now_ms() - round(uptime_s * 1000)
            troubles = self.gateway.troubles
            clock = self._clock.device(
                booted_ms, boot_id, dated=dated, wall_ahead_s=lambda: troubles.wall_ahead_s
            )
        self._task = asyncio.create_task(
            run_agent(
                self.config,
                stop=self._stop,
                clock=clock,
                logger=logging.getLogger(f"homeroute.agent.{self.gateway.device}"),
                quiesce_s=quiesce_s,
            ),
            name=f"agent {self.gateway.device}",
        )

    async def stop(self) -> Ledger:
        """Tell the agent to stop, as systemd does; its ledger. What it raised is raised here."""
        self._stop.set()
        if self._child is not None:
            assert self._child.stdin is not None
            self._child.stdin.close()
            try:
                async with asyncio.timeout(FAREWELL_S + 10.0):
                    await self._child.wait()
            except TimeoutError:
                self._child.kill()
                await self._child.wait()
            self._child = None
        elif self._task is not None:
            task, self._task = self._task, None
            return await task
        return await asyncio.to_thread(self.ledger)

    async def cut_power(self) -> int | None:
        """The power goes. Until when the card holds what was sampled; None: nothing dated yet.

        Ms since 1970 by the device's own clock. The gateway has to be off already,
        so that nothing more gets out.
        """
        image = await asyncio.to_thread(self.card.image)
        # Off already, before it has ended: nobody may take it for an agent that failed.
        child, self._child = self._child, None
        task, self._task = self._task, None
        if child is not None:
            child.kill()
            await child.wait()
        elif task is not None:
            task.cancel()
            await asyncio.wait([task])
        return await asyncio.to_thread(self._leave, image)

    async def kept_ms(self) -> int | None:
        """Until when the card of a running agent holds what was sampled, as :meth:`cut_power`."""
        image = await asyncio.to_thread(self.card.image)
        return await asyncio.to_thread(_saved_ms, image)

    def _leave(self, image: dict[str, bytes]) -> int | None:
        self.card.restore(image, torn=True)
        spool = Spool.open(self.card.path)
        try:
            return spool.clock().saved_ms or None
        finally:
            spool.close()

    def ledger(self) -> Ledger:
        """Of an agent that does not run."""
        spool = Spool.open(self.card.path)
        try:
            return spool.ledger()
        finally:
            spool.close()


def _saved_ms(image: dict[str, bytes]) -> int | None:
    with tempfile.TemporaryDirectory(prefix="homeroute-") as folder:
        copy = Card(Path(folder, SPOOL_NAME))
        copy.restore(image)
        spool = Spool.open(copy.path)
        try:
            return spool.clock().saved_ms or None
        finally:
            spool.close()
