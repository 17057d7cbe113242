"""The modem's signal, technology and carrier, from mmcli or uqmi.

Guarantees: a tool that hangs is ended after its timeout, and one that cannot be ended
is not joined by another; the newest reading goes to the uplink's points and is good
for three questions' time. Of what a tool prints only figures, technology and carrier
are ever looked at. Does not: emit points of its own, or change the modem, but for
asking ModemManager to keep its figures fresh.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from homeroute_agent.clock import every
from homeroute_agent.modem_signal import Signal
from homeroute_agent.sample import Context, NoData, Sampler
from homeroute_agent.samplers.modem_text import (
    TEXT_BOUND,
    parse_mmcli_modem,
    parse_mmcli_signal,
    parse_uqmi_serving,
    parse_uqmi_signal,
)

if TYPE_CHECKING:
    from homeroute_agent.config import Config
    from homeroute_agent.config import Modem as ModemSettings

NAME = "modem"
QUESTIONS_KEPT = 3
"""A reading holds for as long as three questions take to go wrong."""

REGISTERED_S = 60.0
"""How often to ask who the carrier is: it changes at borders, and asking costs a process."""

_END_S = 1.0

_DEVICES = {"mmcli": "any", "uqmi": "/dev/cdc-wdm0"}


def wanted(config: Config) -> bool:
    """Every device with a ``[modem]`` section: a hotspot's carrier is no household's secret."""
    return config.modem is not None


async def run(ctx: Context) -> None:
    """Ask, and pass the newest on."""
    settings = ctx.config.modem
    assert settings is not None
    tool = Tool(settings)
    max_age_ms = round(1000 * (QUESTIONS_KEPT * settings.every_s + settings.timeout_s))
    registered = Signal()
    due_ms = ctx.clock.boot_ms()
    async for _ in every(ctx.clock, settings.every_s):
        try:
            if ctx.clock.boot_ms() >= due_ms:
                registered = await ask_registered(tool, refresh_s=settings.every_s)
                due_ms = ctx.clock.boot_ms() + round(REGISTERED_S * 1000)
            signal = await ask_signal(tool)
        except (OSError, ValueError, NoData) as error:  # TimeoutError is an OSError
            ctx.failed(NAME, error)
            continue
        if not signal.tells:
            soon_ms = ctx.clock.boot_ms() + round(1000 * QUESTIONS_KEPT * settings.every_s)
            due_ms = min(due_ms, soon_ms)  # it may have forgotten to keep them fresh
        ctx.signal.hear(joined(signal, registered), ctx.clock.boot_ms(), max_age_ms=max_age_ms)
        ctx.working(NAME)


def joined(signal: Signal, registered: Signal) -> Signal:
    """Figures, with the technology the modem is registered in, and its carrier. Pure."""
    return replace(
        signal,
        technology=signal.technology or registered.technology,
        carrier=registered.carrier,
    )


async def ask_signal(tool: Tool) -> Signal:
    """The figures now."""
    if tool.name == "mmcli":
        return parse_mmcli_signal(await tool.ask("-m", tool.device, "-J", "--signal-get"))
    return parse_uqmi_signal(await tool.ask("-d", tool.device, "--get-signal-info"))


async def ask_registered(tool: Tool, *, refresh_s: float | None = None) -> Signal:
    """Technology and carrier. With ``refresh_s``, have ModemManager refresh its figures so often.

    ModemManager forgets that at each restart of the modem; where it may not be told,
    somebody else may have told it.
    """
    if tool.name == "uqmi":
        return parse_uqmi_serving(await tool.ask("-d", tool.device, "--get-serving-system"))
    if refresh_s is not None:
        with contextlib.suppress(ConnectionError):
            await tool.ask("-m", tool.device, f"--signal-setup={max(1, round(refresh_s))}")
    return parse_mmcli_modem(await tool.ask("-m", tool.device, "-J"))


class Tool:
    """mmcli or uqmi, run once for each question."""

    def __init__(self, settings: ModemSettings) -> None:
        self.name = settings.tool
        self.device = settings.device or _DEVICES[settings.tool]
        self._program = str(settings.command or settings.tool)
        self._timeout_s = settings.timeout_s
        self._stuck: asyncio.subprocess.Process | None = None

    async def ask(self, *arguments: str) -> str:
        """Run it and return what it prints.

        Raises NoData when there is no such program, TimeoutError when it does not
        answer in time, ConnectionError when it fails: it has no modem, mostly.
        """
        if self._stuck is not None and self._stuck.returncode is None:
            raise TimeoutError(f"{self.name} still hangs")
        try:
            return await self._ask(arguments)
        except FileNotFoundError:
            raise NoData(f"no program {self._program} on this machine") from None

    async def _ask(self, arguments: Sequence[str]) -> str:
        running = await asyncio.create_subprocess_exec(
            self._program,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert running.stdout is not None
        try:
            async with asyncio.timeout(self._timeout_s):
                printed = await _all(running.stdout)
                status = await running.wait()
        finally:
            await self._end(running)
        if status:
            raise ConnectionError(f"{self.name} ended with status {status}")
        return printed.decode("utf-8", "replace")

    async def _end(self, running: asyncio.subprocess.Process) -> None:
        if running.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            running.kill()
        # A program that waits for a driver cannot be killed: leave it, and start no other.
        self._stuck = running
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_S):
                await running.wait()


async def _all(stream: asyncio.StreamReader) -> bytes:
    printed = bytearray()
    while len(printed) < TEXT_BOUND and (piece := await stream.read(TEXT_BOUND)):
        printed += piece
    return bytes(printed)


SAMPLER = Sampler(NAME, wanted, run)
