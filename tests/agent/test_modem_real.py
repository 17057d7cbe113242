"""The modem sampler with the real mmcli, on a bus with a mock ModemManager."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from homeroute_agent import probe_others
from homeroute_agent.config import load
from homeroute_agent.modem_signal import Signal
from homeroute_agent.samplers import modem
from tests.agent.bench import Bench, configure, until
from tests.rigs.modem_rig import ModemRig

pytestmark = [pytest.mark.real("mmcli"), pytest.mark.slow]

IMEI = "861585040000000"
SECTIONS = '[uplink]\ntargets = ["127.0.0.1:9"]\n[modem]\ntool = "mmcli"\nevery_s = 0.2\n'


def test_mmcli_is_set_up_asked_and_understood_and_its_absence_outlived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ModemRig() as rig:
        for name, value in rig.environment.items():
            monkeypatch.setenv(name, value)
        bench = Bench(configure(tmp_path, SECTIONS))
        context = bench.context()
        heard: list[Signal] = []

        async def story() -> None:
            task = asyncio.ensure_future(modem.run(context))
            await until(lambda: context.signal.at(bench.clock.boot_ms()), "a reading")
            signal = context.signal.at(bench.clock.boot_ms())
            assert signal is not None
            heard.append(signal)
            await asyncio.to_thread(rig.unplug)
            await until(lambda: bench.failures, "its absence")
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        asyncio.run(story())
    assert heard == [Signal(-92.0, -9.0, 19.2, "lte", "AT&T")]
    assert {type(error) for _, error in bench.failures} == {ConnectionError}
    assert IMEI not in repr(heard) + repr(bench.failures)


def test_the_probe_finds_the_modem_and_shows_no_imei(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ModemRig() as rig:
        for name, value in rig.environment.items():
            monkeypatch.setenv(name, value)
        (found,) = asyncio.run(probe_others.probe_modem(None))
        assert found.works
        assert found.note.startswith("AT&T, lte")
        assert IMEI not in str(found.document())
        configured = configure(tmp_path, SECTIONS)
        (again,) = asyncio.run(probe_others.probe_modem(configured))
        assert again.section == '[modem]\ntool = "mmcli"'
        rig.unplug()
        (gone,) = asyncio.run(probe_others.probe_modem(None))
        assert not gone.works
    assert load(tmp_path / "agent.toml").modem is not None
