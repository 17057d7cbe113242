"""The gateway itself: processor, memory, storage, heat, supply, clock.

Guarantees: each value stands alone; what a machine does not tell is left out.
Reads below ``health.root``, so that a simulated device has files of its own, and
asks psutil where there is no ``/proc``.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from homeroute_agent.clock import every
from homeroute_agent.sample import Context, NoData, Sampler
from homeroute_agent.samplers.health_text import (
    CpuTimes,
    Power,
    busy_ratio,
    parse_meminfo,
    parse_proc_stat,
    parse_temperature,
    parse_throttled,
    parse_uptime,
)
from homeroute_wire.measurements import Health

if TYPE_CHECKING:
    from homeroute_agent.config import Config
    from homeroute_agent.config import Health as HealthSettings

NAME = "health"
_SENSORS = ("sys/class/thermal/thermal_zone*/temp", "sys/class/hwmon/hwmon*/temp*_input")
_VCGENCMD_TIMEOUT_S = 5.0


def wanted(config: Config) -> bool:
    """Every device."""
    return bool(config.health)


async def run(ctx: Context) -> None:
    """Emit ``health`` every minute; the first one without a processor share."""
    health = ctx.config.health
    before: CpuTimes | None = None
    async for _ in every(ctx.clock, ctx.config.minute_s):
        try:
            sample, before = await measure(health, before, ctx.clock.last_collector_offset_ms)
        except NoData as error:
            ctx.failed(NAME, error)
            continue
        ctx.emit(sample)
        ctx.working(NAME)


async def measure(
    settings: HealthSettings, before: CpuTimes | None, clock_offset_ms: int | None
) -> tuple[Health, CpuTimes | None]:
    """Read everything once; with it the processor times to compare the next reading with.

    Raises NoData when not even the time since boot is known.
    """
    root = Path(settings.root)
    times = parse_proc_stat(_read(root / "proc/stat"))
    cpu = busy_ratio(before, times) if before and times else None
    memory = parse_meminfo(_read(root / "proc/meminfo"))
    uptime_s = parse_uptime(_read(root / "proc/uptime"))
    if uptime_s is None and root == Path("/"):
        cpu, memory, uptime_s = _ask_psutil()
    if uptime_s is None:
        raise NoData(f"no {root / 'proc/uptime'}, and no psutil (pip install homeroute[health])")
    power = await _read_power(root)
    sample = Health(
        uptime_s=uptime_s,
        cpu_ratio=_rounded(cpu),
        memory_ratio=_rounded(memory),
        disk_ratio=_rounded(disk_ratio(Path(settings.disk))),
        temperature_c=_hottest(root),
        undervoltage=power.undervoltage if power else None,
        throttled=power.throttled if power else None,
        clock_offset_ms=clock_offset_ms,
    )
    return sample, times


def _rounded(ratio: float | None) -> float | None:
    return None if ratio is None else round(ratio, 4)


def disk_ratio(path: Path) -> float | None:
    """Share of writable storage used, as ``df`` counts it: root's reserve is not free."""
    try:
        status = os.statvfs(path)
    except OSError:
        return None
    used = status.f_blocks - status.f_bfree
    usable = used + status.f_bavail
    return used / usable if usable > 0 else None


def _hottest(root: Path) -> float | None:
    readings = [
        parse_temperature(_read(sensor)) for pattern in _SENSORS for sensor in root.glob(pattern)
    ]
    return max((reading for reading in readings if reading is not None), default=None)


async def _read_power(root: Path) -> Power | None:
    if root == Path("/") and (program := shutil.which("vcgencmd")):
        power = parse_throttled(await _ask_firmware(program))
        if power is not None:
            return power
    for alarm in root.glob("sys/class/hwmon/hwmon*/in0_lcrit_alarm"):
        if _read(alarm.parent / "name").strip() == "rpi_volt":
            low = _read(alarm).strip() == "1"
            return Power(undervoltage=low, throttled=low)  # the firmware slows down with it
    return None


async def _ask_firmware(program: str) -> str:
    process = await asyncio.create_subprocess_exec(
        program, "get_throttled", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(_VCGENCMD_TIMEOUT_S):
            said, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return ""
    return said.decode(errors="replace")


def _ask_psutil() -> tuple[float | None, float | None, int | None]:
    try:
        import psutil
    except ImportError:
        return None, None, None
    cpu = psutil.cpu_percent(interval=None) / 100
    memory = psutil.virtual_memory().percent / 100
    return cpu, memory, max(0, int(time.time() - psutil.boot_time()))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


SAMPLER = Sampler(NAME, wanted, run)
